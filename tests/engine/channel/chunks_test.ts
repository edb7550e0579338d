import { assertEquals } from "@std/assert";
import { test } from "node:test";
import { chunkEnd } from "../../../engine/channel/chunks.ts";

test("chunkEnd() is 1 for the first chunk, then the next multiple of the stream interval", () => {
  const ends = (streamInterval: number) => {
    const found = [0];
    while (found.length < 6) found.push(chunkEnd(found.at(-1)!, streamInterval));
    return found.slice(1);
  };
  assertEquals(ends(1), [1, 2, 3, 4, 5]);
  assertEquals(ends(2), [1, 2, 4, 6, 8]);
  assertEquals(ends(4), [1, 4, 8, 12, 16]);
  // Where something cut a chunk short, the next one ends where it would have.
  assertEquals([chunkEnd(2, 4), chunkEnd(3, 4), chunkEnd(5, 4)], [4, 4, 8]);
});
