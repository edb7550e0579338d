/**
 * Reads the imports of TypeScript sources, and checks them against layers.
 *
 * @module
 */
import { dirname, join, normalize } from "node:path";

/** Sources by path, relative to the project's root. */
export type Sources = ReadonlyMap<string, string>;

/** Files, and folders with a trailing slash, in rows from the lowest layer up; those of a row do not import each other. */
export type Layers = readonly (readonly string[])[];

/** Strings and comments, strings first so that a comment's start inside a string is not one. */
const STRING_OR_COMMENT = /"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\[^])*`|\/\/.*|\/\*[^]*?\*\//g;

/** Static imports and re-exports with and without names, dynamic imports, and `import()` types. */
const IMPORT = /^\s*(?:(?:import|export)\s[^;"'`]*?\bfrom\s*|import\s*)"([^"]+)"|\bimport\(\s*"([^"]+)"/gm;

/**
 * Remove comments.
 *
 * @param source TypeScript.
 * @returns The source without comments.
 */
export function withoutComments(source: string): string {
  return source.replaceAll(STRING_OR_COMMENT, (match) => match.startsWith("/") ? "" : match);
}

/**
 * The modules that a file imports, including types.
 *
 * @param file Path of the file.
 * @param source Its source.
 * @returns Paths relative to the root for files of the project, and the specifiers of packages.
 */
export function importsOf(file: string, source: string): string[] {
  return [...withoutComments(source).matchAll(IMPORT)].map(([, named, dynamic]) => {
    const specifier = (named ?? dynamic)!;
    return specifier.startsWith(".") ? normalize(join(dirname(file), specifier)).replaceAll("\\", "/") : specifier;
  });
}

/**
 * The layer of a file.
 *
 * @param layers The layers.
 * @param file Its path.
 * @returns The entry it belongs to and the number of its row, from 0 up; null outside of all layers.
 */
export function layerOf(layers: Layers, file: string): { readonly part: string; readonly row: number } | null {
  for (const [row, parts] of layers.entries()) {
    const part = parts.find((name) => name === file || (name.endsWith("/") && file.startsWith(name)));
    if (part !== undefined) return { part, row };
  }
  return null;
}

/**
 * Imports that do not point to a lower layer or into the file's own part.
 *
 * @param sources Files in layers.
 * @param layers The layers.
 * @returns `FILE imports TARGET`, in order.
 */
export function wrongImports(sources: Sources, layers: Layers): string[] {
  return [...sources].flatMap(([file, source]) => {
    const own = layerOf(layers, file)!;
    return importsOf(file, source)
      .filter((target) => target.endsWith(".ts"))
      .filter((target) => {
        const other = layerOf(layers, target);
        return other === null || (other.part !== own.part && other.row >= own.row);
      })
      .map((target) => `${file} imports ${target}`);
  });
}

/**
 * Import circles, including those of types.
 *
 * @param sources All files that may be part of one.
 * @returns `A -> B -> A` for each circle found.
 */
export function importCircles(sources: Sources): string[] {
  const done = new Set<string>();
  const circles: string[] = [];
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) circles.push([...path.slice(path.indexOf(file)), file].join(" -> "));
    if (done.has(file) || path.includes(file)) return;
    for (const target of importsOf(file, sources.get(file)!)) if (sources.has(target)) visit(target, [...path, file]);
    done.add(file);
  };
  for (const file of sources.keys()) visit(file, []);
  return circles;
}
