/** `bun run build`: build the native libraries. */
import process from "node:process";
import { main } from "./support/failure.ts";
import { CPU_LIBRARY } from "./support/paths.ts";
import { prepare } from "./support/prepare.ts";

await main(async () => {
  await prepare();
  process.stdout.write(`${CPU_LIBRARY}\n`);
});
