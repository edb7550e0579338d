/**
 * Encodes text to token ids and decodes them, as specified by the model's `tokenizer.json`.
 *
 * The pipeline is the reference's (`tokenizers` 0.23): added tokens are split off, the rest is normalized, pre-tokenized
 * and encoded by the model, and the post-processor adds special tokens. Where `@huggingface/tokenizers` 0.2.0 departs
 * from the reference, the step is our own and its file states why; regular expressions are translated by the library.
 * Truncation and padding are left to the caller.
 *
 * @module
 */
import { toUpbeatError, UpbeatError } from "../../../errors.ts";
import { AddedVocabulary } from "./added_vocabulary.ts";
import { BytePairEncoder } from "./bpe.ts";
import { compileDecoder, type Decoder, decodeTokens } from "./token_decoder.ts";
import { compileNormalizer, type Normalizer } from "./normalizer.ts";
import { compilePostProcessor, type Surroundings } from "./post_processor.ts";
import { compilePreTokenizer, type PreTokenizer } from "./pre_tokenizer.ts";
import { readSpecialTokens, type SpecialTokens } from "./special_tokens.ts";
import type { TokenTable } from "./token_table.ts";
import { buildTokenTable } from "./token_table_builder.ts";
import {
  invalidTokenizer,
  isObject,
  type JsonObject,
  readTokenizerFiles,
  type TokenizerConfig,
  type TokenizerFiles,
} from "./tokenizer_files.ts";

/** Options of {@linkcode Tokenizer.encode}. */
export interface EncodeOptions {
  /** Add the post-processor's special tokens (default true). False for the output of a chat template. */
  readonly addSpecialTokens?: boolean;
}

/** Options of {@linkcode Tokenizer.decode}. */
export interface DecodeOptions {
  /** Omit special tokens (default false). */
  readonly skipSpecialTokens?: boolean;
}

/**
 * A model's tokenizer.
 *
 * @example
 * ```ts
 * const tokenizer = await Tokenizer.load("path/to/model");
 * const ids = tokenizer.encode("Once upon a time");
 * tokenizer.decode(ids, { skipSpecialTokens: true }); // "Once upon a time"
 * ```
 */
export class Tokenizer {
  /** The highest id, of the vocabulary or an added token, plus one. */
  readonly vocabularySize: number;
  /** The special tokens with a role. */
  readonly specialTokens: SpecialTokens;
  /** The folder, and its files other than `tokenizer.json`. */
  readonly config: TokenizerConfig;
  /** The decoder. */
  readonly decoder: Decoder;
  readonly #model: BytePairEncoder;
  readonly #added: AddedVocabulary;
  readonly #normalizer: Normalizer | null;
  readonly #preTokenizer: PreTokenizer | null;
  readonly #surroundings: Surroundings;
  /** Token string of each id, as decoded; undefined for an id that does not exist. */
  readonly #strings: (string | undefined)[];
  readonly #addedIds: ReadonlySet<number>;
  readonly #specialIds: ReadonlySet<number>;
  readonly #skippedIds: ReadonlySet<number>;
  #table: TokenTable | null = null;

  /**
   * @param files The parsed files of a tokenizer folder.
   * @throws {UpbeatError} TOKENIZER_INVALID for a part that is malformed or cannot be reproduced exactly.
   */
  constructor(files: TokenizerFiles) {
    const { tokenizer, ...config } = files;
    this.config = config;
    try {
      this.#model = new BytePairEncoder(bytePairModel(tokenizer["model"]));
      this.#normalizer = compileNormalizer(tokenizer["normalizer"]);
      this.#preTokenizer = compilePreTokenizer(tokenizer["pre_tokenizer"]);
      this.#surroundings = compilePostProcessor(tokenizer["post_processor"]);
      this.decoder = compileDecoder(tokenizer["decoder"]);
      this.#added = AddedVocabulary.read(tokenizer["added_tokens"], this.#normalizer, this.#model.vocabulary);
    } catch (error) {
      throw inFile(error, files.path);
    }
    this.#strings = [];
    for (const [token, id] of this.#model.vocabulary) this.#strings[id] = token;
    for (const token of this.#added.tokens) this.#strings[token.id] = token.text;
    this.vocabularySize = this.#strings.length;
    this.#addedIds = new Set(this.#added.tokens.map((token) => token.id));
    const special = this.#added.tokens.filter((token) => token.special);
    this.#specialIds = new Set(special.map((token) => token.id));
    // The reference skips tokens whose string is the content of a special token. A special token that the normalizer
    // changes (Llama 2's `<s>`, which becomes `▁<s>`) is therefore not skipped.
    const contents = new Set(special.map((token) => token.content));
    const skipped = new Set<number>();
    this.#strings.forEach((text, id) => {
      if (text !== undefined && contents.has(text)) skipped.add(id);
    });
    this.#skippedIds = skipped;
    this.specialTokens = readSpecialTokens(files, this.#model.unknownToken, (token) => this.tokenToId(token));
  }

  /**
   * Load a tokenizer.
   *
   * @param folder Folder with `tokenizer.json` and, optionally, `tokenizer_config.json`, `special_tokens_map.json`.
   * @returns The tokenizer.
   * @throws {UpbeatError} TOKENIZER_MISSING without `tokenizer.json`; TOKENIZER_INVALID for a file that is malformed or
   * cannot be reproduced exactly.
   */
  static async load(folder: string): Promise<Tokenizer> {
    return new Tokenizer(await readTokenizerFiles(folder));
  }

  /**
   * Encode text.
   *
   * @param text Any text; unpaired surrogates are read as U+FFFD.
   * @param options See {@linkcode EncodeOptions}.
   * @returns Token ids.
   */
  encode(text: string, options: EncodeOptions = {}): number[] {
    const ids: number[] = [];
    for (const section of this.#added.split(text.toWellFormed(), this.#normalizer)) {
      if ("id" in section) {
        ids.push(section.id);
        continue;
      }
      const pieces = { texts: [section.text], atStart: section.atStart };
      const words = this.#preTokenizer === null ? pieces.texts : this.#preTokenizer(pieces).texts;
      for (const word of words) this.#model.encode(word, ids);
    }
    if (options.addSpecialTokens === false) return ids;
    return [...this.#surroundings.before, ...ids, ...this.#surroundings.after];
  }

  /**
   * Decode token ids.
   *
   * @param ids Token ids; ids that do not exist are skipped.
   * @param options See {@linkcode DecodeOptions}.
   * @returns The text; bytes that are not valid UTF-8 become U+FFFD.
   */
  decode(ids: Iterable<number>, options: DecodeOptions = {}): string {
    const tokens: string[] = [];
    for (const id of ids) {
      const token = this.#strings[id];
      if (token === undefined || (options.skipSpecialTokens === true && this.#skippedIds.has(id))) continue;
      tokens.push(token);
    }
    return decodeTokens(tokens, this.decoder);
  }

  /**
   * The id of a token.
   *
   * @param token The token's string in `tokenizer.json`.
   * @returns Its id, or null.
   */
  tokenToId(token: string): number | null {
    const added = this.#added.tokens.find((candidate) => candidate.content === token);
    return added?.id ?? this.#model.vocabulary.get(token) ?? null;
  }

  /**
   * The token of an id.
   *
   * @param id Token id.
   * @returns Its string, or null when the id does not exist.
   */
  idToToken(id: number): string | null {
    return this.#strings[id] ?? null;
  }

  /**
   * @param id Token id.
   * @returns Whether the token is declared special.
   */
  isSpecial(id: number): boolean {
    return this.#specialIds.has(id);
  }

  /**
   * @param id Token id.
   * @returns Whether the token is one of `added_tokens`.
   */
  isAdded(id: number): boolean {
    return this.#addedIds.has(id);
  }

  /**
   * @param id Token id.
   * @returns Whether decoding with `skipSpecialTokens` omits the token.
   */
  isSkipped(id: number): boolean {
    return this.#skippedIds.has(id);
  }

  /**
   * The folder's chat template.
   *
   * @returns `chat_template.jinja`, or the config's `chat_template` (a string, or a list of named templates), or null.
   */
  get chatTemplate(): unknown {
    return this.config.chatTemplate ?? this.config.config["chat_template"] ?? null;
  }

  /**
   * The bytes of every token, in shared memory; built on first use.
   *
   * @returns The table.
   * @throws {UpbeatError} TOKENIZER_INVALID when the decoder cannot be streamed.
   */
  get tokenTable(): TokenTable {
    try {
      return (this.#table ??= buildTokenTable(this));
    } catch (error) {
      throw inFile(error, this.config.path);
    }
  }
}

/** The `model` field, which must be a BPE model; older files have no `type`. */
function bytePairModel(model: unknown): JsonObject {
  if (!isObject(model)) throw invalidTokenizer("model", "must be an object");
  const type = model["type"] ?? ("merges" in model ? "BPE" : "unknown");
  if (type !== "BPE") throw invalidTokenizer("model", `of type ${JSON.stringify(type)} is not supported, only BPE is`);
  return model;
}

/** Adds the file to an error of one of its parts. */
function inFile(error: unknown, path: string): UpbeatError {
  const typed = toUpbeatError(error, "TOKENIZER_INVALID");
  return new UpbeatError(typed.code, `${path}: ${typed.message}`, { ...typed.details, file: path }, { cause: error });
}
