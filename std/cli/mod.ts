/**
 * A typed subset of the JSR package `@std/cli`: same names, signatures and meaning, so that either can be used.
 *
 * @module
 */
export { parseArgs } from "./parse_args.ts";
export type { Args, ParseOptions } from "./parse_args.ts";
