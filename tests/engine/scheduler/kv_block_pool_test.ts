import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { test } from "node:test";
import { KvBlockPool } from "../../../engine/scheduler/kv_block_pool.ts";
import { assertUpbeatError } from "../../support/assert_upbeat_error.ts";

test("KvBlockPool counts the blocks of a sequence by rounding up", () => {
  const pool = new KvBlockPool(4, 16);
  assertEquals([0, 1, 16, 17].map((tokens) => pool.blocksFor(tokens)), [0, 1, 1, 2]);
});

test("KvBlockPool refuses to free a block twice", () => {
  const pool = new KvBlockPool(4, 16);
  const blocks = pool.allocate(2);
  pool.release(blocks);
  assertUpbeatError(() => pool.release(blocks), "INTERNAL", "freed twice");
});

test("KvBlockPool refuses to hand out more blocks than it has, and keeps what it has", () => {
  const pool = new KvBlockPool(3, 16);
  assertUpbeatError(() => pool.allocate(4), "INTERNAL", "4 KV blocks", "3 are free");
  assertEquals(pool.availableBlocks, 3);
});

test("KvBlockPool never hands out a block that somebody holds, whatever the order", () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 6 }), { maxLength: 60 }), (actions) => {
      const pool = new KvBlockPool(12, 8);
      const held: number[][] = [];
      for (const action of actions) {
        if (action > 0 && pool.canAllocate(action)) held.push(pool.allocate(action));
        else if (held.length > 0) pool.release(held.splice(action % held.length, 1)[0]!);
        const all = held.flat();
        assertEquals(new Set(all).size, all.length);
        assertEquals(pool.usedBlocks, all.length);
      }
      for (const blocks of held) pool.release(blocks);
      assertEquals(pool.availableBlocks, 12);
    }),
    { seed: 11 },
  );
});

test("KvBlockPool makes a shared block available when its last holder gives it back", () => {
  const pool = new KvBlockPool(2, 16);
  const blocks = pool.allocate(1);
  pool.share(blocks[0]!);
  pool.release(blocks);
  assertEquals([pool.usedBlocks, pool.isHeld(blocks[0]!)], [1, true]);
  pool.release(blocks);
  assertEquals([pool.usedBlocks, pool.isHeld(blocks[0]!)], [0, false]);
});

test("KvBlockPool reclaims kept blocks last, the end of the sequence not held for longest first", () => {
  const pool = new KvBlockPool(6, 16);
  const reclaimed: number[] = [];
  pool.onReclaim = (block) => reclaimed.push(block);
  const [first, second] = [pool.allocate(2), pool.allocate(2)];
  for (const block of [...first, ...second]) pool.keep(block);
  pool.release(second);
  pool.release(first);
  assertEquals([pool.availableBlocks, pool.cachedBlocks], [6, 4]);
  pool.allocate(2);
  assertEquals(reclaimed, []);
  pool.share(second[0]!);
  pool.allocate(3);
  assertEquals(reclaimed, [second[1]!, first[1]!, first[0]!]);
  assertEquals([pool.availableBlocks, pool.cachedBlocks, pool.usedBlocks], [0, 0, 6]);
});

test("KvBlockPool hands out blocks without content first, whenever they were freed", () => {
  const pool = new KvBlockPool(3, 16);
  const [kept, plain] = [pool.allocate(2), pool.allocate(1)];
  for (const block of kept) pool.keep(block);
  pool.release(kept);
  pool.release(plain);
  assertEquals([pool.allocate(1), pool.cachedBlocks], [plain, 2]);
});
