/**
 * What all functions of a scripted device share: its clock, memory, handles, and what is wrong with it.
 *
 * @module
 */
import { STATUS, type SymbolName, type Symbols } from "../../../../ffi/abi.ts";
import { Accounting } from "./accounting.ts";
import { CallError, refuse } from "./checks.ts";
import { type DeviceClock, RealClock, VirtualClock } from "./clock.ts";
import { Failures } from "./failures.ts";
import { DeviceMemory } from "./memory.ts";
import type { Execution, HostCosts, ScriptedDeviceOptions } from "./options.ts";
import { Event, Graph, Stream } from "./stream.ts";
import { Weight } from "./weight.ts";

/** The open device, as its handle stands for it. */
export class OpenDevice {
  static readonly title = "a device";
}

/** Everything a handle can stand for. */
type Resource = OpenDevice | Stream | Event | Graph | Weight;

/** A class of resources, with its name for messages. */
interface ResourceClass<Kind extends Resource> {
  readonly title: string;
  // deno-lint-ignore no-explicit-any -- any constructor of that class
  new (...parameters: any[]): Kind;
}

/** A thousand copies of a violation say no more than the first. */
const MOST_VIOLATIONS = 100;

const DEFAULT_MEMORY = 2 ** 30;

/** The state of a scripted device. */
export class DeviceState {
  readonly options: ScriptedDeviceOptions;
  readonly clock: DeviceClock;
  readonly execution: Execution;
  readonly memoryBytes: number;
  readonly memory: DeviceMemory;
  readonly accounting: Accounting;
  readonly failures: Failures;
  /** What no program that is right would do, in the order in which it was found. */
  readonly violations: string[] = [];
  /** What broke, and when in microseconds. */
  fault: { readonly message: string; readonly time: number } | null = null;
  /** The sentence of the last call that failed. */
  lastError = "";
  readonly #costs: HostCosts;
  readonly #resources = new Map<number, Resource>();
  #nextHandle = 1;
  #effect: "fault" | "stall" | null = null;

  constructor(options: ScriptedDeviceOptions) {
    this.options = options;
    this.clock = options.clock === "real" ? new RealClock() : new VirtualClock();
    this.execution = options.execution ?? "late";
    this.memoryBytes = options.memoryBytes ?? DEFAULT_MEMORY;
    this.memory = new DeviceMemory(this.memoryBytes);
    this.accounting = new Accounting(options.keepsLists ?? true);
    this.failures = new Failures(options.failures ?? []);
    this.#costs = options.costs ?? {};
  }

  // ---- Calls -------------------------------------------------------------------------------------------------------

  /**
   * Make a function of the library of its body: its cost is spent, its failures strike, and what the body throws becomes a
   * status and the last error.
   *
   * @param name The function.
   * @param body What it does.
   * @returns The function.
   */
  guard<Name extends SymbolName>(name: Name, body: Symbols[Name]): Symbols[Name] {
    const run = body as (...values: readonly unknown[]) => number;
    const call = (...values: readonly unknown[]): number => {
      try {
        this.#enter(name);
        const status = run(...values);
        this.#settle();
        return status;
      } catch (thrown) {
        if (!(thrown instanceof CallError)) throw thrown;
        this.lastError = `${name}: ${thrown.message}`;
        return thrown.status;
      }
    };
    return call as unknown as Symbols[Name];
  }

  #enter(name: SymbolName): void {
    this.accounting.addCall(name);
    const cost = this.#costs[name];
    if (cost !== undefined) this.clock.spend(cost);
    // Who closes the device has given up the views of pinned memory, which are that memory here.
    if (name !== "upbeat_device_close") this.#settle();
    this.#effect = null;
    const failure = this.failures.strikeCall(name);
    if (failure === null) return;
    if (failure.kind !== "error") {
      this.#effect = failure.kind;
      return;
    }
    const isAllocation = name === "upbeat_memory_allocate" || name === "upbeat_host_allocate";
    throw new CallError(
      failure.status ?? (isAllocation ? STATUS.OUT_OF_MEMORY : STATUS.FAULT),
      "the script refuses this call",
    );
  }

  /** With exact execution, whatever has ended by now takes effect. */
  #settle(): void {
    if (this.execution !== "exact") return;
    for (const stream of this.streams()) stream.runTo(stream.point, this.clock.now());
  }

  /** What the current call's failure does to the work or the wait that it makes; once. */
  takeEffect(): "fault" | "stall" | null {
    const effect = this.#effect;
    this.#effect = null;
    return effect;
  }

  /** Note what no program that is right would do. */
  violate(message: string): void {
    if (this.violations.length < MOST_VIOLATIONS) this.violations.push(message);
  }

  /** @throws {CallError} `FAULT`, once the device is broken. */
  checkFault(): void {
    if (this.fault !== null) throw new CallError(STATUS.FAULT, this.fault.message);
  }

  // ---- Handles -----------------------------------------------------------------------------------------------------

  /** @returns The new handle. */
  add(resource: Resource): number {
    const handle = this.#nextHandle++;
    this.#resources.set(handle, resource);
    return handle;
  }

  /**
   * What a handle stands for.
   *
   * @param argument Its name in the header.
   * @param handle The handle.
   * @param kind The class it must be of.
   * @throws {CallError} `INVALID_ARGUMENT`.
   */
  get<Kind extends Resource>(argument: string, handle: number, kind: ResourceClass<Kind>): Kind {
    const resource = this.#resources.get(handle);
    if (resource instanceof kind) return resource;
    if (resource === undefined) refuse(`${argument}: ${handle} is not ${kind.title} (never created, or destroyed)`);
    const actual = (resource.constructor as unknown as { readonly title: string }).title;
    refuse(`${argument}: ${handle} is ${actual}, not ${kind.title}`);
  }

  /** Forget a handle. */
  remove(handle: number): void {
    this.#resources.delete(handle);
  }

  /** All streams. */
  streams(): Stream[] {
    return this.all(Stream);
  }

  /** All resources of a class. */
  all<Kind extends Resource>(kind: ResourceClass<Kind>): Kind[] {
    const found: Kind[] = [];
    for (const resource of this.#resources.values()) if (resource instanceof kind) found.push(resource);
    return found;
  }

  /** Free everything: the device is closed. */
  clear(): void {
    this.#resources.clear();
    this.memory.clear();
    this.fault = null;
  }
}
