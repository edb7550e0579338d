/**
 * The special tokens with a role: BOS, EOS, padding, unknown.
 *
 * @module
 */
import { isObject, type TokenizerConfig } from "./tokenizer_files.ts";

/** A special token. */
export interface SpecialToken {
  /** Its text. */
  readonly text: string;
  /** Its id; null when it is not in the vocabulary. */
  readonly id: number | null;
}

/** The special tokens with a role; null for roles that the model does not use. */
export interface SpecialTokens {
  /** Beginning of a sequence. */
  readonly bos: SpecialToken | null;
  /** End of a sequence. */
  readonly eos: SpecialToken | null;
  /** Padding. */
  readonly pad: SpecialToken | null;
  /** Unknown text. */
  readonly unk: SpecialToken | null;
}

/** A token in a config: a string, or an object with `content`. */
function contentOf(value: unknown): string | null {
  if (typeof value === "string") return value;
  return isObject(value) && typeof value["content"] === "string" ? value["content"] : null;
}

/**
 * Read the special tokens.
 *
 * @param files The tokenizer's files; `tokenizer_config.json` takes precedence over `special_tokens_map.json`.
 * @param unknownToken The BPE model's own, used when no file names one.
 * @param tokenToId Returns the id of a token.
 * @returns The special tokens.
 */
export function readSpecialTokens(
  files: TokenizerConfig,
  unknownToken: string | null,
  tokenToId: (token: string) => number | null,
): SpecialTokens {
  const read = (name: string, fallback: string | null = null): SpecialToken | null => {
    const value = name in files.config ? files.config[name] : files.specialTokensMap[name];
    const text = contentOf(value) ?? (value === undefined ? fallback : null);
    return text === null ? null : { text, id: tokenToId(text) };
  };
  return {
    bos: read("bos_token"),
    eos: read("eos_token"),
    pad: read("pad_token"),
    unk: read("unk_token", unknownToken),
  };
}

/**
 * Whether a prompt begins with two BOS tokens: a chat template wrote one, and the tokenizer added another.
 *
 * @param tokenIds The prompt; null where it is not known.
 * @param specialTokens The tokenizer's special tokens; undefined where there is no tokenizer.
 * @returns Whether it does.
 */
export function beginsWithTwoBos(
  tokenIds: ArrayLike<number> | null,
  specialTokens: SpecialTokens | undefined,
): boolean {
  const id = specialTokens?.bos?.id ?? null;
  return id !== null && tokenIds?.[0] === id && tokenIds[1] === id;
}
