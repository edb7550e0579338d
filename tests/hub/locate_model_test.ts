import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { UpbeatError } from "../../errors.ts";
import { locateModel } from "../../hub/locate_model.ts";
import { withTemporaryFolder } from "../support/temporary_folder.ts";

const VARIABLES = ["HOME", "HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME", "OLLAMA_MODELS"];

/** Runs with an empty home folder. */
function withHome(use: (home: string) => void): void {
  withTemporaryFolder((home) => {
    const before = VARIABLES.map((name) => [name, process.env[name]] as const);
    for (const name of VARIABLES) delete process.env[name];
    process.env["HOME"] = home;
    try {
      use(home);
    } finally {
      for (const [name, value] of before) {
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      }
    }
  });
}

function write(path: string, content = ""): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  return path;
}

function refusal(model: string): UpbeatError {
  return assertThrows(() => locateModel(model), UpbeatError);
}

/** A repository as huggingface_hub lays it out: blobs, links to them in a snapshot, a reference to that. */
function writeRepository(cache: string, name: string, files: readonly string[], revision = "main"): string {
  const repository = join(cache, `models--${name.replace("/", "--")}`);
  const commit = "0123456789abcdef0123456789abcdef01234567";
  const snapshot = join(repository, "snapshots", commit);
  for (const [index, file] of files.entries()) {
    write(join(repository, "blobs", String(index)));
    mkdirSync(dirname(join(snapshot, file)), { recursive: true });
    symlinkSync(join(repository, "blobs", String(index)), join(snapshot, file));
  }
  write(join(repository, "refs", revision), commit);
  return snapshot;
}

test("locateModel() finds repositories in the Hugging Face cache, wherever the environment puts it", () => {
  withHome((home) => {
    const places: [string, string, string][] = [
      ["", "", ".cache/huggingface/hub"],
      ["XDG_CACHE_HOME", join(home, "xdg"), "xdg/huggingface/hub"],
      ["HF_HOME", join(home, "hf"), "hf/hub"],
      ["HF_HUB_CACHE", join(home, "hub"), "hub"],
    ];
    for (const [name, value, folder] of places) {
      if (name !== "") process.env[name] = value;
      const snapshot = writeRepository(join(home, folder), "ada/tiny", ["config.json", "model.safetensors"]);
      assertEquals(locateModel("ada/tiny"), snapshot);
      assertEquals(locateModel("ada/tiny@0123456789abcdef0123456789abcdef01234567"), snapshot);
    }
  });
});

test("locateModel() chooses among GGUF files: the only one, a usual quantization, or the one asked for", () => {
  withHome((home) => {
    const cache = join(home, ".cache/huggingface/hub");
    const one = writeRepository(cache, "ada/one", ["one-IQ2_M.gguf", "mmproj-one-f16.gguf", "README.md"]);
    assertEquals(locateModel("ada/one"), join(one, "one-IQ2_M.gguf"));
    const files = ["a.Q8_0.gguf", "a.Q4_K_M.gguf", "big/a-Q6_K-00001-of-00002.gguf", "big/a-Q6_K-00002-of-00002.gguf"];
    const many = writeRepository(cache, "ada/many", files, "v1");
    const cases: [string, string][] = [
      ["ada/many@v1", "a.Q4_K_M.gguf"],
      ["ada/many@v1:q8_0", "a.Q8_0.gguf"],
      ["ada/many@v1:Q6_K", "big/a-Q6_K-00001-of-00002.gguf"],
      ["ada/many@v1:a.Q8_0.gguf", "a.Q8_0.gguf"],
    ];
    for (const [name, file] of cases) assertEquals(locateModel(name), join(many, file), name);
    assertStringIncludes(
      refusal("ada/many@v1:Q2_K").message,
      "no single file of that name or quantization; it has a.Q4",
    );
    const odd = writeRepository(cache, "ada/odd", ["x-IQ1_S.gguf", "x-IQ2_M.gguf"]);
    assertStringIncludes(refusal("ada/odd").message, "append one, as in ada/odd:IQ1_S");
    assertEquals(locateModel("ada/odd:IQ2_M"), join(odd, "x-IQ2_M.gguf"));
    writeRepository(cache, "ada/none", ["README.md"]);
    assertStringIncludes(refusal("ada/none").message, "has no GGUF file");
  });
});

test("locateModel() finds models of Ollama and of LM Studio", () => {
  withHome((home) => {
    const store = join(home, ".ollama/models");
    const digest = "ab".repeat(32);
    const manifest = {
      layers: [{ mediaType: "application/vnd.ollama.image.template", digest: "sha256:00" }, {
        mediaType: "application/vnd.ollama.image.model",
        digest: `sha256:${digest}`,
      }],
    };
    write(join(store, "manifests/registry.ollama.ai/library/tiny/latest"), JSON.stringify(manifest));
    write(join(store, "manifests/hf.co/ada/tiny/Q8_0"), JSON.stringify(manifest));
    assertStringIncludes(refusal("ollama:tiny").message, "has lost its weights");
    const blob = write(join(store, "blobs", `sha256-${digest}`));
    assertEquals(locateModel("ollama:tiny"), blob);
    assertEquals(locateModel("ollama:hf.co/ada/tiny:Q8_0"), blob);
    const adapted = { layers: [...manifest.layers, { mediaType: "application/vnd.ollama.image.adapter" }] };
    write(join(store, "manifests/registry.ollama.ai/library/adapted/latest"), JSON.stringify(adapted));
    assertStringIncludes(refusal("ollama:adapted").message, "has an adapter");
    const file = write(join(home, ".lmstudio/models/ada/tiny-GGUF/tiny-Q4_K_M.gguf"));
    assertEquals(locateModel("lmstudio:ada/tiny-GGUF"), file);
    assertEquals(locateModel("lmstudio:ada/tiny-GGUF:q4_k_m"), file);

    for (
      const broken of [
        "",
        "{",
        "{}",
        '{"layers":[{"mediaType":"application/vnd.ollama.image.model","digest":"sha256:../x"}]}',
      ]
    ) {
      write(join(store, "manifests/registry.ollama.ai/library/broken/latest"), broken);
      const error = refusal("ollama:broken");
      assertEquals(error.code, "MODEL_CONFIG_INVALID", broken);
    }
  });
});

test("locateModel() says what to do for a model that is not there, and returns what is no name", () => {
  withHome((home) => {
    const cases: [string, string][] = [
      ["ada/tiny", "hf download ada/tiny"],
      ["ada/tiny@v2", "hf download ada/tiny --revision v2"],
      ["ollama:tiny:1b", "ollama pull tiny:1b"],
      ["ollama:hf.co/ada/tiny:Q8_0", "ollama pull hf.co/ada/tiny:Q8_0"],
      ["lmstudio:ada/tiny", "is not in LM Studio's folder"],
    ];
    for (const [model, message] of cases) {
      const error = refusal(model);
      assertEquals(error.code, "MODEL_NOT_FOUND", model);
      assertStringIncludes(error.message, message);
    }
    for (const path of [home, "./missing", "missing", "C:\\models", "~/model"]) assertEquals(locateModel(path), path);
    // A path that exists is the model, whatever it looks like.
    const before = process.cwd();
    process.chdir(home);
    try {
      write("ada/tiny/config.json");
      assertEquals(locateModel("ada/tiny"), "ada/tiny");
    } finally {
      process.chdir(before);
    }
  });
});
