/**
 * The emulated CUDA library of `tests/simt/`, and the machine that it claims to run on: its GPUs and driver, and what goes
 * wrong there.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

/** Its file, which need not be there. */
export const SIMT_LIBRARY = fileURLToPath(new URL("../../../build/libupbeat_simt.so", import.meta.url));

/** A test that needs it; skipped by name where it is not built. */
export const simt: typeof test = existsSync(SIMT_LIBRARY)
  ? test
  : ((name: string) => test.skip(`${name} (the emulated CUDA library is not built)`, () => {})) as typeof test;

/** What a GPU's machine is. */
export interface SimtMachine {
  /** GPUs. */
  readonly devices: number;
  /** The CUDA version that the driver knows, 13000 for 13.0; 0: no driver. */
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

/** How many parameters each has; all of them and the results are 32-bit integers. */
const PARAMETERS: Readonly<Record<keyof Controls, number>> = {
  upbeat_simt_machine: 4,
  upbeat_simt_slow_calls: 0,
  upbeat_simt_dependent_launches: 0,
  upbeat_simt_refuse_dependent_launches: 1,
  upbeat_simt_forbid_slow_calls: 1,
  upbeat_simt_refuse_allocation: 1,
  upbeat_simt_break_device: 0,
};

/** What both runtimes' ways to open a library have in common. */
type Open = (path: string, functions: Record<string, unknown>) => { readonly symbols: unknown };

async function openControls(): Promise<Controls> {
  const { Deno: deno } = globalThis as { readonly Deno?: { readonly dlopen: Open } };
  // By a name in a variable: Deno's compiler does not know the module.
  const module: string = "bun:ffi";
  const open: Open = deno?.dlopen ?? (await import(module) as { readonly dlopen: Open }).dlopen;
  const functions = Object.entries(PARAMETERS).map(([name, count]) => {
    const parameters = Array(count).fill("i32");
    return [name, deno === undefined ? { args: parameters, returns: "i32" } : { parameters, result: "i32" }];
  });
  return open(SIMT_LIBRARY, Object.fromEntries(functions)).symbols as Controls;
}

const WORKING: SimtMachine = { devices: 1, driver: 13000, compute: [9, 0] };

/** The stand-in's machine, for one test: everything is as before when it is disposed of. */
export class Simt implements Disposable {
  readonly #controls: Controls;

  private constructor(controls: Controls) {
    this.#controls = controls;
  }

  /** Take hold of the machine. */
  static async take(): Promise<Simt> {
    return new Simt(await openControls());
  }

  /** Make it another machine; what is not said is as in one that works. */
  change(machine: Partial<SimtMachine>): void {
    const { devices, driver, compute } = { ...WORKING, ...machine };
    this.#controls.upbeat_simt_machine(devices, driver, ...compute);
  }

  /** Calls of the runtime until now that have no place in a step: they allocate, or wait. */
  get slowCalls(): number {
    return this.#controls.upbeat_simt_slow_calls();
  }

  /** Dependent launches until now. */
  get dependentLaunches(): number {
    return this.#controls.upbeat_simt_dependent_launches();
  }

  /** Let the driver refuse dependent launches. */
  set dependentLaunchesRefused(refused: boolean) {
    this.#controls.upbeat_simt_refuse_dependent_launches(refused ? 1 : 0);
  }

  /** Make such calls findings of the emulator, or let them be. */
  set slowCallsForbidden(forbidden: boolean) {
    this.#controls.upbeat_simt_forbid_slow_calls(forbidden ? 1 : 0);
  }

  /** Let the n-th allocation from now on fail for want of memory. */
  refuseAllocation(number: number): void {
    this.#controls.upbeat_simt_refuse_allocation(number);
  }

  /** Break the device, as a kernel that writes where no memory is would. */
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
