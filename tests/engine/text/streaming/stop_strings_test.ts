import { test } from "node:test";
import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { UpbeatError } from "../../../../errors.ts";
import { StopStringMatcher } from "../../../../engine/text/streaming/stop_strings.ts";

const SEED = 424242;

/** Searches the whole text for the match that ends first, and the longest of those that end together. */
function search(text: string, stops: readonly string[]): { text: string; matched: string | null } {
  for (let end = 1; end <= text.length; end++) {
    const found = stops.filter((stop) => text.slice(0, end).endsWith(stop)).sort((a, b) => b.length - a.length)[0];
    if (found !== undefined) return { text: text.slice(0, end - found.length), matched: found };
  }
  return { text, matched: null };
}

/** Length of the longest suffix that begins a stop string: what must be buffered. */
function pendingLength(text: string, stops: readonly string[]): number {
  for (let length = text.length; length > 0; length--) {
    if (stops.some((stop) => stop.startsWith(text.slice(text.length - length)))) return length;
  }
  return 0;
}

test("push() agrees with a search of the whole text for any deltas, and buffers no more than it must", () => {
  const letters = fc.string({ unit: fc.constantFrom("a", "b", "c", "👍"), maxLength: 5 });
  const stops = fc.array(letters.filter((stop) => stop !== ""), { maxLength: 4 });
  fc.assert(
    fc.property(stops, fc.array(letters, { maxLength: 12 }), (list, deltas) => {
      const matcher = new StopStringMatcher(list);
      const expected = search(deltas.join(""), list);
      let written = "";
      let read = "";
      let matched: string | null = null;
      for (const delta of deltas) {
        const step = matcher.push(delta);
        written += step.text;
        if (matched === null) {
          read += delta;
          if (step.matched === null) assertEquals(read.length - written.length, pendingLength(read, list));
        } else assertEquals(step, { text: "", matched });
        matched = step.matched;
      }
      const last = matcher.flush();
      assertEquals({ text: written + last.text, matched: last.matched }, expected);
    }),
    { seed: SEED, numRuns: 2000 },
  );
});

test("push() finds a stop string that spans deltas", () => {
  const matcher = new StopStringMatcher(["\n\nUser:"]);
  assertEquals(matcher.push("Hello\n"), { text: "Hello", matched: null });
  assertEquals(matcher.push("\nUse"), { text: "", matched: null });
  assertEquals(matcher.push("r: hi"), { text: "", matched: "\n\nUser:" });
  assertEquals(matcher.push("more"), { text: "", matched: "\n\nUser:" });
  assertEquals(matcher.flush(), { text: "", matched: "\n\nUser:" });
});

test("push() returns buffered text that turned out not to be a stop string", () => {
  const matcher = new StopStringMatcher(["abcd"]);
  assertEquals(matcher.push("xabc"), { text: "x", matched: null });
  assertEquals(matcher.push("abc"), { text: "abc", matched: null });
  assertEquals(matcher.flush(), { text: "abc", matched: null });
});

test("push() matches the longest of the stop strings that one character completes", () => {
  assertEquals(new StopStringMatcher(["c", "abc"]).push("xabc"), { text: "x", matched: "abc" });
  assertEquals(new StopStringMatcher(["abcd", "bc"]).push("abcd"), { text: "a", matched: "bc" });
});

test("push() passes all text through without stop strings", () => {
  const matcher = new StopStringMatcher([]);
  assertEquals(matcher.push("text"), { text: "text", matched: null });
  assertEquals(matcher.flush(), { text: "", matched: null });
});

test("StopStringMatcher() rejects an empty stop string", () => {
  const error = assertThrows(() => new StopStringMatcher(["ok", ""]), UpbeatError);
  assertEquals(error.code, "INVALID_PARAMETER");
  assertEquals(error.details["index"], 1);
});
