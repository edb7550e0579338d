/**
 * A temporary folder for one test.
 *
 * @module
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * Run with a fresh folder, which is always removed afterwards.
 *
 * @param use Receives its path; if it returns a promise, the folder is removed when that settles.
 * @returns The result of `use`.
 */
export function withTemporaryFolder<Result>(use: (folder: string) => Result): Result {
  const folder = mkdtempSync(join(tmpdir(), "upbeat-test-"));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  let result: Result;
  try {
    result = use(folder);
  } catch (error) {
    remove();
    throw error;
  }
  if (result instanceof Promise) return result.finally(remove) as Result;
  remove();
  return result;
}
