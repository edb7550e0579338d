/**
 * Copies of engine modules, each compiled and optimized on its own: a variant then neither profits nor suffers from what
 * another one taught the compiler, and a baseline can have something compiled out that the engine decides at run time.
 *
 * @module
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { UpbeatError } from "../../mod.ts";

const ENGINE = new URL("../../engine/", import.meta.url);

/** A change of a module's text. */
export interface Substitution {
  /** The module, such as `executor.ts`. */
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
        return files.includes(path.slice("./".length)) ? found : ` from "${new URL(path, ENGINE).href}"`;
      });
      writeFileSync(join(folder, file), text);
    }
    return await import(pathToFileURL(join(folder, files[0]!)).href) as Exports;
  }

  /** Remove the copies. */
  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** What decides at run time whether a request's tokens are recorded, decided: they are not. */
export const TRACKING_COMPILED_OUT: readonly Substitution[] = [
  { file: "executor.ts", find: "const usage = usageOf(step, number, this.#blocks);", replace: "const usage = null;" },
  {
    file: "updates.ts",
    find: "if (request.trackTokens && usage !== null) moment.usage = usage;",
    replace: "",
  },
  {
    file: "generation.ts",
    find: "const isKept = this.#setup.request.tracking.generatedTokens;",
    replace: "const isKept = false;",
  },
];
