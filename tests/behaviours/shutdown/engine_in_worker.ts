/**
 * A program's own worker that has an engine and ends without a disposal.
 *
 * @module
 */
import process from "node:process";
import { parentPort, workerData } from "node:worker_threads";
import { Engine } from "../../../mod.ts";

const { folder, end } = workerData as { folder: string; end: "busy" | "idle" | "exit" | "throw" };
const engine = await Engine.load(folder, { threads: 1 });
await engine.generate([5, 6], { maxTokens: 2, ignoreEos: true }).result;
if (end === "busy") engine.generate([5, 6], { maxTokens: 1900, ignoreEos: true });
parentPort!.postMessage("ready");
if (end === "exit") process.exit(0);
if (end === "throw") {
  setTimeout(() => {
    throw new Error("the program's own error");
  }, 1);
}
setInterval(() => {}, 1000);
