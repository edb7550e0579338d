/**
 * The folder of real models for checking. Tests that use them are skipped on machines without it.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

/**
 * The folder of real models and golden outputs.
 *
 * @returns `UPBEAT_SHARED_MODELS`, or the folder beside the checkout, or null where neither exists.
 */
export function sharedModels(): string | null {
  const root = fileURLToPath(new URL("../../../", import.meta.url));
  const folder = process.env["UPBEAT_SHARED_MODELS"] ?? join(root, "../shared/models");
  return existsSync(join(folder, "README.md")) ? folder : null;
}
