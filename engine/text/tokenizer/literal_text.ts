/**
 * Text that must not become special tokens, such as what users write in a chat.
 *
 * A mark is put into the text wherever a special token would be matched: a noncharacter of Unicode, which the text does not
 * contain. It prevents the match and is removed before the text is encoded, so the ids of text without special tokens do not
 * change. Text that begins or ends with a part of a token gets a mark there, too: it could be completed by what a chat template
 * puts beside it.
 *
 * @module
 */
import { isObject } from "./tokenizer_files.ts";

/** The noncharacters that serve as marks. */
const MARKS = Array.from({ length: 32 }, (_, index) => String.fromCharCode(0xfdd0 + index));

/** A trie over UTF-16 code units. */
interface Node {
  readonly next: Map<number, Node>;
  isEnd: boolean;
}

/** Puts marks into text. */
export class LiteralText {
  readonly #tokens = newNode();
  /** Of the tokens' reversed texts. */
  readonly #reversed = newNode();
  readonly #longest: number = 0;

  /** @param tokens Texts of the special tokens. */
  constructor(tokens: Iterable<string>) {
    for (const token of tokens) {
      add(this.#tokens, token.length, (index) => token.charCodeAt(index));
      add(this.#reversed, token.length, (index) => token.charCodeAt(token.length - 1 - index));
      this.#longest = Math.max(this.#longest, token.length);
    }
  }

  /**
   * Mark a text.
   *
   * @param text The text.
   * @param mark The mark, which is not in the text.
   * @param isPart Whether other text may precede or follow it.
   * @returns The text with marks; the same one if it needs none.
   */
  mark(text: string, mark: string, isPart: boolean): string {
    let output = "";
    let done = 0;
    let endsInToken = false;
    for (let at = 0; at < text.length; at++) {
      const walk = walkTrie(this.#tokens, text.length - at, (index) => text.charCodeAt(at + index));
      if (walk === "inside") endsInToken = true;
      if (walk !== "token") continue;
      const next = at + (text.codePointAt(at)! > 0xffff ? 2 : 1);
      output += text.slice(done, next) + mark;
      done = next;
    }
    output += text.slice(done);
    if (!isPart) return output;
    if (endsInToken) output += mark;
    return this.#beginsInToken(text) ? mark + output : output;
  }

  /** Whether a text begins with the end of a token. */
  #beginsInToken(text: string): boolean {
    for (let end = 1; end <= Math.min(text.length, this.#longest); end++) {
      if (walkTrie(this.#reversed, end, (index) => text.charCodeAt(end - 1 - index)) === "inside") return true;
    }
    return false;
  }

  /**
   * Mark a text as a whole.
   *
   * @param text The text.
   * @returns The text with marks, and the mark; null where every noncharacter is in the text.
   */
  markText(text: string): { readonly text: string; readonly mark: string } | null {
    const mark = MARKS.find((candidate) => !text.includes(candidate));
    return mark === undefined ? null : { text: this.mark(text, mark, false), mark };
  }

  /**
   * Mark all strings in values of JSON.
   *
   * @param value The values.
   * @returns A copy with marks, and the mark; null where every noncharacter is in some text.
   */
  markValue<Value>(value: Value): { readonly value: Value; readonly mark: string } | null {
    for (const mark of MARKS) {
      const marked = this.#markIn(value, mark);
      if (marked !== CONTAINS_MARK) return { value: marked as Value, mark };
    }
    return null;
  }

  #markIn(value: unknown, mark: string): unknown {
    if (typeof value === "string") return value.includes(mark) ? CONTAINS_MARK : this.mark(value, mark, true);
    if (Array.isArray(value)) {
      const copy: unknown[] = [];
      for (const item of value as unknown[]) {
        const marked = this.#markIn(item, mark);
        if (marked === CONTAINS_MARK) return marked;
        copy.push(marked);
      }
      return copy;
    }
    if (!isObject(value) || !isPlain(value)) return value;
    const copy: Record<string, unknown> = {};
    for (const key of Object.keys(value)) {
      const marked = this.#markIn(value[key], mark);
      if (marked === CONTAINS_MARK || key.includes(mark)) return CONTAINS_MARK;
      copy[this.mark(key, mark, false)] = marked;
    }
    return copy;
  }
}

/** What is returned for a value in which the mark occurs. */
const CONTAINS_MARK = Symbol("contains the mark");

function newNode(): Node {
  return { next: new Map(), isEnd: false };
}

function add(root: Node, length: number, codeAt: (index: number) => number): void {
  let node = root;
  for (let index = 0; index < length; index++) {
    let child = node.next.get(codeAt(index));
    if (child === undefined) node.next.set(codeAt(index), child = newNode());
    node = child;
  }
  node.isEnd = length > 0;
}

/** Follows characters: to the end of a token, out of the trie, or, when there are no more, to somewhere inside a token. */
function walkTrie(root: Node, length: number, codeAt: (index: number) => number): "token" | "outside" | "inside" {
  let node: Node | undefined = root;
  for (let index = 0; index < length; index++) {
    node = node.next.get(codeAt(index));
    if (node === undefined) return "outside";
    if (node.isEnd) return "token";
  }
  return "inside";
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}
