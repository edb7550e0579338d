/**
 * Where Jinja looks for a name: its compiler decides that by frame, which is a template, a macro or a block with variables of
 * its own.
 *
 * A name that a frame assigns before it reads it is a variable of the frame from its start. Blocks within the frame that read
 * it before the assignment find it undefined, also where the caller passed a variable of that name.
 *
 * @module
 */
import type { Statement, Target } from "./syntax/nodes.ts";

/** The names that a frame and those around it refer to. */
export interface Frame {
  readonly names: ReadonlySet<string>;
  readonly parent: Frame | null;
}

/** What a statement does with names. */
interface Uses {
  /** Nodes that are evaluated in the frame. */
  readonly reads: readonly unknown[];
  /** Names that are assigned in the frame, whatever happens. */
  readonly stores: readonly string[];
  /** Nodes in frames within it. */
  readonly inner: readonly unknown[];
}

/** A frame, and the names that are undefined in it at first. */
export interface FrameNames {
  readonly frame: Frame;
  readonly hidden: readonly string[];
}

/**
 * The names of a frame.
 *
 * @param statements Its statements.
 * @param parameters Names that are set when it starts.
 * @param parent The frame around it.
 * @returns The frame's names.
 */
export function frameNames(
  statements: readonly Statement[],
  parameters: readonly string[],
  parent: Frame | null,
): FrameNames {
  const names = new Set(parameters);
  const inner = new Set<string>();
  const hidden: string[] = [];
  for (const statement of statements) {
    const uses = usesOf(statement);
    collectNames(uses.reads, names);
    // The body of a block that is assigned runs before the assignment.
    if (statement.kind === "setBlock") collectNames(uses.inner, inner);
    for (const name of uses.stores) {
      if (!names.has(name) && inner.has(name) && !isKnown(name, parent)) hidden.push(name);
      names.add(name);
    }
    collectNames(uses.inner, inner);
  }
  return { frame: { names, parent }, hidden };
}

function isKnown(name: string, frame: Frame | null): boolean {
  for (let at = frame; at !== null; at = at.parent) if (at.names.has(name)) return true;
  return false;
}

/** The names that a target assigns. */
export function targetNames(target: Target): string[] {
  if (target.kind === "targets") return target.items.flatMap(targetNames);
  return target.kind === "name" ? [target.name] : [];
}

function usesOf(node: Statement): Uses {
  switch (node.kind) {
    case "output":
      return { reads: [node.value], stores: [], inner: [] };
    case "if": {
      const branches = [...node.then, ...node.otherwise].map(usesOf);
      // What only a branch assigns is looked up first.
      const stores = branches.flatMap((uses) => uses.stores).map((name) => ({ kind: "name", name }));
      const reads = [node.test, ...branches.flatMap((uses) => uses.reads), ...stores];
      return { reads, stores: [], inner: branches.flatMap((uses) => uses.inner) };
    }
    case "set": {
      const { target } = node;
      const object = target.kind === "member" ? [{ kind: "name", name: target.object }] : [];
      return { reads: [node.value, ...object], stores: targetNames(target), inner: [] };
    }
    case "setBlock":
      return { reads: [], stores: targetNames(node.target), inner: [node.filter, node.body] };
    case "macro":
      return { reads: [], stores: [node.name], inner: [node.parameters, node.body] };
    case "for":
      return { reads: [node.iterable], stores: [], inner: [node.test, node.body, node.otherwise] };
    case "with":
      return { reads: [node.values.map(([, value]) => value)], stores: [], inner: [node.body] };
    case "callBlock":
      return { reads: [node.call], stores: [], inner: [node.caller.parameters, node.caller.body] };
    case "filterBlock":
      return { reads: [node.filter], stores: [], inner: [node.body] };
    case "scope":
      return { reads: [], stores: [], inner: [node.body] };
    default:
      return { reads: [], stores: [], inner: [] };
  }
}

/** Adds the names that nodes read. */
function collectNames(node: unknown, names: Set<string>): void {
  if (Array.isArray(node)) {
    for (const item of node) collectNames(item, names);
  } else if (typeof node === "object" && node !== null) {
    const { kind, name } = node as { kind?: unknown; name?: unknown };
    if (kind === "name") names.add(name as string);
    else if (kind !== "constant") { for (const item of Object.values(node)) collectNames(item, names); }
  }
}
