/**
 * Which of the GGUF files of a repository is the model.
 *
 * @module
 */
import { UpbeatError } from "../errors.ts";

/** A part other than the first of a model that is split. */
const LATER_PART = /-(?!00001-)\d{5}-of-\d{5}\.gguf$/i;

/** Quantizations to take when none is given, the preferred one first. */
const USUAL = ["Q4_K_M", "Q8_0", "Q4_0"];

/** Files named in an error. */
const MOST_NAMED = 20;

/**
 * Choose a model among GGUF files.
 *
 * @param model The name that the user gave, for errors.
 * @param files Names of the repository's files, relative to it.
 * @param selector A file's name, or a quantization such as `Q4_K_M`; null: the only model, or a usual quantization.
 * @returns The file's name; the first part's, where a model is split.
 * @throws {UpbeatError} `MODEL_NOT_FOUND` naming the files there are.
 */
export function chooseFile(model: string, files: readonly string[], selector: string | null): string {
  const models = files.filter((file) =>
    /\.gguf$/i.test(file) && !/(?:^|\/)mmproj/i.test(file) && !LATER_PART.test(file)
  );
  const wanted = selector === null ? (models.length === 1 ? null : USUAL) : [selector];
  if (wanted === null) return models[0]!;
  for (const wish of wanted) {
    if (models.includes(wish)) return wish;
    const matching = models.filter((file) => quantizationOf(file) === wish.toUpperCase());
    if (matching.length === 1) return matching[0]!;
  }
  const named = models.slice(0, MOST_NAMED).join(", ") + (models.length > MOST_NAMED ? ", …" : "");
  const problem = models.length === 0
    ? "has no GGUF file"
    : selector === null
    ? `has several models, none of them of a usual quantization: append one, as in ${model}:${
      quantizationOf(models[0]!)
    }`
    : `has no single file of that name or quantization`;
  throw new UpbeatError("MODEL_NOT_FOUND", `${model} ${problem}${models.length === 0 ? "" : `; it has ${named}`}`, {
    model,
    files: named,
  });
}

/** The quantization in a file's name, as in `Q4_K_M`; the whole name where it has none. */
function quantizationOf(file: string): string {
  const name = file.replace(/(?:-\d{5}-of-\d{5})?\.gguf$/i, "");
  return (/(?:^|[-._/])((?:UD-)?(?:I?Q\d\w*|TQ\d\w*|MXFP4\w*|BF16|F16|F32))$/i.exec(name)?.[1] ?? name).toUpperCase();
}
