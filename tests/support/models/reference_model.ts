/**
 * The decoder as a plain float64 forward pass, one token at a time with a KV cache: the reference for kernels, models
 * and engine. It shares only the configuration, the rotary frequencies and the file reader with the engine, and is
 * itself checked against outputs of PyTorch.
 *
 * @module
 */
import { readModelConfig } from "../../../engine/models/config.ts";
import type { ModelConfig } from "../../../engine/models/config/model_config.ts";
import { inverseFrequencies } from "../../../engine/models/rope.ts";
import { openCheckpoint } from "../../../engine/weights/checkpoint.ts";
import { readTensor } from "./reference_tensor.ts";

/** `y = W x + b`: weight `[outputs, inputs]`, bias `[outputs]` or null. */
interface Linear {
  readonly weight: Float64Array;
  readonly bias: Float64Array | null;
}

interface Layer {
  readonly inputNorm: Float64Array;
  readonly query: Linear;
  readonly key: Linear;
  readonly value: Linear;
  readonly queryNorm: Float64Array | null;
  readonly keyNorm: Float64Array | null;
  readonly output: Linear;
  readonly postAttentionNorm: Float64Array;
  readonly gate: Linear;
  readonly up: Linear;
  readonly down: Linear;
}

/** Keys and values of one layer: per position, `[kvHeads * headDim]`. */
interface LayerCache {
  readonly keys: Float64Array[];
  readonly values: Float64Array[];
}

/** A model in float64. */
export class ReferenceModel {
  /** The model's configuration. */
  readonly config: ModelConfig;
  readonly #embedding: Float64Array;
  readonly #layers: readonly Layer[];
  readonly #finalNorm: Float64Array;
  readonly #head: Float64Array;
  readonly #frequencies: Float64Array;

  /** @param folder The model folder. */
  constructor(folder: string) {
    const config = readModelConfig(folder);
    const { tensors } = openCheckpoint(folder);
    const optional = (name: string) => {
      const tensor = tensors.get(name);
      return tensor === undefined ? null : readTensor(tensor);
    };
    const required = (name: string) => {
      const values = optional(name);
      if (values === null) throw new RangeError(`${folder} has no ${name}`);
      return values;
    };
    const linear = (name: string, bias: boolean): Linear => ({
      weight: required(`${name}.weight`),
      bias: bias ? required(`${name}.bias`) : null,
    });
    this.config = config;
    this.#frequencies = inverseFrequencies(config);
    this.#finalNorm = required("model.norm.weight");
    const head = optional("lm_head.weight");
    const embedding = optional("model.embed_tokens.weight");
    this.#embedding = embedding ?? head ?? required("model.embed_tokens.weight");
    this.#head = config.tieWordEmbeddings ? this.#embedding : head ?? required("lm_head.weight");
    this.#layers = Array.from({ length: config.layers }, (_, index) => {
      const layer = `model.layers.${index}`;
      return {
        inputNorm: required(`${layer}.input_layernorm.weight`),
        query: linear(`${layer}.self_attn.q_proj`, config.qkvBias),
        key: linear(`${layer}.self_attn.k_proj`, config.qkvBias),
        value: linear(`${layer}.self_attn.v_proj`, config.qkvBias),
        queryNorm: config.qkNorm ? required(`${layer}.self_attn.q_norm.weight`) : null,
        keyNorm: config.qkNorm ? required(`${layer}.self_attn.k_norm.weight`) : null,
        output: linear(`${layer}.self_attn.o_proj`, config.outputBias),
        postAttentionNorm: required(`${layer}.post_attention_layernorm.weight`),
        gate: linear(`${layer}.mlp.gate_proj`, config.mlpBias),
        up: linear(`${layer}.mlp.up_proj`, config.mlpBias),
        down: linear(`${layer}.mlp.down_proj`, config.mlpBias),
      };
    });
  }

  /**
   * Begin an empty sequence.
   *
   * @returns A function that appends one token and returns the logits of the next, F64 `[vocabularySize]`.
   */
  start(): (token: number) => Float64Array {
    const caches: LayerCache[] = this.#layers.map(() => ({ keys: [], values: [] }));
    return (token) => this.#step(token, caches);
  }

  #step(token: number, caches: readonly LayerCache[]): Float64Array {
    const { hiddenSize, rmsNormEpsilon, slidingWindows } = this.config;
    let hidden: Float64Array = this.#embedding.slice(token * hiddenSize, (token + 1) * hiddenSize);
    this.#layers.forEach((layer, index) => {
      const attentionInput = rmsNorm(hidden, layer.inputNorm, rmsNormEpsilon);
      const window = slidingWindows[index] ?? Infinity;
      hidden = sum(hidden, this.#attention(layer, caches[index] as LayerCache, attentionInput, window));
      const mlpInput = rmsNorm(hidden, layer.postAttentionNorm, rmsNormEpsilon);
      const gate = apply(layer.gate, mlpInput);
      const up = apply(layer.up, mlpInput);
      hidden = sum(hidden, apply(layer.down, gate.map((x, i) => (x / (1 + Math.exp(-x))) * at(up, i))));
    });
    return apply({ weight: this.#head, bias: null }, rmsNorm(hidden, this.#finalNorm, rmsNormEpsilon));
  }

  /** Causal attention of one new token over the cache, to which it is added first. */
  #attention(layer: Layer, cache: LayerCache, input: Float64Array, window: number): Float64Array {
    const { heads, kvHeads, headDim } = this.config;
    const position = cache.keys.length;
    const query = apply(layer.query, input);
    const key = apply(layer.key, input);
    this.#normAndRotate(query, layer.queryNorm, position);
    this.#normAndRotate(key, layer.keyNorm, position);
    cache.keys.push(key);
    cache.values.push(apply(layer.value, input));

    const first = Math.max(0, position + 1 - window);
    const attended = new Float64Array(heads * headDim);
    for (let head = 0; head < heads; head++) {
      const queryStart = head * headDim;
      const kvStart = Math.floor(head / (heads / kvHeads)) * headDim;
      const scores = new Float64Array(position + 1 - first);
      for (let i = 0; i < scores.length; i++) {
        const keys = cache.keys[first + i] as Float64Array;
        let score = 0;
        for (let d = 0; d < headDim; d++) score += at(query, queryStart + d) * at(keys, kvStart + d);
        scores[i] = score / Math.sqrt(headDim);
      }
      softmax(scores).forEach((probability, i) => {
        const values = cache.values[first + i] as Float64Array;
        for (let d = 0; d < headDim; d++) attended[queryStart + d]! += probability * at(values, kvStart + d);
      });
    }
    return apply(layer.output, attended);
  }

  /** Each head of a vector of heads: RMSNorm where the model has it, then the rotary embedding, in place. */
  #normAndRotate(heads: Float64Array, norm: Float64Array | null, position: number): void {
    const { headDim, rmsNormEpsilon } = this.config;
    const half = headDim / 2;
    for (let start = 0; start < heads.length; start += headDim) {
      const head = heads.subarray(start, start + headDim);
      if (norm !== null) head.set(rmsNorm(head, norm, rmsNormEpsilon));
      for (let i = 0; i < half; i++) {
        const angle = position * at(this.#frequencies, i);
        const [cosine, sine] = [Math.cos(angle), Math.sin(angle)];
        const [low, high] = [at(head, i), at(head, i + half)];
        head[i] = low * cosine - high * sine;
        head[i + half] = high * cosine + low * sine;
      }
    }
  }
}

/**
 * The logits at every position of a sequence.
 *
 * @param model The model.
 * @param tokens The sequence.
 * @returns One F64 `[vocabularySize]` per token.
 */
export function logitsOf(model: ReferenceModel, tokens: readonly number[]): Float64Array[] {
  const append = model.start();
  return tokens.map((token) => append(token));
}

/** A greedy continuation. */
export interface GreedyRun {
  /** The generated tokens. */
  readonly tokens: number[];
  /** The logits of each of them. */
  readonly logits: Float64Array[];
}

/**
 * Continue a prompt greedily, through any stop token; the lowest id wins among equals.
 *
 * @param model The model.
 * @param prompt At least one token.
 * @param count How many tokens to generate.
 * @returns The tokens and their logits.
 */
export function greedy(model: ReferenceModel, prompt: readonly number[], count: number): GreedyRun {
  const append = model.start();
  const run: GreedyRun = { tokens: [], logits: [] };
  let logits = prompt.map((token) => append(token)).at(-1) as Float64Array;
  while (run.tokens.length < count) {
    const token = argmax(logits);
    run.tokens.push(token);
    run.logits.push(logits);
    if (run.tokens.length < count) logits = append(token);
  }
  return run;
}

/**
 * The index of the largest element; the lowest among equals.
 *
 * @param values At least one value.
 * @returns The index.
 */
export function argmax(values: Float64Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (at(values, i) > at(values, best)) best = i;
  return best;
}

/**
 * Log-probabilities of logits.
 *
 * @param logits F64 `[vocabularySize]`.
 * @returns F64 `[vocabularySize]`.
 */
export function logSoftmax(logits: Float64Array): Float64Array {
  const largest = at(logits, argmax(logits));
  const logSum = Math.log(logits.reduce((total, x) => total + Math.exp(x - largest), 0));
  return logits.map((x) => x - largest - logSum);
}

function softmax(scores: Float64Array): Float64Array {
  return logSoftmax(scores).map(Math.exp);
}

/** Zhang and Sennrich 2019. */
function rmsNorm(input: Float64Array, weight: Float64Array, epsilon: number): Float64Array {
  const meanSquare = input.reduce((total, x) => total + x * x, 0) / input.length;
  const scale = 1 / Math.sqrt(meanSquare + epsilon);
  return input.map((x, i) => x * scale * at(weight, i));
}

function apply({ weight, bias }: Linear, input: Float64Array): Float64Array {
  const columns = input.length;
  const output = new Float64Array(weight.length / columns);
  for (let row = 0; row < output.length; row++) {
    let total = 0;
    for (let column = 0; column < columns; column++) total += weight[row * columns + column]! * input[column]!;
    output[row] = bias === null ? total : total + at(bias, row);
  }
  return output;
}

function sum(a: Float64Array, b: Float64Array): Float64Array {
  return a.map((x, i) => x + at(b, i));
}

/** An element within bounds. */
function at(values: Float64Array, index: number): number {
  return values[index] as number;
}
