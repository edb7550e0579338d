import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { test } from "node:test";
import { KvBlockPool } from "../../engine/kv_cache.ts";
import { assertUpbeatError } from "../support/assert_upbeat_error.ts";

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
  assertEquals(pool.freeBlocks, 3);
});

test("KvBlockPool never hands out a block that somebody holds, whatever the order", () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 6 }), { maxLength: 60 }), (actions) => {
      const pool = new KvBlockPool(12, 8);
      const held: Int32Array[] = [];
      for (const action of actions) {
        if (action > 0 && pool.canAllocate(action)) held.push(pool.allocate(action));
        else if (held.length > 0) pool.release(held.splice(action % held.length, 1)[0]!);
        const all = held.flatMap((blocks) => [...blocks]);
        assertEquals(new Set(all).size, all.length);
        assertEquals(pool.usedBlocks, all.length);
      }
      for (const blocks of held) pool.release(blocks);
      assertEquals(pool.freeBlocks, 12);
    }),
    { seed: 11 },
  );
});
