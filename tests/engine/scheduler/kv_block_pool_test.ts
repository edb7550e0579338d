import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { test } from "node:test";
import { KvBlockPool } from "../../../engine/scheduler/kv_block_pool.ts";
import { assertUpbeatError } from "../../support/assert_upbeat_error.ts";

test("blocksFor() rounds up to whole blocks", () => {
  const pool = new KvBlockPool(4, 16);
  assertEquals([0, 1, 16, 17].map((tokens) => pool.blocksFor(tokens)), [0, 1, 1, 2]);
});

test("release() throws when a block is freed twice", () => {
  const pool = new KvBlockPool(4, 16);
  const blocks = pool.allocate(2);
  pool.release(blocks);
  assertUpbeatError(() => pool.release(blocks), "INTERNAL", "freed twice");
});

test("allocate() throws and allocates nothing when too few blocks are available", () => {
  const pool = new KvBlockPool(3, 16);
  assertUpbeatError(() => pool.allocate(4), "INTERNAL", "4 KV blocks", "3 are free");
  assertEquals(pool.availableBlocks, 3);
});

test("allocate() never returns a block that has a holder", () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 6 }), { maxLength: 60 }), (actions) => {
      const pool = new KvBlockPool(12, 8);
      const allocated: number[][] = [];
      for (const action of actions) {
        if (action > 0 && pool.canAllocate(action)) allocated.push(pool.allocate(action));
        else if (allocated.length > 0) pool.release(allocated.splice(action % allocated.length, 1)[0]!);
        const all = allocated.flat();
        assertEquals(new Set(all).size, all.length);
        assertEquals(pool.usedBlocks, all.length);
      }
      for (const blocks of allocated) pool.release(blocks);
      assertEquals(pool.availableBlocks, 12);
    }),
    { seed: 11 },
  );
});

test("release() makes a shared block available when its last holder releases it", () => {
  const pool = new KvBlockPool(2, 16);
  const blocks = pool.allocate(1);
  pool.share(blocks[0]!);
  pool.release(blocks);
  assertEquals([pool.usedBlocks, pool.isHeld(blocks[0]!)], [1, true]);
  pool.release(blocks);
  assertEquals([pool.usedBlocks, pool.isHeld(blocks[0]!)], [0, false]);
});

test("allocate() reclaims kept blocks last, least recently used sequences first and from their ends", () => {
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

test("allocate() prefers blocks without kept content, whenever they were freed", () => {
  const pool = new KvBlockPool(3, 16);
  const [kept, plain] = [pool.allocate(2), pool.allocate(1)];
  for (const block of kept) pool.keep(block);
  pool.release(kept);
  pool.release(plain);
  assertEquals([pool.allocate(1), pool.cachedBlocks], [plain, 2]);
});
