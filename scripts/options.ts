/** `bun scripts/options.ts`: write `docs/options.md` anew, after an option was added or changed. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { main } from "./support/failure.ts";
import { optionsDocument } from "./support/options_document.ts";
import { ROOT } from "./support/paths.ts";

await main(() => {
  writeFileSync(join(ROOT, "docs/options.md"), optionsDocument());
  process.stdout.write("docs/options.md\n");
  return Promise.resolve();
});
