import { assert, assertEquals } from "@std/assert";
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { checkModelPath, noModel, noWeights } from "../../../engine/files/model_folder.ts";
import { assertUpbeatError } from "../../support/assert_upbeat_error.ts";
import { withTemporaryFolder } from "../../support/temporary_folder.ts";

test("checkModelPath() accepts paths, and refuses everything else", () => {
  for (const path of [".", "models/x", "/models/x", "C:\\models"]) checkModelPath(path);
  for (const wrong of [undefined, null, "", 5, {}, new URL("file:///models"), ["models"], "nul\0byte"]) {
    assertUpbeatError(() => checkModelPath(wrong), "INVALID_PARAMETER", "model must be the path of a model folder");
  }
});

const NAMES: readonly (readonly [path: string, ...parts: string[]])[] = [
  ["Qwen/Qwen3-0.6B", "not a folder on this machine", "hf download"],
  ["https://huggingface.co/Qwen/Qwen3-0.6B", "not a folder on this machine", "hf download"],
  ["file:///models/qwen", "URL", "fileURLToPath"],
  ["~/models/qwen", "shell"],
  ["C:\\models\\qwen", "Windows path", "/mnt/c/"],
  ["llama3:8b", "other programs"],
  ["/no/such/folder", "does not exist", "Hugging Face model folder"],
  ["./models", "does not exist"],
];
for (const [path, ...parts] of NAMES) {
  test(`noModel() explains ${path}`, () => {
    const { code, message } = noModel(path);
    assertEquals(code, "MODEL_NOT_FOUND");
    for (const part of [path, ...parts]) assert(message.includes(part), message);
  });
}

/** What stands in a folder, as files with their text and folders that end in a slash; the path that is given; the message. */
const FOLDERS: readonly (readonly [files: Record<string, string>, path: string, ...parts: string[]])[] = [
  [{}, "", "config.json does not exist", "Hugging Face model folder"],
  [{ "model.Q4.gguf": "GGML" }, "model.Q4.gguf", "does not begin like one", "download it again"],
  [{ "a.Q4.gguf": "GGUF", "b.Q8.gguf": "GGUF" }, "", "several GGUF files", "a.Q4.gguf"],
  [{ "model.safetensors": "" }, "model.safetensors", "is a file", "the folder that it is in"],
  [{ "notes.txt": "" }, "notes.txt", "is a file, not a folder"],
  [
    { "adapter_config.json": '{"base_model_name_or_path": "org/base"}', "adapter_model.safetensors": "" },
    "",
    'only an adapter (LoRA) of "org/base"',
    "merge_and_unload",
  ],
  [{ "adapter_config.json": "{" }, "", "only an adapter (LoRA):"],
  [{ "deep/config.json": "{}" }, "", "probably in", "deep"],
  [{ "snapshots/0123/": "", "refs/": "" }, "", "probably in", "snapshots/0123"],
  [{ "params.json": "{}", "consolidated.00.pth": "" }, "", "own format"],
];
for (const [files, path, ...parts] of FOLDERS) {
  test(`noModel() explains ${path === "" ? `a folder with ${Object.keys(files).join(", ") || "nothing"}` : path}`, () => {
    withTemporaryFolder((folder) => {
      for (const [name, text] of Object.entries(files)) {
        mkdirSync(join(folder, name, name.endsWith("/") ? "" : ".."), { recursive: true });
        if (!name.endsWith("/")) writeFileSync(join(folder, name), text);
      }
      const { message } = noModel(join(folder, path));
      for (const part of [folder, ...parts]) assert(message.includes(part), message);
    });
  });
}

test("noModel() reads nothing that could block", () => {
  withTemporaryFolder((folder) => {
    for (const name of ["adapter_config.json", "pipe"]) execFileSync("mkfifo", [join(folder, name)]);
    assert(noModel(folder).message.includes("only an adapter"));
    assert(noModel(join(folder, "pipe")).message.includes("is not a folder"));
  });
});

test("noWeights() names what is there instead", () => {
  const expected = ["model.safetensors", "model.safetensors.index.json"];
  const cases: [string[], string][] = [
    [[], "download the model's weights"],
    [["pytorch_model.bin"], "convert the model to safetensors"],
    [["model-00001-of-00002.safetensors"], "download model.safetensors.index.json"],
    [["adapter_config.json", "adapter_model.safetensors", "config.json"], "only an adapter"],
  ];
  for (const [names, part] of cases) {
    withTemporaryFolder((folder) => {
      for (const name of names) writeFileSync(join(folder, name), "{}");
      const { message } = noWeights(folder, expected);
      assert(message.includes(part) && message.includes("neither model.safetensors nor"), message);
    });
  }
});
