/**
 * Which layers have a sliding attention window.
 *
 * @module
 */
import type { ConfigFields } from "./config_fields.ts";

/** `sliding_window` when the field is absent, in all families that have it. */
const DEFAULT_WINDOW = 4096;

/**
 * Mistral: one window for all layers, unless `sliding_window` is null.
 *
 * @param fields The top-level fields of `config.json`.
 * @param layers Number of layers.
 * @returns The window of each layer in tokens, null for none.
 * @throws {UpbeatError} `MODEL_UNSUPPORTED` when `layer_types` contradicts it; transformers ignores that field here.
 */
export function uniformWindows(fields: ConfigFields, layers: number): (number | null)[] {
  const window = fields.isAbsent("sliding_window") ? DEFAULT_WINDOW : readWindow(fields);
  const stated = readLayerTypes(fields, layers);
  if (stated?.some((sliding) => sliding !== (window !== null)) === true) {
    throw fields.unsupported("layer_types", `in this family all layers are alike: sliding_window is ${window}`);
  }
  return new Array<number | null>(layers).fill(window);
}

/**
 * Qwen2 and Qwen3: no window unless `use_sliding_window`; then in the layers that `layer_types` marks or, without it,
 * those from `max_window_layers` on.
 *
 * @param fields The top-level fields of `config.json`.
 * @param layers Number of layers.
 * @returns The window of each layer in tokens, null for none.
 * @throws {UpbeatError} `MODEL_CONFIG_INVALID` when a layer is marked and no window is given.
 */
export function windowsFromLayer(fields: ConfigFields, layers: number): (number | null)[] {
  const used = fields.boolean("use_sliding_window", false);
  const stated = fields.isAbsent("sliding_window") ? DEFAULT_WINDOW : readWindow(fields);
  const window = used ? stated : null;
  const firstSliding = fields.integer("max_window_layers", { minimum: 0, fallback: 28 });
  const sliding = readLayerTypes(fields, layers) ??
    Array.from({ length: layers }, (_, layer) => window !== null && layer >= firstSliding);
  if (window === null && sliding.includes(true)) {
    throw fields.invalid(
      "layer_types",
      "full_attention only, as use_sliding_window is not true or sliding_window is null",
    );
  }
  return sliding.map((slides) => slides ? window : null);
}

function readWindow(fields: ConfigFields): number | null {
  return fields.value("sliding_window") === undefined ? null : fields.integer("sliding_window");
}

/** Whether each layer has a window; null when the file does not specify it. */
function readLayerTypes(fields: ConfigFields, layers: number): boolean[] | null {
  const types = fields.texts("layer_types");
  if (types === null) return null;
  if (types.length !== layers) throw fields.invalid("layer_types", `a list of ${layers}, one for each layer`);
  return types.map((type) => {
    if (type === "full_attention") return false;
    if (type === "sliding_attention") return true;
    throw fields.unsupported("layer_types", "full_attention and sliding_attention are");
  });
}
