// Resolves the names that deno.json and tsconfig.json map to `std/`, for tests on Node: `node --import` this file.
import { registerHooks } from "node:module";

const STAND_INS = {
  "@std/assert": "../../std/assert/mod.ts",
  "@std/cli": "../../std/cli/mod.ts",
  "@std/cli/parse-args": "../../std/cli/parse_args.ts",
};

registerHooks({
  resolve(specifier, context, next) {
    const file = STAND_INS[specifier];
    if (file === undefined) return next(specifier, context);
    return { url: new URL(file, import.meta.url).href, shortCircuit: true };
  },
});
