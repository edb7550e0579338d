/** `bun run generate -- [[MODEL] PROMPT] …`: install and build what is missing, then `upbeat generate`. */
import { join } from "node:path";
import process from "node:process";
import { handOver } from "./support/command.ts";
import { main } from "./support/failure.ts";
import { BUN, ROOT } from "./support/paths.ts";
import { prepare } from "./support/prepare.ts";

await main(async () => {
  const args = process.argv.slice(2);
  // Some package runners pass the separator on.
  if (args[0] === "--") args.shift();
  await prepare();
  return await handOver(BUN, [join(ROOT, "cli/main.ts"), "generate", ...args]);
});
