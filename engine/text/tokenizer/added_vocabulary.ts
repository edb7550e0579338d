/**
 * Added tokens, which are matched in the text before the model encodes the rest.
 *
 * Our own, because `@huggingface/tokenizers` 0.2.0 ignores `single_word`, identifies a matched token by its text (so that
 * ordinary text equal to a token's normalized form changes meaning), trims JavaScript's white space, and looks tokens up
 * by string while decoding. This follows `tokenizers` 0.23: tokens with `normalized: true` are matched and decoded in
 * their normalized form.
 *
 * @module
 */
import { toByteAlphabet } from "./byte_alphabet.ts";
import type { VocabularyTable } from "../bpe/vocabulary_table.ts";
import type { Normalizer } from "./normalizer.ts";
import { WHITE_SPACE, WORD } from "../patterns/patterns.ts";
import { invalidTokenizer, isObject } from "./tokenizer_files.ts";

/** One entry of `added_tokens`. */
export interface AddedToken {
  /** Token id. */
  readonly id: number;
  /** The text in the file. */
  readonly content: string;
  /** The text that is matched, and that decoding returns: normalized if `normalized` is set. */
  readonly text: string;
  /** Whether it is declared special: omitted when decoding with `skipSpecialTokens`. */
  readonly special: boolean;
  /** Whether it is matched against normalized text. */
  readonly normalized: boolean;
  /** Whether the match includes white space to its left. */
  readonly lstrip: boolean;
  /** Whether the match includes white space to its right. */
  readonly rstrip: boolean;
  /** Whether it only matches between non-word characters. */
  readonly singleWord: boolean;
}

/** The most characters of one added token, and of all together: they are matched at every position of a text. */
const MOST_CHARACTERS = 512;
const MOST_CHARACTERS_IN_ALL = 1_000_000;

/** A part of the input: text still to be encoded, or an added token. */
export type Section = { readonly text: string; readonly atStart: boolean } | { readonly id: number };

const ENDS_WITH_WORD = new RegExp(`[${WORD}]$`, "u");
const STARTS_WITH_WORD = new RegExp(`^[${WORD}]`, "u");
const IS_SPACE = new RegExp(`^${WHITE_SPACE}$`, "u");

/** A trie over UTF-16 code units. */
interface Node {
  readonly next: Map<number, Node>;
  token: AddedToken | null;
}

/** The added tokens of a tokenizer. */
export class AddedVocabulary {
  /** In the order of the file. */
  readonly tokens: readonly AddedToken[];
  readonly #plain: Node;
  readonly #normalized: Node;

  /** @param tokens The tokens, their `text` already normalized. */
  constructor(tokens: readonly AddedToken[]) {
    this.tokens = tokens;
    this.#plain = buildTrie(tokens.filter((token) => !token.normalized));
    this.#normalized = buildTrie(tokens.filter((token) => token.normalized));
  }

  /**
   * Split the input at the added tokens and normalize the text between them.
   *
   * @param text Well-formed text.
   * @param normalizer The tokenizer's normalizer.
   * @param mark A character that prevents the match it is in, and is removed; see `literal_text.ts`. Null: there is none.
   * @returns Sections in order.
   */
  split(text: string, normalizer: Normalizer | null, mark: string | null = null): Section[] {
    const sections: Section[] = [];
    for (const section of cut(text, this.#plain, true, mark)) {
      if ("id" in section) sections.push(section);
      else {
        const normalized = normalizer === null ? section.text : normalizer(section.text);
        for (const inner of cut(normalized, this.#normalized, section.atStart, mark)) {
          if ("id" in inner || mark === null) sections.push(inner);
          else {
            // A normalizer may have written the mark as bytes.
            const clean = inner.text.replaceAll(mark, "").replaceAll(toByteAlphabet(mark), "");
            if (clean !== "") sections.push({ text: clean, atStart: inner.atStart });
          }
        }
      }
    }
    return sections;
  }
}

/**
 * Read the `added_tokens` field.
 *
 * @param list The field.
 * @param normalizer The tokenizer's normalizer.
 * @param vocabulary The model's vocabulary; a token that is in it keeps its id.
 * @param mostIds Ids must be below this.
 * @returns The tokens.
 * @throws {UpbeatError} TOKENIZER_INVALID for a malformed entry, or for more or longer tokens than any model has.
 */
export function readAddedTokens(
  list: unknown,
  normalizer: Normalizer | null,
  vocabulary: VocabularyTable,
  mostIds: number,
): readonly AddedToken[] {
  if (list === undefined || list === null) return [];
  if (!Array.isArray(list)) throw invalidTokenizer("added_tokens", "must be a list");
  const byId = new Map<number, AddedToken>();
  const byContent = new Map<string, number>();
  let highest = -1;
  let characters = 0;
  for (const [index, entry] of (list as unknown[]).entries()) {
    if (!isObject(entry) || typeof entry["content"] !== "string" || !Number.isInteger(entry["id"])) {
      throw invalidTokenizer(`added_tokens[${index}]`, "must have a string `content` and an integer `id`");
    }
    const content = entry["content"];
    if (content === "") continue;
    // As in the reference, `id` is ignored: the model's id, the id of an earlier entry, or the next free one.
    const id = vocabulary.get(content) ?? byContent.get(content) ?? Math.max(highest + 1, vocabulary.count);
    if (id >= mostIds) {
      throw invalidTokenizer(`added_tokens[${index}]`, `has the id ${id}; ids must be below ${mostIds}`);
    }
    highest = Math.max(highest, id);
    byContent.set(content, id);
    const special = entry["special"] === true;
    const normalized = typeof entry["normalized"] === "boolean" ? entry["normalized"] : !special;
    if (content.length > MOST_CHARACTERS) {
      throw invalidTokenizer(
        `added_tokens[${index}]`,
        `has ${content.length} characters; the most allowed is ${MOST_CHARACTERS}`,
      );
    }
    const text = normalized && normalizer !== null ? normalizer(content) : content;
    characters += content.length + text.length;
    if (characters > MOST_CHARACTERS_IN_ALL) {
      throw invalidTokenizer("added_tokens", `has more than ${MOST_CHARACTERS_IN_ALL} characters in all`);
    }
    byId.set(id, {
      id,
      content,
      text,
      special,
      normalized,
      lstrip: entry["lstrip"] === true,
      rstrip: entry["rstrip"] === true,
      singleWord: entry["single_word"] === true,
    });
  }
  return [...byId.values()];
}

/** A trie of the tokens' texts; of equal texts the first token wins. */
function buildTrie(tokens: readonly AddedToken[]): Node {
  const root: Node = { next: new Map(), token: null };
  for (const token of tokens) {
    let node = root;
    for (let i = 0; i < token.text.length; i++) {
      const code = token.text.charCodeAt(i);
      let child = node.next.get(code);
      if (child === undefined) {
        child = { next: new Map(), token: null };
        node.next.set(code, child);
      }
      node = child;
    }
    if (token.text !== "") node.token ??= token;
  }
  return root;
}

/** Splits text at the leftmost-longest matches. */
function cut(text: string, trie: Node, atStart: boolean, mark: string | null): Section[] {
  const sections: Section[] = [];
  if (text === "") return sections;
  if (trie.next.size === 0) return [{ text, atStart }];
  let done = 0;
  for (let at = 0; at < text.length;) {
    const token = longestMatch(text, at, trie);
    if (token === null) {
      at++;
      continue;
    }
    let start = at;
    let end = at + token.text.length;
    at = end;
    // Only a token of a single character can be matched in front of a mark.
    if (mark !== null && text[end] === mark && isSingleCharacter(token.text)) continue;
    if (token.singleWord && touchesWord(text, start, end)) continue;
    if (token.lstrip) {
      while (start > done && IS_SPACE.test(text[start - 1] as string)) start--;
    }
    if (token.rstrip) {
      while (end < text.length && IS_SPACE.test(text[end] as string)) end++;
    }
    if (done < start) sections.push({ text: text.slice(done, start), atStart: atStart && done === 0 });
    sections.push({ id: token.id });
    done = end;
  }
  if (done < text.length) sections.push({ text: text.slice(done), atStart: atStart && done === 0 });
  return sections;
}

/** The longest token that starts at `at`. */
function longestMatch(text: string, at: number, trie: Node): AddedToken | null {
  let found: AddedToken | null = null;
  let node = trie.next.get(text.charCodeAt(at));
  for (let i = at + 1; node !== undefined; i++) {
    if (node.token !== null) found = node.token;
    if (i >= text.length) break;
    node = node.next.get(text.charCodeAt(i));
  }
  return found;
}

function isSingleCharacter(text: string): boolean {
  return text.length === (text.codePointAt(0)! > 0xffff ? 2 : 1);
}

/** Whether the range is preceded or followed by a word character. */
function touchesWord(text: string, start: number, end: number): boolean {
  return ENDS_WITH_WORD.test(text.slice(Math.max(0, start - 2), start)) ||
    STARTS_WITH_WORD.test(text.slice(end, end + 2));
}
