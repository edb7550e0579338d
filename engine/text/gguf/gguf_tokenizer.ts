/**
 * The tokenizer of a GGUF file as the files of a tokenizer folder, so that one implementation encodes for both.
 *
 * @module
 */
import { showValue, UpbeatError } from "../../../errors.ts";
import type { GgufMetadata } from "../../files/gguf/gguf_metadata.ts";
import { readGgufModel } from "../../files/gguf/gguf_model.ts";
import type { JsonObject, TokenizerConfig, TokenizerFiles } from "../tokenizer/tokenizer_files.ts";
import { pieceMerges } from "./piece_merges.ts";
import { namedPreTokenizer, PRE_TOKENIZER_NAMES } from "./pre_tokenizers.ts";

/** Types of tokens (`tokenizer.ggml.token_type`). */
const TOKEN_TYPE = { NORMAL: 1, UNKNOWN: 2, CONTROL: 3, USER_DEFINED: 4, UNUSED: 5, BYTE: 6 } as const;

/** The key of the kind of a tokenizer. */
const MODEL = "tokenizer.ggml.model";

/** What stands for a space in SentencePiece vocabularies. */
const SPACE = "▁";

/** Merges per token of a SentencePiece vocabulary; models have about two. */
const MERGES_PER_TOKEN = 8;

/** The tokens of a file. */
interface Vocabulary {
  readonly tokens: readonly string[];
  readonly types: readonly number[];
  /** Token to id. */
  readonly ids: Readonly<Record<string, number>>;
}

/** Names a role of a token has in `tokenizer_config.json`, and in the metadata. */
const ROLES = [["bos_token", "bos"], ["eos_token", "eos"], ["pad_token", "padding"], ["unk_token", "unknown"]] as const;

/** What is read of a file for all that follows. */
interface Source {
  /** Path of the file, the first part's where a model is split. */
  readonly path: string;
  readonly metadata: GgufMetadata;
  readonly vocabulary: Vocabulary;
}

/**
 * Read the tokenizer of a GGUF file.
 *
 * @param path Path of the file; it may have a vocabulary and no weights.
 * @returns What its `tokenizer.json` and `tokenizer_config.json` would have.
 * @throws {UpbeatError} As `readGgufModel`; `TOKENIZER_MISSING` without a vocabulary; `TOKENIZER_INVALID` for one that is
 * malformed or of a kind that is not supported.
 */
export function readGgufTokenizer(path: string): TokenizerFiles {
  const source = readSource(path);
  const { metadata, vocabulary } = source;
  const model = metadata.text(MODEL);
  if (model !== "gpt2" && model !== "llama") {
    throw invalid(source.path, MODEL, `is ${showValue(model)}; "gpt2" and "llama" are supported`);
  }
  const parts = model === "gpt2"
    ? bytePairTokenizer(source.path, metadata, vocabulary)
    : piecesTokenizer(source.path, metadata, vocabulary);
  return { ...configOf(source), tokenizer: { ...parts, added_tokens: addedTokens(metadata, vocabulary) } };
}

/**
 * Read the tokenizer of a GGUF file without what encodes texts, for its chat template.
 *
 * @param path Path of the file.
 * @returns What its `tokenizer_config.json` would have.
 * @throws {UpbeatError} As {@linkcode readGgufTokenizer}, but for the parts that are not read.
 */
export function readGgufTokenizerConfig(path: string): TokenizerConfig {
  return configOf(readSource(path));
}

function readSource(path: string): Source {
  const { path: first, metadata } = readGgufModel(path);
  const model = metadata.text(MODEL);
  if (model === null || model === "no_vocab" || model === "none") {
    throw new UpbeatError("TOKENIZER_MISSING", `${first} has no tokenizer (${MODEL})`, { file: first });
  }
  return { path: first, metadata, vocabulary: readVocabulary(first, metadata) };
}

function configOf({ path, metadata, vocabulary }: Source): TokenizerConfig {
  const config = tokenizerConfig(metadata, vocabulary);
  return { folder: path, path, config, specialTokensMap: {}, chatTemplate: null };
}

function readVocabulary(path: string, metadata: GgufMetadata): Vocabulary {
  const tokens = metadata.texts("tokenizer.ggml.tokens");
  if (tokens === null || tokens.length === 0) throw invalid(path, "tokenizer.ggml.tokens", "is missing or empty");
  const types = metadata.numbers("tokenizer.ggml.token_type") ??
    new Array<number>(tokens.length).fill(TOKEN_TYPE.NORMAL);
  if (types.length < tokens.length) {
    throw invalid(path, "tokenizer.ggml.token_type", `has ${types.length} types for ${tokens.length} tokens`);
  }
  // A token may be called __proto__.
  const ids: Record<string, number> = Object.create(null);
  for (let id = 0; id < tokens.length; id++) {
    const token = tokens[id]!;
    // As in llama.cpp, a token without text has a name, which no text encodes to.
    if (token === "") tokens[id] = `[EMPTY_${id}]`;
    const other = ids[tokens[id]!];
    if (other !== undefined) {
      throw invalid(path, "tokenizer.ggml.tokens", `has ${showValue(token)} twice, with the ids ${other} and ${id}`);
    }
    ids[tokens[id]!] = id;
  }
  return { tokens, types, ids };
}

/** Byte-pair encoding over the bytes of a text. */
function bytePairTokenizer(path: string, metadata: GgufMetadata, { ids }: Vocabulary): JsonObject {
  const name = metadata.text("tokenizer.ggml.pre") ?? "default";
  const named = namedPreTokenizer(name);
  if (named === undefined) {
    const known = PRE_TOKENIZER_NAMES.join(", ");
    throw invalid(path, "tokenizer.ggml.pre", `is ${showValue(name)}, which is not known; known are ${known}`);
  }
  const merges = metadata.texts("tokenizer.ggml.merges");
  if (merges === null) throw invalid(path, "tokenizer.ggml.merges", "is missing");
  const splits = named.patterns.map((pattern) => ({
    type: "Split",
    pattern: { Regex: pattern },
    behavior: "Isolated",
    invert: false,
  }));
  const bytes = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false };
  return {
    model: { type: "BPE", vocab: ids, merges, ignore_merges: named.ignoreMerges },
    normalizer: named.composes ? { type: "NFC" } : null,
    pre_tokenizer: { type: "Sequence", pretokenizers: [...splits, bytes] },
    post_processor: null,
    decoder: { type: "ByteLevel" },
  };
}

/** SentencePiece: characters, of which neighbours are joined to the piece with the best score. */
function piecesTokenizer(path: string, metadata: GgufMetadata, { tokens, types, ids }: Vocabulary): JsonObject {
  const scores = metadata.numbers("tokenizer.ggml.scores") ?? [];
  if (scores.length < tokens.length) {
    throw invalid(path, "tokenizer.ggml.scores", `has ${scores.length} scores for ${tokens.length} tokens`);
  }
  const pieces = new Map<string, number>();
  for (const [id, token] of tokens.entries()) {
    const isPiece = types[id] === TOKEN_TYPE.NORMAL || types[id] === TOKEN_TYPE.UNUSED;
    if (isPiece && !Number.isNaN(scores[id])) pieces.set(token, scores[id]!);
  }
  const ranked = pieceMerges(pieces, MERGES_PER_TOKEN * tokens.length);
  if (ranked === null) throw invalid(path, "tokenizer.ggml.tokens", "has pieces that divide in too many ways");
  const unknown = metadata.number("tokenizer.ggml.unknown_token_id");
  const prefix = metadata.boolean("tokenizer.ggml.add_space_prefix") ?? true;
  const spaces = { type: "Replace", pattern: { String: " " }, content: SPACE };
  const strip = { type: "Strip", content: " ", start: 1, stop: 0 };
  return {
    model: {
      type: "BPE",
      vocab: ids,
      merges: ranked.merges,
      ranks: ranked.ranks,
      unk_token: tokens[unknown ?? 0],
      fuse_unk: true,
      byte_fallback: types.includes(TOKEN_TYPE.BYTE),
    },
    normalizer: prefix ? { type: "Sequence", normalizers: [{ type: "Prepend", prepend: SPACE }, spaces] } : spaces,
    pre_tokenizer: null,
    post_processor: null,
    decoder: {
      type: "Sequence",
      decoders: [
        { type: "Replace", pattern: { String: SPACE }, content: " " },
        { type: "ByteFallback" },
        { type: "Fuse" },
        ...(prefix ? [strip] : []),
      ],
    },
  };
}

/** Control tokens, which are special, and tokens that users have defined. */
function addedTokens(metadata: GgufMetadata, { tokens, types }: Vocabulary): JsonObject[] {
  const strips = stripsAfterSpecial(metadata);
  const added: JsonObject[] = [];
  for (const [id, content] of tokens.entries()) {
    const type = types[id];
    if (type !== TOKEN_TYPE.CONTROL && type !== TOKEN_TYPE.USER_DEFINED) continue;
    added.push({
      id,
      content,
      special: type === TOKEN_TYPE.CONTROL,
      single_word: false,
      lstrip: false,
      rstrip: strips(content),
      normalized: false,
    });
  }
  return added;
}

/** Phi-3 drops the spaces after its special tokens, which the format cannot say. */
function stripsAfterSpecial(metadata: GgufMetadata): (token: string) => boolean {
  const isPhi3 = metadata.text("general.architecture") === "phi3" &&
    metadata.text("tokenizer.ggml.model") === "llama";
  return (token) => isPhi3 && !["<unk>", "<s>", "<|endoftext|>"].includes(token);
}

/** Whether texts begin with BOS unless the file says otherwise. */
function addsBos(metadata: GgufMetadata): boolean {
  if (metadata.text(MODEL) === "llama") return true;
  return namedPreTokenizer(metadata.text("tokenizer.ggml.pre") ?? "default")?.addsBos ?? false;
}

function tokenizerConfig(metadata: GgufMetadata, { tokens }: Vocabulary): JsonObject {
  const config: JsonObject = {
    add_bos_token: metadata.boolean("tokenizer.ggml.add_bos_token") ?? addsBos(metadata),
    add_eos_token: metadata.boolean("tokenizer.ggml.add_eos_token") ?? false,
    chat_template: chatTemplates(metadata),
  };
  for (const [role, name] of ROLES) {
    const key = `tokenizer.ggml.${name}_token_id`;
    const id = metadata.number(key);
    if (id === null) continue;
    // As in llama.cpp, an id beyond the vocabulary stands for none: some files have 2^32 - 1.
    const token = tokens[id];
    if (token !== undefined) config[role] = token;
  }
  if (config["bos_token"] === undefined) config["add_bos_token"] = false;
  if (config["eos_token"] === undefined) config["add_eos_token"] = false;
  return config;
}

/** One template, or a list of named ones; null without any. */
function chatTemplates(metadata: GgufMetadata): unknown {
  const key = "tokenizer.chat_template";
  const template = metadata.text(key);
  const names = metadata.texts("tokenizer.chat_templates") ?? [];
  const named = names.flatMap((name) => {
    const text = metadata.text(`${key}.${name}`);
    return text === null ? [] : [{ name, template: text }];
  });
  if (named.length === 0) return template;
  return template === null ? named : [{ name: "default", template }, ...named];
}

function invalid(path: string, field: string, problem: string): UpbeatError {
  return new UpbeatError("TOKENIZER_INVALID", `${path}: ${field} ${problem}`, { file: path, field });
}
