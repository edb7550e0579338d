import { assert, assertEquals, assertInstanceOf, assertStringIncludes } from "@std/assert";
import { readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { Engine, type EngineOptions, type ErrorCode, UpbeatError } from "../../../mod.ts";
import { writeRandomModel } from "../../support/models/random_model.ts";
import { withModelFolder } from "../../support/test_engine.ts";

/** How to break a model folder, and the error of loading it. */
interface BadModel {
  readonly name: string;
  readonly breakModel: (folder: string) => Promise<unknown>;
  readonly code: ErrorCode;
  readonly parts: readonly string[];
  readonly options?: EngineOptions;
}

const weights = (folder: string): string => join(folder, "model.safetensors");

async function editConfig(folder: string, fields: Record<string, unknown>): Promise<void> {
  const file = join(folder, "config.json");
  const config = JSON.parse(await readFile(file, "utf8")) as Record<string, unknown>;
  await writeFile(file, JSON.stringify({ ...config, ...fields }));
}

/** Rewrites the header of the weights, at the same length. */
async function editHeader(folder: string, edit: (json: string) => string): Promise<void> {
  const bytes = await readFile(weights(folder));
  const length = Number(bytes.readBigUInt64LE(0));
  const json = edit(bytes.subarray(8, 8 + length).toString("utf8"));
  assert(json.length <= length, "the new header must not be longer");
  bytes.write(json.padEnd(length, " "), 8, "utf8");
  await writeFile(weights(folder), bytes);
}

const bad: readonly BadModel[] = [
  {
    name: "truncated weights",
    breakModel: (folder) => truncate(weights(folder), 4000),
    code: "WEIGHTS_INVALID",
    parts: ["model.safetensors"],
  },
  {
    name: "weights with one byte missing",
    breakModel: async (folder) => truncate(weights(folder), (await readFile(weights(folder))).length - 1),
    code: "WEIGHTS_INVALID",
    parts: ["model.safetensors", "1 are missing"],
  },
  {
    name: "a header that claims more bytes than the file has",
    breakModel: async (folder) => {
      const bytes = await readFile(weights(folder));
      bytes.writeBigUInt64LE(2n ** 63n, 0);
      await writeFile(weights(folder), bytes);
    },
    code: "WEIGHTS_INVALID",
    parts: ["model.safetensors", "header"],
  },
  {
    name: "overlapping tensors",
    breakModel: (folder) =>
      editHeader(folder, (json) => json.replace(/(.*)"data_offsets":\[\d+,/, '$1"data_offsets":[0,')),
    code: "WEIGHTS_INVALID",
    parts: ["model.safetensors"],
  },
  {
    name: "an unsupported dtype",
    breakModel: (folder) => editHeader(folder, (json) => json.replace('"BF16"', '"I16"')),
    code: "WEIGHTS_UNSUPPORTED_DTYPE",
    parts: ["I16"],
  },
  {
    name: "a missing tensor",
    breakModel: (folder) => editHeader(folder, (json) => json.replace("model.norm.weight", "model.nurm.weight")),
    code: "WEIGHTS_MISSING_TENSOR",
    parts: ["model.norm.weight"],
  },
  {
    name: "a tensor of another shape",
    breakModel: (folder) => editConfig(folder, { intermediate_size: 90 }),
    code: "WEIGHTS_WRONG_SHAPE",
    parts: ["mlp", "90"],
  },
  { name: "no weights", breakModel: (folder) => rm(weights(folder)), code: "MODEL_NOT_FOUND", parts: ["safetensors"] },
  {
    name: "no config.json",
    breakModel: (folder) => rm(join(folder, "config.json")),
    code: "MODEL_NOT_FOUND",
    parts: ["config.json"],
  },
  {
    name: "a config.json that is not JSON",
    breakModel: (folder) => writeFile(join(folder, "config.json"), "{"),
    code: "MODEL_CONFIG_INVALID",
    parts: ["config.json"],
  },
  {
    name: "an unknown architecture",
    breakModel: (folder) => editConfig(folder, { architectures: ["RwkvForCausalLM"], model_type: "rwkv" }),
    code: "MODEL_UNSUPPORTED",
    parts: ["RwkvForCausalLM"],
  },
  {
    name: "a tokenizer that is not JSON",
    breakModel: (folder) => writeFile(join(folder, "tokenizer.json"), "[1, 2"),
    code: "TOKENIZER_INVALID",
    parts: ["tokenizer.json"],
  },
  {
    name: "a tokenizer with many more tokens than the model",
    breakModel: async (folder) => {
      const file = join(folder, "tokenizer.json");
      const tokenizer = JSON.parse(await readFile(file, "utf8")) as { added_tokens: Record<string, unknown>[] };
      for (let id = 320; id < 2_000; id++) {
        tokenizer.added_tokens.push({ ...tokenizer.added_tokens[0], id, content: `<too many ${id}>` });
      }
      await writeFile(file, JSON.stringify(tokenizer));
    },
    code: "TOKENIZER_MISMATCH",
    parts: ["up to 1999", "vocab_size in config.json is 320"],
  },
  {
    name: "a context longer than the model's",
    breakModel: () => Promise.resolve(),
    options: { maxContext: 4096 },
    code: "INVALID_PARAMETER",
    parts: ["maxContext", "2048"],
  },
  {
    name: "a KV cache larger than the memory",
    breakModel: () => Promise.resolve(),
    options: { kvBlocks: 2 ** 31 - 1 },
    code: "DEVICE_OUT_OF_MEMORY",
    parts: ["KV cache", "free"],
  },
  {
    name: "a KV cache for less than two tokens",
    breakModel: () => Promise.resolve(),
    options: { kvBlocks: 1, blockSize: 1 },
    code: "INVALID_PARAMETER",
    parts: ["kvBlocks must hold 2 tokens or more", "got 1"],
  },
  {
    name: "suggested sampling that cannot be",
    breakModel: (folder) => writeFile(join(folder, "generation_config.json"), '{"do_sample": true, "top_p": 0}'),
    code: "MODEL_CONFIG_INVALID",
    parts: ["generation_config.json", "top_p is 0"],
  },
  {
    name: "an adapter without its base model",
    breakModel: async (folder) => {
      await rm(weights(folder));
      await writeFile(join(folder, "adapter_model.safetensors"), "");
      await writeFile(join(folder, "adapter_config.json"), '{"base_model_name_or_path": "org/base"}');
    },
    code: "MODEL_NOT_FOUND",
    parts: ['only an adapter (LoRA) of "org/base"', "merge_and_unload"],
  },
  {
    name: "weights in another format",
    breakModel: (folder) => writeFile(weights(folder), "GGUF\u0003\u0000\u0000\u0000\u0001"),
    code: "WEIGHTS_INVALID",
    parts: ["model.safetensors", "GGUF"],
  },
  {
    name: "a library that does not exist",
    breakModel: () => Promise.resolve(),
    options: { library: "/nowhere/libupbeat_cpu.so", device: "cpu" },
    code: "LIBRARY_NOT_FOUND",
    parts: ["/nowhere/libupbeat_cpu.so", "bun run build"],
  },
];

for (const { name, breakModel, code, parts, options } of bad) {
  test(`load() of ${name} fails with ${code} and names the cause`, async () => {
    await withModelFolder(async (folder) => {
      writeRandomModel(folder, { tokenizer: true });
      await breakModel(folder);
      const error: unknown = await Engine.load(folder, options).then(() => null, (thrown: unknown) => thrown);
      assertInstanceOf(error, UpbeatError);
      assertEquals(error.code, code, error.message);
      for (const part of parts) assertStringIncludes(error.message, part);
    });
  });
}

test("a model without a tokenizer accepts token ids, and rejects text with TOKENIZER_MISSING", async () => {
  await withModelFolder(async (folder) => {
    writeRandomModel(folder);
    await using engine = await Engine.load(folder);
    const { tokenIds, text } = await engine.generate([1, 2], { maxTokens: 3, ignoreEos: true }).result;
    assertEquals([tokenIds.length, text], [3, ""]);
    for (const [prompt, options] of [["hi", {}], [[1], { stop: "x" }]] as const) {
      const error: unknown = await engine.generate(prompt, options).result.then(
        () => null,
        (thrown: unknown) => thrown,
      );
      assertInstanceOf(error, UpbeatError);
      assertEquals(error.code, "TOKENIZER_MISSING");
    }
  });
});
