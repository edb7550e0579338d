/**
 * Injects scripted failures.
 *
 * @module
 */
import type { SymbolName } from "../../../../ffi/abi.ts";
import type { FailurePoint, ScriptedFailure } from "./options.ts";

/** The group of functions, as a {@linkcode FailurePoint}, that a function belongs to. */
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

/** Scripted failures that have not occurred yet. */
export class Failures {
  readonly #pending: { readonly failure: ScriptedFailure; callsLeft: number }[] = [];

  /** @param failures Failures scripted from the start. */
  constructor(failures: readonly ScriptedFailure[]) {
    for (const failure of failures) this.add(failure);
  }

  /** Adds a failure, whose calls are counted from now on. */
  add(failure: ScriptedFailure): void {
    this.#pending.push({ failure, callsLeft: failure.call });
  }

  /** Counts a call of a function. @returns The failure to inject, or null. */
  triggerByCall(name: SymbolName): ScriptedFailure | null {
    // The common case.
    if (this.#pending.length === 0) return null;
    const group = GROUPS[name];
    const triggered = this.trigger(name);
    return (group === undefined ? null : this.trigger(group)) ?? triggered;
  }

  /** Counts one more occurrence of a point. @returns The failure to inject, or null. */
  trigger(point: FailurePoint): ScriptedFailure | null {
    let triggered: ScriptedFailure | null = null;
    for (const [index, pending] of [...this.#pending.entries()].reverse()) {
      if (pending.failure.at !== point || --pending.callsLeft > 0) continue;
      this.#pending.splice(index, 1);
      triggered = pending.failure;
    }
    return triggered;
  }
}
