import { assertEquals } from "@std/assert";
import { test } from "node:test";
import { ProgressLine } from "../../../cli/terminal/progress_line.ts";

test("ProgressLine draws nothing in the first second, then no more than ten lines a second, and clears what it drew", () => {
  let now = 5_000;
  let written: string[] = [];
  const line = new ProgressLine((text) => written.push(text), () => now);
  const at = (time: number, loadedBytes: number) => {
    now = 5_000 + time;
    line.show({ loadedBytes, totalBytes: 4 * 2 ** 30 });
    const text = written.join("");
    written = [];
    return text;
  };
  assertEquals([at(0, 1), at(500, 2 ** 30), at(999, 2 ** 30)], ["", "", ""]);
  assertEquals(at(1000, 2 ** 30), "\r\x1b[Kloading the model… 25 % of 4.00 GiB");
  assertEquals([at(1050, 2 ** 31), at(1099, 2 ** 31)], ["", ""]);
  assertEquals(at(1100, 2 ** 31 + 1), "\r\x1b[Kloading the model… 50 % of 4.00 GiB");
  line.clear();
  assertEquals(written, ["\r\x1b[K"]);
});

test("ProgressLine leaves the terminal alone when loading was quick", () => {
  const written: string[] = [];
  const line = new ProgressLine((text) => written.push(text), () => 0);
  line.show({ loadedBytes: 10, totalBytes: 10 });
  line.clear();
  assertEquals(written, []);
});
