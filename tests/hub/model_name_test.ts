import { assertEquals } from "@std/assert";
import { test } from "node:test";
import { parseModelName } from "../../hub/model_name.ts";

test("parseModelName() reads the names of each store", () => {
  const hub = { store: "hub", organization: "Qwen", name: "Qwen3-0.6B", revision: "main", selector: null };
  const ollama = { store: "ollama", host: "registry.ollama.ai", namespace: "library", name: "llama3.2", tag: "latest" };
  const studio = { store: "lmstudio", publisher: "lmstudio-community", name: "Qwen3-GGUF", selector: null };
  const cases: [string, unknown][] = [
    ["Qwen/Qwen3-0.6B", hub],
    ["Qwen/Qwen3-0.6B@refs/pr/1", { ...hub, revision: "refs/pr/1" }],
    ["Qwen/Qwen3-0.6B:Q4_K_M", { ...hub, selector: "Q4_K_M" }],
    ["Qwen/Qwen3-0.6B@v1:sub/model.gguf", { ...hub, revision: "v1", selector: "sub/model.gguf" }],
    ["ollama:llama3.2", ollama],
    ["ollama:llama3.2:1b-q8_0", { ...ollama, tag: "1b-q8_0" }],
    ["ollama:ada/tiny:v1", { ...ollama, namespace: "ada", name: "tiny", tag: "v1" }],
    ["ollama:hf.co/ada/tiny:Q8_0", { ...ollama, host: "hf.co", namespace: "ada", name: "tiny", tag: "Q8_0" }],
    ["lmstudio:lmstudio-community/Qwen3-GGUF", studio],
    ["lmstudio:lmstudio-community/Qwen3-GGUF:Q8_0", { ...studio, selector: "Q8_0" }],
  ];
  for (const [text, expected] of cases) assertEquals(parseModelName(text), expected, text);
});

test("parseModelName() takes what could lead out of a store for a path", () => {
  const paths = [
    "",
    "model",
    "./a/b",
    "../a",
    "a/..",
    "a/b/c",
    "/a/b",
    "~/a",
    "a\\b",
    "a/b@../c",
    "a/b:../c",
    "a/b:c/../d",
  ];
  for (const path of [...paths, "ollama:", "ollama:..", "ollama:a/../b", "ollama:a:..", "lmstudio:a", "a/b\0c"]) {
    assertEquals(parseModelName(path), null, path);
  }
});
