/**
 * The pre-tokenizers that GGUF files name in `tokenizer.ggml.pre`: the files do not have the patterns themselves.
 *
 * Each is the sequence of patterns of the model's `tokenizer.json`. A text is split by the first, its parts by the second and
 * so on; what a pattern does not match is a part too.
 *
 * @module
 */

/** How a byte-level tokenizer splits texts. */
export interface NamedPreTokenizer {
  /** Regular expressions, one after the other. */
  readonly patterns: readonly string[];
  /** Whether a part that is a token as a whole is not merged from its characters. */
  readonly ignoreMerges: boolean;
  /** Whether texts begin with BOS unless the file says otherwise. */
  readonly addsBos: boolean;
  /** Whether texts are put into Unicode's composed form first (NFC), of which files say nothing. */
  readonly composes: boolean;
}

const CONTRACTIONS = "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])";
const GPT2 = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`;
const LINES_AND_SPACES = String.raw`\s*[\r\n]+|\s+(?!\S)|\s+`;
const DIGITS = String.raw`\p{N}`;

/** The pattern of GPT-4 and its relatives, which differ in how many digits are a part. */
function gpt4(digits: string, letters = String.raw`\p{L}+`, notWord = String.raw`\s\p{L}\p{N}`): string {
  return String.raw`${CONTRACTIONS}|[^\r\n\p{L}\p{N}]?${letters}|${digits}| ?[^${notWord}]+[\r\n]*|${LINES_AND_SPACES}`;
}

/** The pattern of GPT-4o: words end before a capital letter. */
function gpt4o(digits: string, contractions: string, marks = ""): string {
  const upper = String.raw`[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`;
  const lower = String.raw`[\p{Ll}\p{Lm}\p{Lo}\p{M}]`;
  const start = String.raw`[^\r\n\p{L}\p{N}${marks}]?`;
  return String
    .raw`${start}${upper}*${lower}+${contractions}|${start}${upper}+${lower}*${contractions}|${digits}| ?[^\s\p{L}\p{N}]+[\r\n/]*|${LINES_AND_SPACES}`;
}

const ASCII_PUNCTUATION = String.raw`[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_${"`"}{|}~]`;
const DEEPSEEK3 = [
  String.raw`\p{N}{1,3}`,
  "[一-龥\u3040-ゟ゠-ヿ]+",
  String
    .raw`${ASCII_PUNCTUATION}[A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|${LINES_AND_SPACES}`,
];
const BLOOM = String.raw` ?[^(\s|.,!?…。，、।۔،)]+`;

/** Letters of cased scripts, as DeepSeek's first pattern lists them. */
const CASED_LETTERS =
  ("41-5a 61-7a b5 c0-d6 d8-f6 f8-1ba 1bc-1bf 1c4-293 295-2af 370-373 376-377 37b-37d 37f 386 388-38a " +
    "38c 38e-3a1 3a3-3f5 3f7-481 48a-52f 531-556 10a0-10c5 13a0-13f5 13f8-13fd 1c90-1cba 1cbd-1cbf 1d00-1d2b 1d6b-1d77 " +
    "1d79-1d9a 1e00-1f15 1f18-1f1d 1f20-1f45 1f48-1f4d 1f50-1f57 1f59 1f5b 1f5d 1f5f-1f7d 1f80-1fb4 1fb6-1fbc 1fbe " +
    "1fc2-1fc4 1fc6-1fcc 1fd0-1fd3 1fd6-1fdb 1fe0-1fec 1ff2-1ff4 1ff6-1ffc 2102 2107 210a-2113 2115 2119-211d 2124 2126 " +
    "2128 212a-212d 212f-2134 2139 213c-213f 2145-2149 214e 2183-2184 2c00-2c7b 2c7e-2ce4 2ceb-2cee 2cf2-2cf3 a640-a66d " +
    "a680-a69b a722-a76f a771-a787 a78b-a78e ab70-abbf fb00-fb06 fb13-fb17 ff21-ff3a ff41-ff5a 10400-1044f 104b0-104d3 " +
    "104d8-104fb 10c80-10cb2 10cc0-10cf2 118a0-118df 1e900-1e943")
    .replace(/[0-9a-f]+/g, (code) => String.fromCodePoint(parseInt(code, 16))).replaceAll(" ", "");

/** Patterns by the names of `tokenizer.ggml.pre`. */
const PATTERNS: readonly (readonly [names: string, patterns: readonly string[]])[] = [
  ["default", [String.raw`[\p{P}$+<=>^~|]+`, GPT2, String.raw`\p{N}+`, "[0-9][0-9][0-9]"]],
  [
    "gpt-2 phi-2 jina-es jina-de gigachat jina-v2-es jina-v2-de a.x-4.0 mellum modern-bert jina-v1-en jina-v2-code " +
    "roberta-bpe exaone4 mpt olmo jais trillion granite-docling",
    [GPT2],
  ],
  ["starcoder refact command-r smollm codeshell exaone minerva-7b mellum2", [DIGITS, GPT2]],
  [
    "llama3 llama-v3 llama-bpe falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano dbrx smaug-bpe glm4 chatglm-bpe",
    [gpt4(String.raw`\p{N}{1,3}`)],
  ],
  ["minicpm5", [String.raw`\p{N}{1,3}`, gpt4(String.raw`\p{N}+`)]],
  ["qwen2 deepseek-r1-qwen kormo f2llmv2 megrez stablelm2 hunyuan solar-open grok-2", [gpt4(DIGITS)]],
  ["qwen35", [gpt4(DIGITS, String.raw`[\p{L}\p{M}]+`, String.raw`\s\p{L}\p{M}\p{N}`)]],
  ["ufakzeka", [String.raw`[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|${LINES_AND_SPACES}`]],
  ["laguna", [String.raw`[^\n]+|[\n]+`, gpt4(DIGITS)]],
  [
    "seed-coder",
    [String.raw`${CONTRACTIONS}|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}\r\n]+|${LINES_AND_SPACES}`],
  ],
  [
    "bailingmoe bailingmoe2 llada-moe",
    [
      String
        .raw`'(?:[sSdDmMtT]|[lL][lL]|[vV][eE]|[rR][eE])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+`,
    ],
  ],
  [
    "exaone-moe",
    [
      String
        .raw`${CONTRACTIONS}|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+`,
    ],
  ],
  [
    "jais-2",
    [
      String.raw`${CONTRACTIONS}|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+` +
      [512, 256, 128, 64, 32, 16, 8, 4].map((count) => String.raw`|\s{${count}}(?!\S)`).join("") +
      String.raw`|\s{1,2}(?!\S)|\s`,
    ],
  ],
  ["tekken", [gpt4o(DIGITS, "")]],
  ["gpt-4o llama4 kanana2 talkie minimax-m2", [gpt4o(String.raw`\p{N}{1,3}`, `${CONTRACTIONS}?`)]],
  ["granite-embed-multi-97m", [gpt4o(String.raw`\p{N}{1,3}`, `${CONTRACTIONS}?`)]],
  [
    "tiny_aya cohere2moe",
    [String.raw`\d{1,3}(?=(?:\d{3})*\b)`, gpt4o(String.raw`\p{N}{1,3}`, `${CONTRACTIONS}?`)],
  ],
  [
    "youtu",
    [
      "[가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|[一-龥\u3040-ゟ゠-ヿ]+",
      gpt4o(DIGITS, `${CONTRACTIONS}?`),
    ],
  ],
  [
    "kimi-k2",
    [
      String.raw`\p{Han}+`,
      String
        .raw`[^\r\n\p{L}\p{N}]?(?:(?!\p{Han})[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}])*(?:(?!\p{Han})[\p{Ll}\p{Lm}\p{Lo}\p{M}])+${CONTRACTIONS}?|[^\r\n\p{L}\p{N}]?(?:(?!\p{Han})[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}])+(?:(?!\p{Han})[\p{Ll}\p{Lm}\p{Lo}\p{M}])*${CONTRACTIONS}?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|${LINES_AND_SPACES}`,
    ],
  ],
  ["deepseek-v3 hunyuan-dense hy_v4 joyai-llm", DEEPSEEK3],
  [
    "spark2_5",
    [
      DEEPSEEK3[0]!,
      DEEPSEEK3[1]!,
      String
        .raw`${ASCII_PUNCTUATION}[A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+|[\r\n]|\s+(?!\S)|\s+`,
      DIGITS,
    ],
  ],
  [
    "afmoe",
    [
      String.raw`\p{N}{1,3}(?=(?:\p{N}{3})*(?!\p{N}))`,
      "[一-鿿㐀-䶿\uf900-\ufaff\u3040-ゟ゠-ヿ･-ﾟ⼀-\u2fdfเ-\u0e7f\u0e80-\u0effក-\u17ffက-႟ꩠ-ꩿꧠ-\ua9ff가-\ud7afᄀ-ᇿ]+",
      DEEPSEEK3[2]!,
    ],
  ],
  [
    "deepseek-llm",
    [
      String.raw`[\r\n]`,
      String.raw`\s?[${CASED_LETTERS}]+`,
      String.raw`\s?[!-/:-~！-／：-～‘-‟\u3000-。]+`,
      String.raw`\s+$`,
      "[一-龥\u0800-一가-\ud7ff]+",
      String.raw`\p{N}+`,
    ],
  ],
  [
    "deepseek-coder",
    [String.raw`[\r\n]`, String.raw`\s?\p{L}+`, String.raw`\s?\p{P}+`, "[一-龥\u0800-一가-\ud7ff]+", DIGITS],
  ],
  ["falcon", [String.raw`[\p{P}$+<=>^~|${"`"}]+`, GPT2, "[0-9][0-9][0-9]"]],
  ["poro-chat bloom gpt3-finnish", [BLOOM]],
  ["viking", [BLOOM, DIGITS]],
  ["superbpe", [String.raw`\p{N}+`, String.raw`(?=(?:\d{3})+(?!\d))`]],
  [
    "chameleon",
    [
      "<sentinel:[0-9]+>",
      "IMGIMG(?:A|B|C|D|E|F|G|H|I){1,4}Z",
      String.raw`[\t\n]|    |  `,
      DIGITS,
      String.raw`[\p{P}!-/:-@\[-${"`"}{-~]`,
      GPT2,
    ],
  ],
];

const IGNORING_MERGES = new Set(
  ("llama3 llama-v3 llama-bpe falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano minicpm5 youtu tekken " +
    "granite-embed-multi-97m").split(" "),
);
const ADDING_BOS = new Set(
  "llama3 llama-v3 llama-bpe falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano tekken chameleon".split(" "),
);

const COMPOSING = new Set("qwen2 qwen35 deepseek-r1-qwen megrez".split(" "));

/** Every name. */
export const PRE_TOKENIZER_NAMES: readonly string[] = PATTERNS.flatMap(([names]) => names.split(" ")).sort();

/**
 * A pre-tokenizer by its name.
 *
 * @param name The value of `tokenizer.ggml.pre`.
 * @returns The pre-tokenizer; undefined for an unknown name.
 */
export function namedPreTokenizer(name: string): NamedPreTokenizer | undefined {
  const found = PATTERNS.find(([names]) => names.split(" ").includes(name));
  if (found === undefined) return undefined;
  return {
    patterns: found[1],
    ignoreMerges: IGNORING_MERGES.has(name),
    addsBos: ADDING_BOS.has(name),
    composes: COMPOSING.has(name),
  };
}
