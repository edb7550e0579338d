/**
 * The emulated CUDA library of `tests/simt/`, and control of the emulated machine: its GPUs, its driver and their faults.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

/** Its file, which exists only if it was built. */
export const SIMT_LIBRARY = fileURLToPath(new URL("../../../build/libupbeat_simt.so", import.meta.url));

/** A test that needs it; skipped if it is not built. */
export const simt: typeof test = existsSync(SIMT_LIBRARY)
  ? test
  : ((name: string) => test.skip(`${name} (the emulated CUDA library is not built)`, () => {})) as typeof test;

/** The emulated machine. */
export interface SimtMachine {
  /** Number of GPUs. */
  readonly devices: number;
  /** The driver's CUDA version, 13000 for 13.0; 0 without a driver. */
  readonly driver: number;
  /** The GPUs' compute capability. */
  readonly compute: readonly [major: number, minor: number];
}

/** The functions of `tests/simt/controls.cpp`. */
interface Controls {
  upbeat_simt_machine(devices: number, driver: number, major: number, minor: number): number;
  upbeat_simt_slow_calls(): number;
  upbeat_simt_dependent_launches(): number;
  upbeat_simt_refuse_dependent_launches(refused: number): number;
  upbeat_simt_forbid_slow_calls(forbidden: number): number;
  upbeat_simt_refuse_allocation(number: number): number;
  upbeat_simt_break_device(): number;
}

/** Number of parameters of each; parameters and results are 32-bit integers. */
const PARAMETERS: Readonly<Record<keyof Controls, number>> = {
  upbeat_simt_machine: 4,
  upbeat_simt_slow_calls: 0,
  upbeat_simt_dependent_launches: 0,
  upbeat_simt_refuse_dependent_launches: 1,
  upbeat_simt_forbid_slow_calls: 1,
  upbeat_simt_refuse_allocation: 1,
  upbeat_simt_break_device: 0,
};

/** What `bun:ffi`'s and Deno's `dlopen` have in common. */
type Open = (path: string, functions: Record<string, unknown>) => { readonly symbols: unknown };

async function openControls(): Promise<Controls> {
  const { Deno: deno } = globalThis as { readonly Deno?: { readonly dlopen: Open } };
  // A variable, because Deno's compiler rejects the unknown module in a literal.
  const module: string = "bun:ffi";
  const open: Open = deno?.dlopen ?? (await import(module) as { readonly dlopen: Open }).dlopen;
  const functions = Object.entries(PARAMETERS).map(([name, count]) => {
    const parameters = Array(count).fill("i32");
    return [name, deno === undefined ? { args: parameters, returns: "i32" } : { parameters, result: "i32" }];
  });
  return open(SIMT_LIBRARY, Object.fromEntries(functions)).symbols as Controls;
}

const WORKING: SimtMachine = { devices: 1, driver: 13000, compute: [9, 0] };

/** Control of the emulated machine for one test; restores it on disposal. */
export class Simt implements Disposable {
  readonly #controls: Controls;

  private constructor(controls: Controls) {
    this.#controls = controls;
  }

  /** Take control of the machine. */
  static async take(): Promise<Simt> {
    return new Simt(await openControls());
  }

  /** Change the machine; unnamed properties become those of a working one. */
  change(machine: Partial<SimtMachine>): void {
    const { devices, driver, compute } = { ...WORKING, ...machine };
    this.#controls.upbeat_simt_machine(devices, driver, ...compute);
  }

  /** Number of slow calls so far: calls of the CUDA runtime that allocate or wait, and do not belong in a step. */
  get slowCalls(): number {
    return this.#controls.upbeat_simt_slow_calls();
  }

  /** Number of dependent launches so far. */
  get dependentLaunches(): number {
    return this.#controls.upbeat_simt_dependent_launches();
  }

  /** Make the driver refuse dependent launches. */
  set dependentLaunchesRefused(refused: boolean) {
    this.#controls.upbeat_simt_refuse_dependent_launches(refused ? 1 : 0);
  }

  /** Make the emulator report slow calls as faults. */
  set slowCallsForbidden(forbidden: boolean) {
    this.#controls.upbeat_simt_forbid_slow_calls(forbidden ? 1 : 0);
  }

  /** Make the n-th allocation from now on run out of memory; 0 for none. */
  refuseAllocation(number: number): void {
    this.#controls.upbeat_simt_refuse_allocation(number);
  }

  /** Fault the device, as a kernel's invalid write does. */
  breakDevice(): void {
    this.#controls.upbeat_simt_break_device();
  }

  [Symbol.dispose](): void {
    this.slowCallsForbidden = false;
    this.dependentLaunchesRefused = false;
    this.refuseAllocation(0);
    this.change({});
  }
}
