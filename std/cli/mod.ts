/**
 * A typed subset of the JSR package `@std/cli`: same names, signatures and behaviour, so that they are interchangeable.
 *
 * @module
 */
export { parseArgs } from "./parse_args.ts";
export type { Args, ParseOptions } from "./parse_args.ts";
