/**
 * Reads a tokenizer in any of the forms that models come in.
 *
 * @module
 */
import { findGguf } from "../files/gguf/gguf_model.ts";
import { readGgufTokenizer } from "./gguf/gguf_tokenizer.ts";
import { readTokenizerFiles, type TokenizerFiles } from "./tokenizer/tokenizer_files.ts";

/**
 * Read the tokenizer of a model.
 *
 * @param model A model folder or a GGUF file.
 * @returns Its parsed files.
 * @throws {UpbeatError} As `readTokenizerFiles` and `readGgufTokenizer`.
 */
export async function readTokenizer(model: string): Promise<TokenizerFiles> {
  const gguf = findGguf(model);
  return gguf === null ? await readTokenizerFiles(model) : readGgufTokenizer(gguf);
}
