/** Finds a Node that has `node:ffi`, for tests on Node. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { ROOT } from "./paths.ts";

/** The first version whose `node:ffi` takes what `ffi/node.ts` passes. */
const OLDEST = [26, 11] as const;

/** Why tests on Node are left out where {@linkcode findNode} finds none. */
export const NO_NODE = `no Node ${OLDEST.join(".")} or newer: set UPBEAT_NODE to its path`;

/**
 * The Node to test with: `UPBEAT_NODE`, else the installed package for this platform, else `node` of the PATH.
 *
 * @returns Its path or name; null where the first that exists is too old, or none does.
 */
export function findNode(): string | null {
  const variable = process.env["UPBEAT_NODE"];
  const installed = join(ROOT, `node_modules/node-${process.platform}-${process.arch}/bin/node`);
  const node = variable ? variable : existsSync(installed) ? installed : "node";
  const { stdout } = spawnSync(node, ["--print", "process.versions.node"], { encoding: "utf8" });
  const [major = 0, minor = 0] = (stdout ?? "").split(".").map(Number);
  return major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1]) ? node : null;
}
