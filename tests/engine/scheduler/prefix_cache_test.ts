import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { test } from "node:test";
import { KvBlockPool } from "../../../engine/scheduler/kv_block_pool.ts";
import { type BlockHash, PrefixCache } from "../../../engine/scheduler/prefix_cache.ts";
import type { Request } from "../../../engine/scheduler/request.ts";
import { makeRequest } from "../../support/scripted/requests.ts";

const BLOCK_SIZE = 2;

/** A request with a prompt and no blocks yet. */
function sequence(tokens: readonly number[]): Request {
  return makeRequest(1, tokens, 1);
}

/** Gives a sequence its blocks, cached ones where possible, and registers the full ones. */
function compute(pool: KvBlockPool, cache: PrefixCache, tokens: readonly number[]): Request {
  const request = sequence(tokens);
  const cached = cache.find(request, tokens.length);
  for (const block of cached) pool.share(block);
  request.blocks = [...cached, ...pool.allocate(pool.blocksFor(tokens.length) - cached.length)];
  request.registeredBlocks = cached.length;
  cache.register(request, tokens.length);
  return request;
}

test("find() returns the full blocks of the longest cached prefix, up to its limit", () => {
  const pool = new KvBlockPool(8, BLOCK_SIZE);
  const cache = new PrefixCache(pool);
  const { blocks } = compute(pool, cache, [1, 2, 3, 4, 5]);
  assertEquals(cache.find(sequence([1, 2, 3, 4, 5, 6]), 6), blocks.slice(0, 2));
  assertEquals(cache.find(sequence([1, 2, 3, 4]), 3), blocks.slice(0, 1));
  assertEquals(cache.find(sequence([1, 2, 9, 4]), 4), blocks.slice(0, 1));
  assertEquals(cache.find(sequence([9, 2, 3, 4]), 4), []);
  // The same tokens after another prefix have other keys and values.
  assertEquals(cache.find(sequence([3, 4]), 2), []);
});

test("register() adds only full blocks of confirmed tokens", () => {
  const pool = new KvBlockPool(8, BLOCK_SIZE);
  const cache = new PrefixCache(pool);
  const request = sequence([1, 2, 3, 4, 5, 6]);
  request.blocks = pool.allocate(3);
  const cachedBlocks = () => cache.find(request, 6).length;
  const counts = [1, 2, 3, 4, 5, 6].map((tokens) => (cache.register(request, tokens), cachedBlocks()));
  assertEquals(counts, [0, 1, 1, 2, 2, 3]);
});

test("register() releases a second copy of a block and shares the first", () => {
  const pool = new KvBlockPool(8, BLOCK_SIZE);
  const cache = new PrefixCache(pool);
  const [first, second] = [sequence([1, 2, 3, 4, 5]), sequence([1, 2, 3, 4, 6])];
  for (const request of [first, second]) request.blocks = pool.allocate(3);
  for (const request of [first, second]) cache.register(request, 5);
  assertEquals(first.blocks.slice(0, 2), second.blocks.slice(0, 2));
  assertEquals(pool.usedBlocks, 4);
  pool.release(first.blocks);
  assertEquals(cache.find(second, 5).length, 2);
  pool.release(second.blocks);
  assertEquals([pool.usedBlocks, pool.cachedBlocks], [0, 2]);
});

test("find() compares tokens and previous blocks when all keys collide", () => {
  const pool = new KvBlockPool(16, BLOCK_SIZE);
  const cache = new PrefixCache(pool, () => 7);
  const one = compute(pool, cache, [1, 2, 3, 4]);
  const two = compute(pool, cache, [5, 6, 3, 4]);
  assert(one.blocks[1] !== two.blocks[1]);
  assertEquals(cache.find(sequence([5, 6, 3, 4]), 4), two.blocks);
  assertEquals(cache.find(sequence([1, 2, 3, 4]), 4), one.blocks);
  assertEquals(cache.find(sequence([3, 4]), 2), []);
});

test("register() chains the key of a block to that of the previous one", () => {
  const pool = new KvBlockPool(8, BLOCK_SIZE);
  const hashed: string[] = [];
  const cache = new PrefixCache(pool, (parentKey, tokens, start, count) => {
    hashed.push(`${parentKey} ${tokens.tokenAt(start)} ${count}`);
    return parentKey * 10 + tokens.tokenAt(start);
  });
  compute(pool, cache, [1, 2, 3, 4, 5, 6]);
  assertEquals(hashed.slice(-3), ["0 1 2", "1 3 2", "13 5 2"]);
});

/** A reference cache: the prefix that ends with each block. */
class NaiveCache {
  readonly prefixes = new Map<number, string>();

  find(tokens: readonly number[], limit: number): number[] {
    const found: number[] = [];
    for (let end = BLOCK_SIZE; end <= limit; end += BLOCK_SIZE) {
      const wanted = tokens.slice(0, end).join();
      const [block] = [...this.prefixes].find(([, prefix]) => prefix === wanted) ?? [null];
      if (block === null) break;
      found.push(block);
    }
    return found;
  }
}

const hashes: readonly (BlockHash | undefined)[] = [undefined, () => 0, (parent, tokens, start) => {
  return (parent + tokens.tokenAt(start)) % 3;
}];

test("find() agrees with a list of all prefixes for random starts, extensions and frees", () => {
  const action = fc.oneof(
    fc.record({
      type: fc.constant("start" as const),
      tokens: fc.array(fc.nat({ max: 1 }), { minLength: 1, maxLength: 9 }),
    }),
    fc.record({ type: fc.constant("extend" as const), which: fc.nat(), token: fc.nat({ max: 1 }) }),
    fc.record({ type: fc.constant("free" as const), which: fc.nat() }),
  );
  for (const hash of hashes) {
    let hits = 0;
    let reclaimed = 0;
    fc.assert(
      fc.property(fc.array(action, { minLength: 20, maxLength: 90 }), (actions) => {
        const pool = new KvBlockPool(10, BLOCK_SIZE);
        const cache = new PrefixCache(pool, hash);
        const naive = new NaiveCache();
        const forget = pool.onReclaim;
        pool.onReclaim = (block) => {
          reclaimed++;
          // A block is reclaimed only after all blocks that continue its prefix.
          const prefix = naive.prefixes.get(block)!;
          for (const other of naive.prefixes.values()) assert(other === prefix || !other.startsWith(`${prefix},`));
          naive.prefixes.delete(block);
          forget(block);
        };
        const live: { request: Request; tokens: number[] }[] = [];
        const register = ({ request, tokens }: (typeof live)[number]) => {
          cache.register(request, tokens.length);
          for (let index = 0; index < request.registeredBlocks; index++) {
            const prefix = tokens.slice(0, (index + 1) * BLOCK_SIZE).join();
            const block = request.blocks[index]!;
            assertEquals(naive.prefixes.get(block) ?? prefix, prefix, "a block in use keeps its content");
            naive.prefixes.set(block, prefix);
          }
        };
        for (const action of actions) {
          if (action.type === "start") {
            const { tokens } = action;
            const request = sequence(tokens);
            const cached = cache.find(request, tokens.length);
            assertEquals(cached, naive.find(tokens, tokens.length));
            hits += cached.length;
            const needed = pool.blocksFor(tokens.length);
            const inUse = cached.filter((block) => pool.isHeld(block)).length;
            if (needed > pool.availableBlocks + inUse) continue;
            for (const block of cached) pool.share(block);
            request.blocks = [...cached, ...pool.allocate(needed - cached.length)];
            request.registeredBlocks = cached.length;
            live.push({ request, tokens: [...tokens] });
            register(live.at(-1)!);
          } else if (live.length > 0) {
            const index = action.which % live.length;
            const entry = live[index]!;
            if (action.type === "free") {
              pool.release(entry.request.blocks);
              live.splice(index, 1);
            } else {
              const missing = pool.blocksFor(entry.tokens.length + 1) - entry.request.blocks.length;
              if (!pool.canAllocate(missing)) continue;
              entry.request.blocks.push(...pool.allocate(missing));
              entry.request.tokenIds.push(action.token);
              entry.tokens.push(action.token);
              register(entry);
            }
          }
          assertEquals(pool.usedBlocks, new Set(live.flatMap(({ request }) => request.blocks)).size);
          const unused = [...naive.prefixes.keys()].filter((block) => !pool.isHeld(block));
          assertEquals(pool.cachedBlocks, unused.length);
        }
        for (const { request } of live) pool.release(request.blocks);
        assertEquals(pool.availableBlocks, 10);
      }),
      { seed: 14, numRuns: 300 },
    );
    assert(hits > 100 && reclaimed > 100, `${hits} hits, ${reclaimed} reclaimed`);
  }
});
