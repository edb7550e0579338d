import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { CPU_LIBRARY, DENO, INSTALLED_BUN as BUN, ROOT } from "../../scripts/support/paths.ts";
import { runProgram } from "../support/run/run_program.ts";
import { withTemporaryFolder } from "../support/temporary_folder.ts";

/** The environment of programs that belong to the system, or download what they need. */
const SYSTEM = process.env as Record<string, string>;

/** The text of the model that the programs run. */
const GENERATE = ["generate", "--seed", "1", "--max-tokens", "12"];

test("bun run compile makes a program that runs without environment, checkout and write access", async () => {
  await withTemporaryFolder(async (folder) => {
    const program = join(folder, "upbeat");
    const compiled = await runProgram(BUN, ["scripts/compile.ts", "--outfile", program], {
      cwd: ROOT,
      env: SYSTEM,
    });
    assertEquals(compiled.code, 0, compiled.stderr);
    const empty = join(folder, "empty");
    mkdirSync(empty);
    chmodSync(empty, 0o555);

    assertMatch((await runProgram(program, ["--version"], { cwd: empty })).stdout, /^upbeat \d+\.\d+\.\d+\n$/);
    const expected = await runProgram(BUN, ["cli/main.ts", ...GENERATE], { cwd: ROOT });
    const actual = await runProgram(program, GENERATE, { cwd: empty });
    assertEquals(actual.code, 0, actual.stderr);
    assertEquals(actual.stdout, expected.stdout);
    assertEquals(readdirSync(empty), []);

    if (process.getuid?.() !== 0 || process.platform !== "linux" || !existsSync("/usr/bin/unshare")) return;
    // A root with nothing but what the dynamic linker needs, and /proc, without which Bun does not start.
    const root = join(folder, "root");
    mkdirSync(join(root, "proc"), { recursive: true });
    const { stdout: links } = await runProgram("ldd", [program], { cwd: empty, env: SYSTEM });
    const libraries = [...links.matchAll(/(\/\S+) \(0x/g)].map(([, path]) => path!);
    for (const path of [...libraries, ...librariesOf(libraries)]) {
      mkdirSync(join(root, dirname(path)), { recursive: true });
      copyFileSync(path, join(root, path));
    }
    copyFileSync(program, join(root, "upbeat"));
    const enter = 'mount -t proc proc "$0/proc" && exec env -i /usr/sbin/chroot "$0" /upbeat "$@"';
    const unshare = ["--mount", "/bin/sh", "-c", enter, root, ...GENERATE];
    const bare = await runProgram("/usr/bin/unshare", unshare, { cwd: empty, env: SYSTEM });
    assertEquals(bare.code, 0, bare.stderr);
    assertEquals(bare.stdout, expected.stdout);
  });
});

/** What Upbeat's library needs beside Bun's. */
function librariesOf(libraries: readonly string[]): string[] {
  const folder = dirname(libraries.find((path) => /libc\.so/.test(path))!);
  return ["libstdc++.so.6", "libgcc_s.so.1"].map((name) => join(folder, name)).filter((path) => existsSync(path));
}

const PROGRAM = `import process from "node:process";
import { Engine } from ${JSON.stringify(join(ROOT, "mod.ts"))};

await using engine = await Engine.load(process.argv[2], { device: "cpu", threads: 1 });
const { text } = await engine.generate("Once", { maxTokens: 4, temperature: 0 }).result;
console.log(JSON.stringify(text));
`;

test("a bundled program runs engines: it is its own worker", async () => {
  await withTemporaryFolder(async (folder) => {
    const [source, bundle, compiled] = ["app.ts", "app.js", "app"].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    writeFileSync(source, PROGRAM);
    const model = join(ROOT, "assets/story-2m");
    const env = { ...SYSTEM, UPBEAT_LIBRARY: CPU_LIBRARY, NO_COLOR: "1" };
    const bundlers: [string, string[], string, string[]][] = [
      [BUN, ["build", "--target=bun", `--outfile=${bundle}`, source], BUN, [bundle, model]],
      [BUN, ["build", "--compile", `--outfile=${compiled}`, source], compiled, [model]],
      [
        DENO,
        ["bundle", "--platform=deno", `--config=${join(ROOT, "deno.json")}`, "-o", bundle, source],
        DENO,
        ["run", "-A", bundle, model],
      ],
    ];
    const texts = new Set<string>();
    for (const [bundler, bundling, program, args] of bundlers) {
      const built = await runProgram(bundler, bundling, { cwd: folder, env });
      // Deno downloads its bundler when it is first used.
      if (/Failed loading|error sending request/.test(built.stderr)) {
        console.log(`left out, as it could not be downloaded: ${bundling.join(" ")}`);
        continue;
      }
      assertEquals(built.code, 0, built.stderr);
      const { code, stdout, stderr } = await runProgram(program, args, { cwd: folder, env });
      assertEquals(code, 0, `${bundling.join(" ")}: ${stderr}`);
      assertStringIncludes(stdout, '"');
      texts.add(stdout);
    }
    assertEquals(texts.size, 1);
  });
});
