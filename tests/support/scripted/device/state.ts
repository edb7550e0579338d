/**
 * The state of a scripted device: its clock, memory, handles and failures.
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

/** The open device. */
export class OpenDevice {
  static readonly title = "a device";
}

/** An object with a handle. */
type Resource = OpenDevice | Stream | Event | Graph | Weight;

/** A class of resources, with its name for messages. */
interface ResourceClass<Kind extends Resource> {
  readonly title: string;
  // deno-lint-ignore no-explicit-any -- any constructor of that class
  new (...parameters: any[]): Kind;
}

/** Violations kept; more of them add no information. */
const MAX_VIOLATIONS = 100;

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
  /** Violations of the device's contract, in the order in which they were detected. */
  readonly violations: string[] = [];
  /** The sticky fault, and when it occurred, in microseconds. */
  fault: { readonly message: string; readonly time: number } | null = null;
  /** The message of the last failed call. */
  lastError = "";
  readonly #costs: HostCosts;
  readonly #resources = new Map<number, Resource>();
  #nextHandle = 1;
  #injected: "fault" | "stall" | null = null;

  constructor(options: ScriptedDeviceOptions) {
    this.options = options;
    this.clock = options.clock === "real" ? new RealClock() : new VirtualClock();
    this.execution = options.execution ?? "late";
    this.memoryBytes = options.memoryBytes ?? DEFAULT_MEMORY;
    this.memory = new DeviceMemory(this.memoryBytes);
    this.accounting = new Accounting(options.keepsHistory ?? true);
    this.failures = new Failures(options.failures ?? []);
    this.#costs = options.costs ?? {};
  }

  // ---- Calls -------------------------------------------------------------------------------------------------------

  /**
   * Makes an ABI function from its body: it spends the scripted cost, injects scripted failures, and turns a
   * {@linkcode CallError} into a status and the last error.
   *
   * @param name The function's name.
   * @param body The function's body.
   * @returns The function.
   */
  guard<Name extends SymbolName>(name: Name, body: Symbols[Name]): Symbols[Name] {
    const run = body as (...values: readonly unknown[]) => number;
    const call = (...values: readonly unknown[]): number => {
      try {
        this.#enter(name);
        const status = run(...values);
        this.#runEnded();
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
    // On close, the views of pinned memory are detached already, and they are the memory itself here.
    if (name !== "upbeat_device_close") this.#runEnded();
    this.#injected = null;
    const failure = this.failures.triggerByCall(name);
    if (failure === null) return;
    if (failure.kind !== "error") {
      this.#injected = failure.kind;
      return;
    }
    const isAllocation = name === "upbeat_memory_allocate" || name === "upbeat_host_allocate";
    throw new CallError(
      failure.status ?? (isAllocation ? STATUS.OUT_OF_MEMORY : STATUS.FAULT),
      "the script refuses this call",
    );
  }

  /** With exact execution, applies the work that has ended by now. */
  #runEnded(): void {
    if (this.execution !== "exact") return;
    for (const stream of this.streams()) stream.runTo(stream.point, this.clock.now());
  }

  /** Takes the failure to inject into the work or the wait of the current call. */
  takeInjected(): "fault" | "stall" | null {
    const injected = this.#injected;
    this.#injected = null;
    return injected;
  }

  /** Records a violation of the device's contract. */
  violate(message: string): void {
    if (this.violations.length < MAX_VIOLATIONS) this.violations.push(message);
  }

  /** @throws {CallError} `FAULT`, once the device has faulted. */
  checkFault(): void {
    if (this.fault !== null) throw new CallError(STATUS.FAULT, this.fault.message);
  }

  // ---- Handles -----------------------------------------------------------------------------------------------------

  /** Adds a resource. @returns Its handle. */
  add(resource: Resource): number {
    const handle = this.#nextHandle++;
    this.#resources.set(handle, resource);
    return handle;
  }

  /**
   * The resource of a handle.
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

  /** Removes a handle. */
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

  /** Frees all resources when the device is closed. */
  clear(): void {
    this.#resources.clear();
    this.memory.clear();
    this.fault = null;
  }
}
