/**
 * Where other programs keep their models.
 *
 * @module
 */
import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { environmentVariable } from "../ffi/environment.ts";

/**
 * The cache of Hugging Face's programs, as `huggingface_hub` finds it: HF_HUB_CACHE, else `hub` in HF_HOME, else in the
 * user's cache folder.
 */
export function hubCache(): string {
  const own = environmentVariable("HF_HUB_CACHE") ?? environmentVariable("HUGGINGFACE_HUB_CACHE");
  if (own !== undefined) return own;
  const cache = environmentVariable("XDG_CACHE_HOME") ?? join(home(), ".cache");
  return join(environmentVariable("HF_HOME") ?? join(cache, "huggingface"), "hub");
}

/** Folders of Ollama's store: OLLAMA_MODELS, else the user's, and that of the service on Linux. */
export function ollamaStores(): string[] {
  const own = environmentVariable("OLLAMA_MODELS");
  if (own !== undefined) return [own];
  return [join(home(), ".ollama/models"), "/usr/share/ollama/.ollama/models", "/var/lib/ollama/models"];
}

/** Folders of LM Studio's models. */
export function lmStudioStores(): string[] {
  const folder = home();
  const moved = readLine(join(folder, ".lmstudio-home-pointer"));
  return [
    ...(moved === null ? [] : [join(moved, "models")]),
    join(folder, ".lmstudio/models"),
    join(folder, ".cache/lm-studio/models"),
  ];
}

function home(): string {
  return environmentVariable("HOME") ?? homedir();
}

/** The first line of a small file; null where there is none. */
function readLine(path: string): string | null {
  try {
    return existsSync(path) ? readFileSync(path, "utf8").split(/\r?\n/)[0]!.trim() || null : null;
  } catch {
    return null;
  }
}
