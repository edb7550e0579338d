/**
 * Where the chunks of a generation end.
 *
 * @module
 */

/**
 * Chunks end at the first token, at each multiple of the stream interval, and where the generation ends. So both sides
 * agree on them: the executor sends whole chunks, and the caller gets the same ones however the outputs arrive.
 *
 * @param start Tokens before the chunk.
 * @param streamInterval Tokens per chunk, after the first one.
 * @returns Tokens up to the chunk's end, unless the generation ends before.
 * @example
 * ```ts
 * [0, 1, 4, 8].map((start) => chunkEnd(start, 4)); // [1, 4, 8, 12]
 * ```
 */
export function chunkEnd(start: number, streamInterval: number): number {
  return start === 0 ? 1 : (Math.floor(start / streamInterval) + 1) * streamInterval;
}
