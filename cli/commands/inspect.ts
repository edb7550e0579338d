/**
 * `upbeat inspect`: the content of a model and whether it fits, from headers alone.
 *
 * @module
 */
import { boolean, choice } from "../../engine/config/option.ts";
import { openGguf } from "../../engine/files/gguf/gguf_model.ts";
import { readModelConfig } from "../../engine/models/config.ts";
import type { ModelConfig } from "../../engine/models/config/model_config.ts";
import type { RopeScaling } from "../../engine/models/config/rope_config.ts";
import { kvBytesPerToken, loadedWeightBytes } from "../../engine/models/memory.ts";
import { planModel } from "../../engine/models/model_plan.ts";
import { ChatTemplate } from "../../engine/text/chat_template.ts";
import { Tokenizer } from "../../engine/text/tokenizer/tokenizer.ts";
import { openCheckpoint } from "../../engine/weights/checkpoint.ts";
import { isWeightDtype } from "../../engine/weights/dtypes.ts";
import type { Command } from "./command.ts";
import { parseFlags } from "../flags/flags.ts";
import { formatBytes } from "../terminal/format_bytes.ts";
import { locateModel } from "../../hub/locate_model.ts";
import { availableMemory } from "./machine_memory.ts";
import { bundledModel } from "./model_folder.ts";
import { print } from "../terminal/terminal.ts";
import { UsageError } from "../errors.ts";

const FLAGS = {
  json: boolean({ help: "print one JSON object" }),
  kvDtype: choice(["f32", "bf16"], { default: "f32", help: "element type of the KV cache to calculate with" }),
} as const;

/** A model fits if there is room for its context, or for this number of tokens: the engine's default. */
const ENOUGH_CONTEXT = 8192;

/** The command. */
export const inspect: Command = {
  name: "inspect",
  summary: "Show what is in a model and whether it fits.",
  usage: ["[MODEL]"],
  details: "Reads headers only. Without MODEL, it is the model that comes with Upbeat.\n" +
    "Exit code 1, with the reason, when the model cannot be run.",
  flags: { Flags: FLAGS },
  async run(args) {
    const { values, positional } = parseFlags(args, FLAGS);
    const [model = bundledModel(), extra] = positional;
    if (extra !== undefined) throw new UsageError(`unexpected argument ${JSON.stringify(extra)}`);
    const report = await inspectModel(locateModel(model), values.kvDtype === "bf16" ? "BF16" : "F32");
    print(values.json ? `${JSON.stringify(report)}\n` : describe(report));
    return 0;
  },
};

/** Facts about a model. */
type Report = Awaited<ReturnType<typeof inspectModel>>;

async function inspectModel(folder: string, kvDtype: "F32" | "BF16") {
  const gguf = openGguf(folder);
  const config = readModelConfig(folder, gguf);
  const checkpoint = openCheckpoint(folder, gguf);
  const plan = planModel(config, checkpoint);
  const weightBytes = loadedWeightBytes(plan.memory);
  const tokenBytes = kvBytesPerToken(plan.memory, kvDtype);
  const unused = new Set(plan.unusedTensors);
  const dtypes: Record<string, number> = {};
  const groups: Record<string, Record<string, number>> = {};
  let parameters = 0;
  for (const [name, { dtype, shape }] of checkpoint.tensors) {
    if (unused.has(name)) continue;
    const elements = shape.reduce((product, length) => product * length, 1);
    parameters += elements;
    dtypes[dtype] = (dtypes[dtype] ?? 0) + elements;
    const group = groups[groupOf(name)] ??= {};
    group[dtype] = (group[dtype] ?? 0) + 1;
  }
  const available = availableMemory();
  const kvTokens = Math.max(0, Math.floor((available - weightBytes) / tokenBytes));
  return {
    model: folder,
    family: config.family,
    parameters,
    /** Parameters by dtype. */
    dtypes,
    /** Numbers of tensors by dtype, of each group of tensors with the same place in a layer. */
    groups,
    bitsPerWeight: plan.weightBytes * 8 / parameters,
    ...shapeOf(config),
    files: checkpoint.files.length,
    unusedTensors: plan.unusedTensors,
    weightBytes,
    kvDtype,
    kvBytesPerToken: tokenBytes,
    memory: {
      availableBytes: available,
      kvTokens,
      fits: kvTokens >= Math.min(config.maxPositions, ENOUGH_CONTEXT),
    },
    ...await textParts(folder, config),
  };
}

/** The tensors of all layers with one name, as in `self_attn.q_proj`. */
function groupOf(name: string): string {
  return name.replace(/^model\.(layers\.\d+\.)?/, "").replace(
    /\.(weight|bias)$/,
    (_, kind) => kind === "bias" ? " bias" : "",
  );
}

function shapeOf(config: ModelConfig) {
  const { scaling, theta } = config.rope;
  const windows = config.slidingWindows.filter((window) => window !== null);
  return {
    layers: config.layers,
    hiddenSize: config.hiddenSize,
    heads: config.heads,
    kvHeads: config.kvHeads,
    headDim: config.headDim,
    ffnSize: config.ffnSize,
    vocabularySize: config.vocabularySize,
    contextLength: config.maxPositions,
    tiedEmbeddings: config.tieWordEmbeddings,
    rope: { theta, scaling },
    slidingWindow: windows.length === 0 ? null : { tokens: Math.min(...windows), layers: windows.length },
    bosTokenId: config.bosTokenId,
    eosTokenIds: config.eosTokenIds,
  };
}

/** Tokenizer and chat template. Problems are only reported, as the model runs on token ids without them. */
async function textParts(folder: string, config: ModelConfig) {
  const problem = (error: unknown) => (error as Error).message;
  const tokenizer = await Tokenizer.load(folder).then(
    ({ vocabularySize }) => ({
      vocabularySize,
      problem: vocabularySize > config.vocabularySize
        ? `it has ${vocabularySize} tokens, the model ${config.vocabularySize}`
        : null,
    }),
    (error) => ({ vocabularySize: null, problem: problem(error) }),
  );
  const chatTemplate = await ChatTemplate.fromFolder(folder).then(
    () => ({ present: true, problem: null }),
    // A base model has none, which is not a problem.
    (error) => ({ present: false, problem: / has no chat template /.test(problem(error)) ? null : problem(error) }),
  );
  return { tokenizer, chatTemplate };
}

function count(value: number): string {
  for (const [unit, size] of [["B", 1e9], ["M", 1e6], ["K", 1e3]] as const) {
    if (value >= size) return `${(value / size).toFixed(value / size < 10 ? 2 : 1)} ${unit}`;
  }
  return String(value);
}

/** A line for each set of dtypes, with the groups of tensors that have it. */
function describeGroups(groups: Report["groups"]): [string, string][] {
  const lines = new Map<string, string[]>();
  for (const [name, dtypes] of Object.entries(groups)) {
    const entries = Object.entries(dtypes).sort();
    const types = entries.map(([dtype, tensors]) => entries.length === 1 ? dtype : `${dtype} (${tensors})`).join(", ");
    const names = lines.get(types);
    if (names === undefined) lines.set(types, [name]);
    else names.push(name);
  }
  return [...lines].map(([types, names]) => [`  ${types}`, names.join(", ")]);
}

function describeScaling(scaling: RopeScaling): string {
  if (scaling.type === "none") return "";
  if (scaling.type === "factors") {
    return `, ${scaling.factors.length} scaling factors up to ${Math.max(...scaling.factors)}`;
  }
  return `, ${scaling.type} scaling by ${scaling.factor}`;
}

function describe(report: Report): string {
  const { memory, tokenizer, chatTemplate, unusedTensors: unused, rope } = report;
  const isMixed = Object.keys(report.dtypes).some((dtype) => !isWeightDtype(dtype));
  const dtypes = Object.entries(report.dtypes).map(([dtype, elements]) =>
    Object.keys(report.dtypes).length === 1 ? dtype : `${dtype} (${count(elements)})`
  );
  const window = report.slidingWindow;
  const scaling = describeScaling(rope.scaling);
  const needed = report.weightBytes + report.kvBytesPerToken * Math.min(report.contextLength, ENOUGH_CONTEXT);
  const rows: [string, string][] = [
    ["model", report.model],
    ["family", report.family],
    [
      "parameters",
      `${count(report.parameters)}, ${dtypes.join(", ")}, ${report.files} file${report.files === 1 ? "" : "s"}` +
      (isMixed ? `, ${report.bitsPerWeight.toFixed(2)} bits per weight` : ""),
    ],
    ...(isMixed ? describeGroups(report.groups) : []),
    ["layers", `${report.layers} of width ${report.hiddenSize}, feed-forward ${report.ffnSize}`],
    ["attention", `${report.heads} heads, ${report.kvHeads} KV heads, head size ${report.headDim}`],
    ["rope", `theta ${rope.theta}${scaling}`],
    ["vocabulary", `${report.vocabularySize} tokens, ${report.tiedEmbeddings ? "tied" : "untied"} embeddings`],
    [
      "context",
      `${report.contextLength} tokens` +
      (window === null ? "" : `, sliding window of ${window.tokens} in ${window.layers} of ${report.layers} layers`),
    ],
    ["end tokens", report.eosTokenIds.length === 0 ? "none" : report.eosTokenIds.join(", ")],
    ["weights", formatBytes(report.weightBytes)],
    ["KV cache", `${formatBytes(report.kvBytesPerToken)} per token (${report.kvDtype})`],
    [
      "memory",
      `${formatBytes(memory.availableBytes)} available: ` +
      (memory.fits
        ? `fits, with room for ${memory.kvTokens} tokens of KV cache`
        : `does NOT fit, ${formatBytes(needed)} are needed`),
    ],
    [
      "tokenizer",
      (tokenizer.vocabularySize === null ? "none" : `${tokenizer.vocabularySize} tokens`) +
      (tokenizer.problem === null ? "" : `: ${tokenizer.problem}`),
    ],
    [
      "chat template",
      chatTemplate.present ? "yes" : chatTemplate.problem === null ? "none" : `not usable: ${chatTemplate.problem}`,
    ],
    [
      "not used",
      unused.length === 0
        ? "no tensor"
        : `${unused.length} tensors: ${unused.slice(0, 4).join(", ")}${unused.length > 4 ? ", …" : ""}`,
    ],
  ];
  const width = Math.max(15, ...rows.map(([name]) => name.length + 1));
  return rows.map(([name, text]) => `${name.padEnd(width)}${text}\n`).join("");
}
