/**
 * Copies of engine modules, each compiled and optimized on its own: a variant then neither profits nor suffers from what
 * another one taught the compiler, and a baseline can have something compiled out that the engine decides at run time.
 *
 * @module
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { UpbeatError } from "../../mod.ts";

const ENGINE = new URL("../../engine/", import.meta.url);

/** A change of a module's text. */
export interface Substitution {
  /** The module, such as `executor/executor.ts`. */
  readonly file: string;
  /** What stands there, once. */
  readonly find: string;
  /** What is to stand there. */
  readonly replace: string;
}

/** Makes copies in a folder of its own. */
export class ModuleCopies implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), "upbeat-bench-"));
  #copies = 0;

  /**
   * Copy modules of `engine/` that import each other; whatever else they import is not copied.
   *
   * @param files The modules; the first one is loaded.
   * @param substitutions What to change.
   * @returns What the first module exports.
   * @throws {UpbeatError} `INTERNAL` when a substitution does not apply any more.
   */
  async load<Exports>(files: readonly string[], substitutions: readonly Substitution[] = []): Promise<Exports> {
    const folder = join(this.#folder, String(this.#copies++));
    mkdirSync(folder);
    for (const file of files) {
      let text = readFileSync(new URL(file, ENGINE), "utf8");
      for (const { find, replace } of substitutions.filter((substitution) => substitution.file === file)) {
        if (text.split(find).length !== 2) {
          throw new UpbeatError("INTERNAL", `engine/${file} has changed: what the benchmark takes out is not there`, {
            file,
            find,
          });
        }
        text = text.replace(find, () => replace);
      }
      text = text.replace(/ from "(\.[^"]+)"/g, (found, path: string) => {
        const imported = new URL(path, new URL(file, ENGINE)).href;
        return files.some((copied) => new URL(copied, ENGINE).href === imported) ? found : ` from "${imported}"`;
      });
      mkdirSync(dirname(join(folder, file)), { recursive: true });
      writeFileSync(join(folder, file), text);
    }
    return await import(pathToFileURL(join(folder, files[0]!)).href) as Exports;
  }

  /** Remove the copies. */
  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** The modules of the executor that see whether a request's tokens are recorded; the first one has its class. */
export const EXECUTOR_MODULES = ["executor/executor.ts", "executor/emitter.ts"] as const;

/** The same of a generation. */
export const GENERATION_MODULES = [
  "caller/generation.ts",
  "events/request_record.ts",
  "events/token_columns.ts",
] as const;

/** The decision whether a request's tokens are recorded, taken in advance: they are not. */
export const TRACKING_COMPILED_OUT: readonly Substitution[] = [
  {
    file: "executor/executor.ts",
    find: "const usage = usageOf(step, number, this.#blocks);",
    replace: "const usage = null;",
  },
  { file: "executor/emitter.ts", find: "request.trackTokens ? usage : null", replace: "null" },
  {
    file: "events/token_columns.ts",
    find:
      "if (!this.#tracking.generatedTokens) return;\n    this.#emittedTimes.push(emittedAt);\n    this.#usages.push(usage);",
    replace: "",
  },
  {
    file: "events/token_columns.ts",
    find: "if (generatedTokens) kept.push(this.tokenEvent(cursor.tokens));",
    replace: ";",
  },
];
