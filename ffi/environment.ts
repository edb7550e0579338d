/**
 * Variables of the environment, all of which are optional.
 *
 * @module
 */
import process from "node:process";

/**
 * A variable of the environment.
 *
 * @param name Its name.
 * @returns Its value; undefined where it is not set, is empty, or may not be read (Deno without `--allow-env`).
 */
export function environmentVariable(name: string): string | undefined {
  try {
    return process.env[name] || undefined;
  } catch {
    return undefined;
  }
}
