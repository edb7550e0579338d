/** `bun run bench`: install and build what is missing, then the benchmark of one request. */
import { join } from "node:path";
import process from "node:process";
import { handOver } from "./support/command.ts";
import { main } from "./support/failure.ts";
import { ensureBuilt, MACHINE_PEAK } from "./support/native.ts";
import { BUN, ROOT } from "./support/paths.ts";
import { prepare } from "./support/prepare.ts";

await main(async () => {
  const args = process.argv.slice(2).filter((arg) => arg !== "--");
  await prepare();
  await ensureBuilt(MACHINE_PEAK);
  return await handOver(BUN, [join(ROOT, "bench/generate.ts"), ...args]);
});
