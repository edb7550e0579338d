/**
 * Which call fails, and how.
 *
 * @module
 */
import type { SymbolName } from "../../../../ffi/abi.ts";
import type { FailurePoint, ScriptedFailure } from "./options.ts";

/** Functions that a group of a {@linkcode FailurePoint} stands for. */
const GROUPS: Partial<Readonly<Record<SymbolName, FailurePoint>>> = {
  upbeat_sample: "sampling",
  upbeat_copy_to_device: "copy",
  upbeat_copy_to_host: "copy",
  upbeat_copy_on_device: "copy",
  upbeat_event_wait: "wait",
  upbeat_stream_synchronize: "wait",
  upbeat_memory_allocate: "allocation",
  upbeat_host_allocate: "allocation",
};

/** The failures that have not struck yet. */
export class Failures {
  readonly #pending: { readonly failure: ScriptedFailure; callsLeft: number }[] = [];

  /** @param failures What is scripted from the start. */
  constructor(failures: readonly ScriptedFailure[]) {
    for (const failure of failures) this.add(failure);
  }

  /** Script one more; its calls are counted from now on. */
  add(failure: ScriptedFailure): void {
    this.#pending.push({ failure, callsLeft: failure.call });
  }

  /** Count a call of a function. @returns The failure that strikes it, or null. */
  strikeCall(name: SymbolName): ScriptedFailure | null {
    // Nearly every call of every test.
    if (this.#pending.length === 0) return null;
    const group = GROUPS[name];
    const struck = this.strike(name);
    return (group === undefined ? null : this.strike(group)) ?? struck;
  }

  /** Count one more of a kind. @returns The failure that strikes it, or null. */
  strike(point: FailurePoint): ScriptedFailure | null {
    let struck: ScriptedFailure | null = null;
    for (const [index, pending] of [...this.#pending.entries()].reverse()) {
      if (pending.failure.at !== point || --pending.callsLeft > 0) continue;
      this.#pending.splice(index, 1);
      struck = pending.failure;
    }
    return struck;
  }
}
