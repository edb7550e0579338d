/** Lines of context around a difference. */
const CONTEXT = 3;
/** Lines of output; the rest is counted. */
const MAX_LINES = 80;
/** Limit of lines times lines to align; larger differences list both sides whole. */
const MAX_ALIGNED = 1_000_000;

/** `" "` in both, `"-"` in the first only, `"+"` in the second only. */
type Line = readonly [mark: " " | "-" | "+", text: string];

/** Alignment by a longest common subsequence (Wagner and Fischer 1974). */
function align(a: readonly string[], b: readonly string[]): Line[] {
  if (a.length * b.length > MAX_ALIGNED) {
    return [
      ...a.map((text): Line => ["-", text]),
      ...b.map((text): Line => ["+", text]),
    ];
  }
  const width = b.length + 1;
  const common = new Int32Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      common[i * width + j] = a[i] === b[j]
        ? common[(i + 1) * width + j + 1]! + 1
        : Math.max(common[(i + 1) * width + j]!, common[i * width + j + 1]!);
    }
  }
  const lines: Line[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      lines.push([" ", a[i]!]);
      i++;
      j++;
    } else if (
      i < a.length &&
      (j === b.length ||
        common[(i + 1) * width + j]! >= common[i * width + j + 1]!)
    ) {
      lines.push(["-", a[i++]!]);
    } else lines.push(["+", b[j++]!]);
  }
  return lines;
}

/**
 * Compare two texts line by line.
 *
 * @param actual The actual text, marked `-`.
 * @param expected The expected text, marked `+`.
 * @returns The differing lines with some context, at most a few dozen.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { diff } from "./diff.ts";
 * assertEquals(diff("a\nb", "a\nc"), "    a\n-   b\n+   c");
 * ```
 */
export function diff(actual: string, expected: string): string {
  const a = actual.split("\n");
  const b = expected.split("\n");
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  let end = 0;
  while (
    end < a.length - start && end < b.length - start &&
    a.at(-1 - end) === b.at(-1 - end)
  ) end++;
  const lines: Line[] = [
    ...a.slice(0, start).map((text): Line => [" ", text]),
    ...align(a.slice(start, a.length - end), b.slice(start, b.length - end)),
    ...a.slice(a.length - end).map((text): Line => [" ", text]),
  ];
  const near = new Set<number>();
  lines.forEach(([mark], at) => {
    if (mark !== " ") {
      for (let i = at - CONTEXT; i <= at + CONTEXT; i++) near.add(i);
    }
  });
  const output: string[] = [];
  let skipped = false;
  for (const [at, [mark, text]] of lines.entries()) {
    if (!near.has(at)) skipped = true;
    else {
      if (skipped) output.push("    …");
      skipped = false;
      output.push(`${mark}   ${text}`);
    }
  }
  if (skipped) output.push("    …");
  return output.length <= MAX_LINES ? output.join("\n") : [
    ...output.slice(0, MAX_LINES),
    `    … ${output.length - MAX_LINES} more lines`,
  ].join("\n");
}
