/**
 * The syntax tree of a template.
 *
 * @module
 */
import type { Value } from "../python/values.ts";

/** A call's arguments: by position, by name, `*args` and `**kwargs`. */
export interface CallArguments {
  readonly positional: readonly Expression[];
  readonly keywords: readonly (readonly [name: string, value: Expression])[];
  readonly spread: Expression | null;
  readonly keywordSpread: Expression | null;
}

/** A filter with its arguments; `operand` is null for the body of a block. */
export interface FilterNode {
  readonly kind: "filter";
  readonly operand: Expression | null;
  readonly name: string;
  readonly args: CallArguments;
}

/** An operator of a comparison and its right operand. */
export interface Comparison {
  readonly operator: string;
  readonly operand: Expression;
}

/** `a[start:stop:step]`. */
export interface SliceNode {
  readonly kind: "slice";
  readonly bounds: readonly (Expression | null)[];
}

/** An expression. */
export type Expression =
  | FilterNode
  | { readonly kind: "constant"; readonly value: Value }
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "list" | "tuple"; readonly items: readonly Expression[] }
  | { readonly kind: "dict"; readonly entries: readonly (readonly [key: Expression, value: Expression])[] }
  | { readonly kind: "attribute"; readonly object: Expression; readonly name: string }
  | { readonly kind: "item"; readonly object: Expression; readonly key: Expression | SliceNode }
  | { readonly kind: "call"; readonly callee: Expression; readonly args: CallArguments }
  | { readonly kind: "test"; readonly operand: Expression; readonly name: string; readonly args: CallArguments }
  | { readonly kind: "not"; readonly operand: Expression }
  | { readonly kind: "sign"; readonly operator: string; readonly operand: Expression }
  | { readonly kind: "binary"; readonly operator: string; readonly left: Expression; readonly right: Expression }
  | { readonly kind: "and" | "or"; readonly left: Expression; readonly right: Expression }
  | { readonly kind: "compare"; readonly first: Expression; readonly rest: readonly Comparison[] }
  | { readonly kind: "concat"; readonly items: readonly Expression[] }
  | {
    readonly kind: "condition";
    readonly test: Expression;
    readonly then: Expression;
    readonly otherwise: Expression | null;
  };

/** What can be assigned to. */
export type Target =
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "member"; readonly object: string; readonly name: string }
  | { readonly kind: "targets"; readonly items: readonly Target[] };

/** A parameter of a macro. */
export interface Parameter {
  readonly name: string;
  readonly fallback: Expression | null;
}

/** A macro, or the body of a `call` block. */
export interface MacroNode {
  readonly kind: "macro";
  readonly name: string;
  readonly parameters: readonly Parameter[];
  readonly body: readonly Statement[];
  /** Names that the body reads, as far as they change how arguments are accepted. */
  readonly reads: ReadonlySet<string>;
}

/** A `for` loop. */
export interface ForNode {
  readonly kind: "for";
  readonly target: Target;
  readonly iterable: Expression;
  readonly test: Expression | null;
  readonly isRecursive: boolean;
  readonly body: readonly Statement[];
  readonly otherwise: readonly Statement[];
}

/** A statement. */
export type Statement =
  | MacroNode
  | ForNode
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "output"; readonly value: Expression }
  | { readonly kind: "break" | "continue" }
  | {
    readonly kind: "if";
    readonly test: Expression;
    readonly then: readonly Statement[];
    readonly otherwise: readonly Statement[];
  }
  | { readonly kind: "set"; readonly target: Target; readonly value: Expression }
  | {
    readonly kind: "setBlock";
    readonly target: Target;
    readonly filter: FilterNode | null;
    readonly body: readonly Statement[];
  }
  | {
    readonly kind: "with";
    readonly values: readonly (readonly [target: Target, value: Expression])[];
    readonly body: readonly Statement[];
  }
  | { readonly kind: "callBlock"; readonly call: Expression & { kind: "call" }; readonly caller: MacroNode }
  | { readonly kind: "filterBlock"; readonly filter: FilterNode; readonly body: readonly Statement[] }
  | { readonly kind: "scope"; readonly body: readonly Statement[] };
