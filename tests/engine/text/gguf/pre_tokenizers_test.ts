import { assert, assertEquals } from "@std/assert";
import { test } from "node:test";
import { namedPreTokenizer, PRE_TOKENIZER_NAMES } from "../../../../engine/text/gguf/pre_tokenizers.ts";
import { compilePreTokenizer } from "../../../../engine/text/tokenizer/pre_tokenizer.ts";

const TEXT =
  "It's 12345 o'clock,\r\n\n  naïve—Ünïcode 你好世界 ひらがな 한국어 <sentinel:3> IMGIMGABZ\t_x9\u3000end   \n ";

/** The parts that a named pre-tokenizer splits a text into. */
function split(name: string, text: string): string[] {
  const steps = namedPreTokenizer(name)!.patterns.map((Regex) => ({
    type: "Split",
    pattern: { Regex },
    behavior: "Isolated",
    invert: false,
  }));
  const parts: string[] = [];
  compilePreTokenizer({ type: "Sequence", pretokenizers: steps })!((part) => parts.push(part), 10_000)(text, true);
  return parts;
}

test("every named pre-tokenizer splits a text into parts that join to the text", () => {
  assertEquals(new Set(PRE_TOKENIZER_NAMES).size, PRE_TOKENIZER_NAMES.length);
  for (const name of PRE_TOKENIZER_NAMES) {
    const parts = split(name, TEXT);
    assertEquals(parts.join(""), TEXT, name);
    assert(parts.length > 5, name);
  }
  assertEquals(namedPreTokenizer("unknown"), undefined);
});

test("named pre-tokenizers divide digits, contractions and capitals as their models do", () => {
  const cases: [string, string, string[]][] = [
    ["gpt-2", "it's 1234  x", ["it", "'s", " 1234", " ", " x"]],
    ["llama-bpe", "IT'S 12345\n\n", ["IT", "'S", " ", "123", "45", "\n\n"]],
    ["qwen2", "a 12é!", ["a", " ", "1", "2", "é", "!"]],
    ["tekken", "helloWorld12", ["hello", "World", "1", "2"]],
    ["gpt-4o", "HelloWorld's 1234", ["Hello", "World's", " ", "123", "4"]],
    ["deepseek-v3", "汉字ab 1234", ["汉字", "ab", " ", "123", "4"]],
    ["kimi-k2", "汉字ab", ["汉字", "ab"]],
    ["afmoe", "12345", ["12", "345"]],
    ["superbpe", "1234567", ["1", "234", "567"]],
    ["starcoder", "x 42", ["x", " ", "4", "2"]],
    ["default", "a++ 1234", ["a", "++", " ", "123", "4"]],
  ];
  for (const [name, text, expected] of cases) assertEquals(split(name, text), expected, name);
});
