/**
 * The scenarios in which modes are compared. In a round, each submits the same prompts at the same times in every mode.
 *
 * @module
 */
import type { Engine } from "../../mod.ts";
import { randomNumbers, type Request, serve, type ServedRequest, waitUntil } from "./caller.ts";

/** The names of scenarios. */
export type ScenarioName = "single" | "burst" | "arrivals" | "prefills" | "decode1" | "decode32";

/** Sizes of the scenarios, which depend on the device. */
export interface Sizes {
  /** Tokens of an ordinary prompt. */
  readonly prompt: number;
  /** Tokens generated after it. */
  readonly output: number;
  /** Requests submitted one after the other. */
  readonly singles: number;
  /** Requests submitted at once. */
  readonly burst: number;
  /** Requests that decode while others arrive. */
  readonly running: number;
  /** Requests that arrive. */
  readonly arrivals: number;
  /** Mean time between two arrivals, in milliseconds. */
  readonly arrivalGap: number;
  /** Prompts computed one after the other. */
  readonly prefills: number;
  /** Their lengths in tokens. */
  readonly prefillLengths: readonly number[];
  /** Tokens of a request that only decodes. */
  readonly decode: number;
  /** As `decode`, with step reports: more tokens, so that most steps run compiled code. */
  readonly observedDecode: number;
}

/** The measurements of one run of a scenario. */
export interface ScenarioRun {
  /** The measured requests. */
  readonly served: readonly ServedRequest[];
  /** Tokens of all requests within the duration. */
  readonly tokens: number;
  /** Milliseconds. */
  readonly duration: number;
}

/** Callbacks of a running scenario. */
export interface ScenarioEvents {
  /** The steady part begins: all requests decode. */
  readonly onSteady?: () => void;
  /** The steady part ends: a request is about to end. */
  readonly onUnsteady?: () => void;
}

/** A scenario. */
export interface Scenario {
  readonly name: ScenarioName;
  readonly title: string;
  /** Decoding requests per step in its steady part; null: it has none. */
  readonly steadyRows: number | null;
  run(engine: Engine, sizes: Sizes, seed: number, events?: ScenarioEvents): Promise<ScenarioRun>;
}

/** Creates the requests of one run. */
class RequestFactory {
  readonly #random: () => number;
  readonly #vocabulary: number;

  constructor(engine: Engine, seed: number) {
    this.#random = randomNumbers(seed);
    this.#vocabulary = engine.info.model.vocabularySize;
  }

  /** A request with a random prompt and, unless `ignoreEos` is false, exactly `maxTokens` tokens. */
  next(promptTokens: number, maxTokens: number, ignoreEos = true): Request {
    const prompt = Int32Array.from({ length: promptTokens }, () => Math.floor(this.#random() * this.#vocabulary));
    return { prompt, options: { maxTokens, ignoreEos, temperature: 0 } };
  }

  /** Milliseconds to the next arrival of a Poisson process. */
  gap(mean: number): number {
    return -Math.log(1 - this.#random()) * mean;
  }
}

/** The measurements of requests, from the first call of `generate()` to the last token. */
function summarize(served: readonly ServedRequest[]): ScenarioRun {
  const start = Math.min(...served.map((request) => request.start));
  const end = Math.max(...served.map(({ tokenTimes }) => tokenTimes.at(-1)!));
  const tokens = served.reduce((sum, { tokenTimes }) => sum + tokenTimes.length, 0);
  return { served, tokens, duration: end - start };
}

async function single(engine: Engine, sizes: Sizes, seed: number): Promise<ScenarioRun> {
  const requests = new RequestFactory(engine, seed);
  const runs: ScenarioRun[] = [];
  for (let index = 0; index < sizes.singles; index++) {
    runs.push(summarize([await serve(engine, requests.next(sizes.prompt, sizes.output))]));
  }
  return {
    served: runs.flatMap(({ served }) => served),
    tokens: runs.reduce((sum, { tokens }) => sum + tokens, 0),
    duration: runs.reduce((sum, { duration }) => sum + duration, 0),
  };
}

async function burst(engine: Engine, sizes: Sizes, seed: number): Promise<ScenarioRun> {
  const requests = new RequestFactory(engine, seed);
  const all = Array.from({ length: sizes.burst }, () => requests.next(sizes.prompt, sizes.output));
  return summarize(await Promise.all(all.map((request) => serve(engine, request))));
}

/** Requests arrive at random times while others decode; they end by an end-of-sequence token or by length. */
async function arrivals(engine: Engine, sizes: Sizes, seed: number): Promise<ScenarioRun> {
  const requests = new RequestFactory(engine, seed);
  const { prompt, output, running, arrivals: count, arrivalGap } = sizes;
  const background = Array.from({ length: running }, () => requests.next(prompt, engine.info.maxContext - prompt - 1));
  const arriving = Array.from({ length: count }, () => ({
    request: requests.next(prompt, output, false),
    gap: requests.gap(arrivalGap),
  }));

  const ended = new AbortController();
  let backgroundTokens = 0;
  const decoding = Promise.withResolvers<void>();
  const served = background.map((request) => {
    return serve(engine, request, (tokens) => {
      if (tokens === 2 && ++started === running) decoding.resolve();
      backgroundTokens++;
    }, ended.signal);
  });
  let started = 0;
  await decoding.promise;

  backgroundTokens = 0;
  let time = performance.now();
  const start = time;
  const promises: Promise<ServedRequest>[] = [];
  for (const { request, gap } of arriving) {
    time += gap;
    await waitUntil(time);
    promises.push(serve(engine, request));
  }
  const arrived = await Promise.all(promises);
  const duration = performance.now() - start;
  const tokens = backgroundTokens + arrived.reduce((sum, { tokenTimes }) => sum + tokenTimes.length, 0);
  ended.abort();
  await Promise.all(served);
  return { served: arrived, tokens, duration };
}

/** Two callers that each submit one prompt after the other, so that there is always a prompt to compute. */
async function prefills(engine: Engine, sizes: Sizes, seed: number): Promise<ScenarioRun> {
  const requests = new RequestFactory(engine, seed);
  const queue = Array.from({ length: sizes.prefills }, (_, index) => {
    return requests.next(sizes.prefillLengths[index % sizes.prefillLengths.length]!, 3);
  });
  const served: ServedRequest[] = [];
  const call = async () => {
    for (let request = queue.shift(); request !== undefined; request = queue.shift()) {
      served.push(await serve(engine, request));
    }
  };
  await Promise.all([call(), call()]);
  return summarize(served);
}

async function decode(
  rows: number,
  engine: Engine,
  sizes: Sizes,
  seed: number,
  events: ScenarioEvents = {},
): Promise<ScenarioRun> {
  const requests = new RequestFactory(engine, seed);
  const all = Array.from({ length: rows }, () => requests.next(8, sizes.decode));
  let steady = 0;
  let ending = 0;
  const onToken = (count: number) => {
    // At the fourth token of the last request, the last prefill is some steps ago.
    if (count === 4 && ++steady === rows) events.onSteady?.();
    if (count === sizes.decode - 3 && ++ending === 1) events.onUnsteady?.();
  };
  return summarize(await Promise.all(all.map((request) => serve(engine, request, onToken))));
}

/** All scenarios in the order in which they run. */
export const SCENARIOS: readonly Scenario[] = [
  { name: "single", title: "one request at a time", steadyRows: null, run: single },
  { name: "burst", title: "a burst of requests at once", steadyRows: null, run: burst },
  { name: "arrivals", title: "Poisson arrivals into a running batch", steadyRows: null, run: arrivals },
  { name: "prefills", title: "back-to-back prompts of mixed lengths", steadyRows: null, run: prefills },
  {
    name: "decode1",
    title: "steady decode of 1 request",
    steadyRows: 1,
    run: (engine, sizes, seed, events) => decode(1, engine, sizes, seed, events),
  },
  {
    name: "decode32",
    title: "steady decode of 32 requests",
    steadyRows: 32,
    run: (engine, sizes, seed, events) => decode(32, engine, sizes, seed, events),
  },
];
