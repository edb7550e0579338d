import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { DENO, INSTALLED_BUN as BUN, ROOT, TSC } from "../../scripts/support/paths.ts";
import { type PackageRegistry, servePackages } from "../support/package_registry.ts";
import { runProgram } from "../support/run/run_program.ts";
import { withTemporaryFolder } from "../support/temporary_folder.ts";

/** A program that uses the package. */
const PROGRAM = `import { BUNDLED_MODEL, Engine } from "upbeat-llm";

await using engine = await Engine.load(BUNDLED_MODEL, { device: "cpu" });
for await (const text of engine.generate("Once upon a time", { maxTokens: 8, temperature: 0 }).text()) {
  console.log(JSON.stringify(text));
}
`;

/** The output of a program that has to succeed; every other registry and proxy is out of reach. */
async function run(program: string, args: readonly string[], cwd: string, registry: string): Promise<string> {
  const env = {
    ...process.env,
    HOME: cwd,
    DENO_DIR: join(cwd, ".deno"),
    BUN_INSTALL_CACHE_DIR: join(cwd, ".bun"),
    NPM_CONFIG_REGISTRY: registry,
    BUN_CONFIG_REGISTRY: registry,
    npm_config_registry: registry,
    HTTPS_PROXY: "http://127.0.0.1:9",
    https_proxy: "http://127.0.0.1:9",
    HTTP_PROXY: "",
    http_proxy: "",
    NO_PROXY: "127.0.0.1",
    no_proxy: "127.0.0.1",
    NO_COLOR: "1",
    DENO_NO_UPDATE_CHECK: "1",
  };
  const { code, stdout, stderr } = await runProgram(program, args, { cwd, env });
  assertEquals(code, 0, `${program} ${args.join(" ")}: ${stdout}\n${stderr}`);
  return stdout;
}

async function withPackages(use: (folder: string, registry: PackageRegistry) => Promise<void>): Promise<void> {
  await withTemporaryFolder(async (folder) => {
    const packages = join(folder, "packages");
    await run(BUN, [join(ROOT, "scripts/pack.ts"), "--out", packages], ROOT, "");
    const tokenizers = join(ROOT, "node_modules/@huggingface/tokenizers");
    await run(BUN, ["pm", "pack", "--ignore-scripts", "--quiet", "--destination", packages], tokenizers, "");
    await using registry = await servePackages(packages);
    await use(folder, registry);
  });
}

test("the packages install from a registry into empty projects, and generate there", async () => {
  await withPackages(async (folder, registry) => {
    const texts: string[] = [];
    for (const runtime of ["bun", "deno"]) {
      const project = join(folder, runtime);
      mkdirSync(project);
      writeFileSync(join(project, "app.ts"), PROGRAM);
      if (runtime === "bun") {
        writeFileSync(join(project, "package.json"), '{ "type": "module" }');
        await run(BUN, ["add", "upbeat-llm"], project, registry.url);
        texts.push(await run(BUN, ["app.ts"], project, registry.url));
        assertStringIncludes(await run(BUN, ["x", "--bun", "upbeat", "--version"], project, registry.url), "upbeat ");
      } else {
        writeFileSync(join(project, "deno.json"), '{ "nodeModulesDir": "auto" }');
        await run(DENO, ["add", "npm:upbeat-llm"], project, registry.url);
        const permissions = ["--allow-ffi", "--allow-read"];
        texts.push(await run(DENO, ["run", "--no-prompt", ...permissions, "app.ts"], project, registry.url));
        await run(DENO, ["check", "app.ts"], project, registry.url);
      }
    }
    assert(texts[0]!.length > 10);
    assertEquals(texts[0], texts[1]);

    // Types, as a strict project without Bun's sees them.
    const project = join(folder, "bun");
    const options = {
      strict: true,
      module: "nodenext",
      target: "esnext",
      noEmit: true,
      exactOptionalPropertyTypes: true,
    };
    writeFileSync(
      join(project, "tsconfig.json"),
      JSON.stringify({ compilerOptions: { ...options, lib: ["esnext", "dom"], types: [] }, files: ["app.ts"] }),
    );
    await run(BUN, [TSC, "-p", project], project, registry.url);
    assertEquals(registry.missing.filter((path) => path.startsWith("upbeat-llm")), []);
  });
});

test("a package has what users need and nothing else", async () => {
  await withPackages((folder) => {
    const main = join(ROOT, "build/packages/upbeat-llm");
    const names = readdirSync(main).sort();
    const expected = [
      "LICENSE",
      "README.md",
      "assets",
      "cli",
      "engine",
      "errors.d.ts",
      "errors.js",
      "ffi",
      "hub",
      "mod.d.ts",
    ];
    assertEquals(names, [...expected, "mod.js", "package.json", "std"]);
    const files = readdirSync(main, { recursive: true }) as string[];
    assertEquals(files.filter((file) => /(?<!\.d)\.ts$|_test\.|\.so$/.test(file)), []);
    assert(existsSync(join(main, "assets/story-2m/model.safetensors")));
    assert(readdirSync(join(folder, "packages")).length >= 3);
    return Promise.resolve();
  });
});
