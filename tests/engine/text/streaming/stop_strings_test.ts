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

interface Part {
  readonly text: string;
  readonly isHidden: boolean;
}

/** Searches all text, and the visible text alone, after every code unit; see {@linkcode search}. */
function searchParts(parts: readonly Part[], stops: readonly string[]): { text: string; matched: string | null } {
  const units = parts.flatMap(({ text, isHidden }) => text.split("").map((unit) => ({ unit, isHidden })));
  const textOf = (list: typeof units) => list.map(({ unit }) => unit).join("");
  const visibleOf = (list: typeof units) => list.filter(({ isHidden }) => !isHidden);
  for (let end = 1; end <= units.length; end++) {
    const whole = units.slice(0, end);
    const visible = visibleOf(whole);
    let best: { text: string; matched: string } | null = null;
    for (const stop of stops) {
      let text: string | null = null;
      if (!whole.at(-1)!.isHidden && textOf(visible).endsWith(stop)) text = textOf(visible).slice(0, -stop.length);
      else if (textOf(whole).endsWith(stop)) text = textOf(visibleOf(whole.slice(0, -stop.length)));
      if (text !== null && stop.length > (best?.matched.length ?? 0)) best = { text, matched: stop };
    }
    if (best !== null) return best;
  }
  return { text: textOf(visibleOf(units)), matched: null };
}

test("pushHidden() agrees with a search of all text and of the visible text, wherever special tokens are", () => {
  const letters = fc.string({ unit: fc.constantFrom("a", "b", "<", ">"), maxLength: 5 });
  const stops = fc.array(letters.filter((stop) => stop !== ""), { maxLength: 4 });
  const parts = fc.array(fc.record({ text: letters, isHidden: fc.boolean() }), { maxLength: 12 });
  fc.assert(
    fc.property(stops, parts, (list, given) => {
      const matcher = new StopStringMatcher(list);
      let written = "";
      for (const { text, isHidden } of given) {
        written += (isHidden ? matcher.pushHidden(text) : matcher.push(text)).text;
      }
      const last = matcher.flush();
      assertEquals({ text: written + last.text, matched: last.matched }, searchParts(given, list));
    }),
    { seed: SEED, numRuns: 4000 },
  );
});

test("pushHidden() finds a special token, and returns the text before it", () => {
  const matcher = new StopStringMatcher(["<|im_end|>"]);
  assertEquals(matcher.push("yes"), { text: "yes", matched: null });
  assertEquals(matcher.pushHidden("<|im_end|>"), { text: "", matched: "<|im_end|>" });
  assertEquals(matcher.push("no"), { text: "", matched: "<|im_end|>" });
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
