/**
 * Requests whose long prompts are being encoded on the text thread. They are live and queued; the executor does not know them
 * yet. Their arrival stays that of the call, and shorter prompts may overtake them.
 *
 * @module
 */
import { toUpbeatError, UpbeatError } from "../../errors.ts";
import type { LongRequest, PreparedRequest } from "./check_request.ts";
import type { Generation } from "./generation.ts";
import type { LiveGenerations } from "./live_generations.ts";
import { TextThread } from "./text_thread.ts";
import type { Clock } from "../telemetry/clock.ts";
import type { Tokenizer } from "../text/tokenizer/tokenizer.ts";

/** The requests of one engine. */
export class LongPrompts {
  readonly #tokenizer: Tokenizer | null;
  readonly #live: LiveGenerations;
  readonly #now: Clock;
  readonly #waiting = new Map<Generation, Promise<void>>();
  #thread: TextThread | null = null;

  /**
   * @param tokenizer The engine's tokenizer; null: there are no such prompts.
   * @param live The live generations.
   * @param now The engine's clock.
   */
  constructor(tokenizer: Tokenizer | null, live: LiveGenerations, now: Clock) {
    this.#tokenizer = tokenizer;
    this.#live = live;
    this.#now = now;
  }

  /** How many prompts are being encoded. */
  get size(): number {
    return this.#waiting.size;
  }

  /**
   * Encode the prompt of a request.
   *
   * @param generation The request's generation, a live one.
   * @param checked The request.
   * @param onReady Called with the request when it can run; not after it was canceled or failed.
   * @returns Cancels the request, until `onReady` is called.
   */
  add(generation: Generation, checked: LongRequest, onReady: (request: PreparedRequest) => void): () => void {
    const { request: { arrival }, text } = checked;
    const tokenizer = this.#tokenizer!;
    this.#thread ??= new TextThread({ ...tokenizer.shared, table: tokenizer.tokenTable.shared });
    const encoding = this.#thread.encode(text);
    const done = encoding.tokenIds.then((tokenIds) => {
      if (!this.#waiting.delete(generation) || generation.isOver) return;
      const request = checked.complete(tokenIds);
      generation.start(request, this.#now() - arrival);
      onReady(request);
    }).catch((thrown) => {
      this.#waiting.delete(generation);
      generation.fail([toUpbeatError(thrown)]);
      this.#live.remove(generation);
    });
    this.#waiting.set(generation, done);
    return () => {
      if (!this.#waiting.delete(generation)) return;
      encoding.cancel();
      generation.endUnsent();
      this.#live.remove(generation);
    };
  }

  /** Resolves when the prompts of now are encoded, have failed or are canceled. */
  async settled(): Promise<void> {
    await Promise.all(this.#waiting.values());
  }

  /** Cancel the requests whose prompts are still being encoded, as the engine shuts down. */
  cancelAll(): void {
    for (const generation of [...this.#waiting.keys()]) generation.cancel("shutdown");
  }

  /** The engine has ended: fail what is left, and end the thread. */
  close(): void {
    for (const generation of this.#waiting.keys()) {
      generation.fail([new UpbeatError("ENGINE_CLOSED", "the engine was disposed while the prompt was being encoded")]);
    }
    this.#waiting.clear();
    this.#thread?.close();
  }
}
