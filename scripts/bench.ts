/**
 * `bun run bench`: install and build what is missing, then benchmark one request; `bun run bench -- events`: the cost of
 * events; `bun run bench -- ttft`: the modes of the loop.
 */
import { join } from "node:path";
import process from "node:process";
import { handOver } from "./support/command.ts";
import { Failure, main } from "./support/failure.ts";
import { ensureInstalled } from "./support/install.ts";
import { ensureBuilt, MACHINE_PEAK } from "./support/native.ts";
import { BUN, ROOT } from "./support/paths.ts";
import { prepare } from "./support/prepare.ts";

await main(async () => {
  const args = process.argv.slice(2).filter((arg) => arg !== "--");
  const [name = "generate"] = args[0]?.startsWith("-") ? [] : args.splice(0, 1);
  switch (name) {
    case "generate":
      await prepare();
      await ensureBuilt(MACHINE_PEAK);
      break;
    case "events":
      await ensureInstalled();
      break;
    case "ttft":
      await prepare();
      break;
    default:
      throw new Failure(`unknown benchmark ${JSON.stringify(name)}: it is one of generate, events and ttft`);
  }
  return await handOver(BUN, [join(ROOT, `bench/${name}.ts`), ...args]);
});
