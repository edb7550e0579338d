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
import { UpbeatError } from "../../../errors.ts";
import { AddedVocabulary } from "./added_vocabulary.ts";
import { BytePairEncoder } from "../bpe/bpe.ts";
import { compileDecoder, type Decoder, decodeTokens } from "./token_decoder.ts";
import { checkGrowth, longestText, mostLength } from "./limits.ts";
import { LiteralText } from "./literal_text.ts";
import { compileNormalizer, type Normalizer } from "./normalizer.ts";
import { compilePreTokenizer, type PreTokenizer } from "./pre_tokenizer.ts";
import { compileTokenizer, inFile, type SharedTokenizer } from "./shared_tokenizer.ts";
import { readSpecialTokens, type SpecialTokens } from "./special_tokens.ts";
import { TokenTable } from "./token_table.ts";
import { buildTokenTable } from "./token_table_builder.ts";
import { readTokenizer } from "../read_tokenizer.ts";
import type { TokenizerConfig, TokenizerFiles } from "./tokenizer_files.ts";

/** Options of {@linkcode Tokenizer.encode}. */
export interface EncodeOptions {
  /** Add the post-processor's special tokens (default true). False for the output of a chat template. */
  readonly addSpecialTokens?: boolean;
  /** Whether text that spells a special token becomes that token (default true), or the tokens of its characters. */
  readonly allowSpecialTokens?: boolean;
}

/** Options of {@linkcode Tokenizer.encodeMarked}. */
export interface EncodeMarkedOptions {
  /** Add the post-processor's special tokens. */
  readonly addSpecialTokens: boolean;
  /** The character that keeps text from becoming special tokens, see `literal_text.ts`; null: there is none. */
  readonly mark: string | null;
  /** Called with the number of tokens so far, every so often; what it throws ends the encoding. */
  readonly onProgress?: ((tokens: number) => void) | undefined;
}

/** Words between two calls of `onProgress`. */
const PROGRESS_WORDS = 256;

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
  /** The compiled tokenizer, which another thread can make a tokenizer of. */
  readonly shared: SharedTokenizer;
  readonly #model: BytePairEncoder;
  readonly #added: AddedVocabulary;
  readonly #normalizer: Normalizer | null;
  readonly #preTokenizer: PreTokenizer | null;
  /** Tokens of the vocabulary as decoded, filled when needed; added tokens are there from the start. */
  readonly #strings: (string | undefined)[] = [];
  readonly #addedIds = new Map<string, number>();
  readonly #addedTokenIds: ReadonlySet<number>;
  readonly #specialIds = new Set<number>();
  readonly #skippedIds = new Set<number>();
  #literal: LiteralText | null = null;
  #charactersPerToken: number | null = null;
  #table: TokenTable | null = null;

  /**
   * @param source The parsed files of a tokenizer folder, or a tokenizer that another thread has compiled.
   * @throws {UpbeatError} TOKENIZER_INVALID for a part that is malformed or cannot be reproduced exactly.
   */
  constructor(source: TokenizerFiles | SharedTokenizer) {
    const shared = "tokenizer" in source ? compileTokenizer(source) : source;
    const { config, addedTokens } = shared;
    this.shared = shared;
    this.config = config;
    try {
      this.#model = new BytePairEncoder(shared.model);
      this.#normalizer = compileNormalizer(shared.normalizer);
      this.#preTokenizer = compilePreTokenizer(shared.preTokenizer);
      this.decoder = compileDecoder(shared.decoder);
    } catch (error) {
      throw inFile(error, config.path);
    }
    // The strings that were parsed are there already; others are made when they are needed.
    if ("tokenizer" in source) {
      const { vocab } = source.tokenizer["model"] as { vocab: Record<string, number> };
      for (const token in vocab) this.#strings[vocab[token] as number] = token;
    }
    this.#added = new AddedVocabulary(addedTokens);
    this.#addedTokenIds = new Set(addedTokens.map(({ id }) => id));
    this.vocabularySize = this.#model.vocabulary.size;
    for (const { id, content, text, special } of addedTokens) {
      this.#strings[id] = text;
      this.#addedIds.set(content, id);
      if (special) this.#specialIds.add(id);
      this.vocabularySize = Math.max(this.vocabularySize, id + 1);
    }
    // The reference skips tokens whose string is the content of a special token. A special token that the normalizer
    // changes (Llama 2's `<s>`, which becomes `▁<s>`) is therefore not skipped.
    const contents = new Set(addedTokens.filter(({ special }) => special).map(({ content }) => content));
    const candidates = [...contents].map((content) => this.#model.vocabulary.get(content));
    for (const id of [...candidates, ...addedTokens.map((token) => token.id)]) {
      if (id !== undefined && contents.has(this.#stringOf(id) ?? "")) this.#skippedIds.add(id);
    }
    this.specialTokens = readSpecialTokens(config, this.#model.unknownToken, (token) => this.tokenToId(token));
    if (shared.table !== null) this.#table = new TokenTable(shared.table);
  }

  /**
   * Load a tokenizer.
   *
   * @param model Folder with `tokenizer.json` and, optionally, `tokenizer_config.json`, `special_tokens_map.json`; or a GGUF
   * file, which may have a vocabulary and no weights.
   * @returns The tokenizer.
   * @throws {UpbeatError} TOKENIZER_MISSING without `tokenizer.json`; TOKENIZER_INVALID for a file that is malformed or
   * cannot be reproduced exactly.
   */
  static async load(model: string): Promise<Tokenizer> {
    return new Tokenizer(await readTokenizer(model));
  }

  /**
   * Encode text.
   *
   * @param text Any text; unpaired surrogates are read as U+FFFD.
   * @param options See {@linkcode EncodeOptions}.
   * @returns Token ids.
   */
  encode(text: string, options: EncodeOptions = {}): number[] {
    const { addSpecialTokens = true, allowSpecialTokens = true } = options;
    if (allowSpecialTokens) return this.encodeMarked(text, { addSpecialTokens, mark: null });
    const marked = this.literalText.markText(text);
    if (marked === null) throw this.#usesAllMarks();
    return this.encodeMarked(marked.text, { addSpecialTokens, mark: marked.mark });
  }

  #usesAllMarks(): UpbeatError {
    return new UpbeatError(
      "PROMPT_INVALID",
      "the text contains all 32 noncharacters from U+FDD0 to U+FDEF, one of which is needed to keep special tokens out: " +
        "remove them, or allow special tokens",
    );
  }

  /**
   * Encode text in which some characters are marked so that they do not become special tokens.
   *
   * @param text Text, see {@linkcode Tokenizer.literalText}; unpaired surrogates are read as U+FFFD.
   * @param options See {@linkcode EncodeMarkedOptions}.
   * @returns Token ids.
   * @throws {UpbeatError} TOKENIZER_INVALID when the tokenizer's steps make the text many times longer, or one of its patterns
   * backtracks without end.
   */
  encodeMarked(text: string, { addSpecialTokens, mark, onProgress }: EncodeMarkedOptions): number[] {
    const { before, after } = this.shared.surroundings;
    const ids: number[] = addSpecialTokens ? [...before] : [];
    let words = 0;
    for (const section of this.#added.split(text.toWellFormed(), this.#normalizer, mark)) {
      if ("id" in section) {
        ids.push(section.id);
        if (++words % PROGRESS_WORDS === 0) onProgress?.(ids.length);
        continue;
      }
      const most = mostLength(section.text.length);
      let length = 0;
      const encodeWord = (word: string): void => {
        checkGrowth(length += word.length, most, "pre_tokenizer");
        const start = ids.length;
        this.#model.encode(word, ids);
        if (mark !== null && this.#hasSpecial(ids, start)) {
          ids.length = start;
          this.#model.encodeCharacters(word, ids);
        }
        if (++words % PROGRESS_WORDS === 0) onProgress?.(ids.length);
      };
      if (this.#preTokenizer === null) encodeWord(section.text);
      else this.#preTokenizer(encodeWord, most)(section.text, section.atStart);
    }
    onProgress?.(ids.length);
    if (addSpecialTokens) { for (const id of after) ids.push(id); }
    return ids;
  }

  /** Whether merges have made a special token. */
  #hasSpecial(ids: readonly number[], start: number): boolean {
    for (let index = start; index < ids.length; index++) if (this.#specialIds.has(ids[index] as number)) return true;
    return false;
  }

  /** How much text a token may stand for, in UTF-16 code units: a longer prompt cannot have fewer tokens. */
  get charactersPerToken(): number {
    return this.#charactersPerToken ??= longestText(this.shared, this.#model.vocabulary.longest);
  }

  /** Keeps text from becoming special tokens. */
  get literalText(): LiteralText {
    return this.#literal ??= new LiteralText(
      this.shared.addedTokens.filter(({ special }) => special).flatMap(({ content, text }) => [content, text]),
    );
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
      const token = this.#stringOf(id);
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
    return this.#addedIds.get(token) ?? this.#model.vocabulary.get(token) ?? null;
  }

  /**
   * The token of an id.
   *
   * @param id Token id.
   * @returns Its string, or null when the id does not exist.
   */
  idToToken(id: number): string | null {
    return this.#stringOf(id) ?? null;
  }

  #stringOf(id: number): string | undefined {
    let text = this.#strings[id];
    if (text === undefined) {
      text = this.#model.vocabulary.tokenOf(id);
      if (text !== undefined) this.#strings[id] = text;
    }
    return text;
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
    return this.#addedTokenIds.has(id);
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
