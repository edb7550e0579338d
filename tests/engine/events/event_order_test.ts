import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { test } from "node:test";
import { UpbeatError } from "../../../errors.ts";
import { checkEventOrder, EventOrder } from "../../../engine/events/event_order.ts";
import { LIFECYCLE_EVENT_TYPES, type RequestEventType } from "../../../engine/events/event_types.ts";
import type { FinishReason } from "../../../engine/events/finish_reason.ts";
import { assertUpbeatError } from "../../support/assert_upbeat_error.ts";
import { eventsOf, type Life, lives } from "../../support/events.ts";

const LETTERS: Readonly<Record<RequestEventType, string>> = {
  ADD_ENGINE: "A",
  ADD_CONTEXT: "C",
  GENERATED_TOKEN: "G",
  PAUSE: "P",
  EVICT: "E",
  FINISH: "F",
  FAIL: "X",
  ERROR_TRANSIENT: "T",
  ERROR_NONTRANSIENT: "N",
  PREFILL_CHUNK: "k",
  RESUME: "r",
  CANCEL: "c",
};
const TYPES = new Map(Object.entries(LETTERS).map(([type, letter]) => [letter, type as RequestEventType]));

const BEGUN = "AT*(C(P*G)*P*E)*";
const ANYWHERE = `${BEGUN}(C(P*G)*P*)?`;
const FINISHED = new RegExp(`^${BEGUN}C(P*G)*F$`);
const CANCELLED = new RegExp(`^${ANYWHERE}F$`);
const FAILED = new RegExp(`^${ANYWHERE}[TN]+X$`);

/** The grammar of the nine types once more, as regular expressions, to compare the state machine with. */
function isLegal(types: readonly RequestEventType[], finishReason: FinishReason | null): boolean {
  const word = types.map((type) => LETTERS[type]).join("");
  return FAILED.test(word) || (finishReason === "cancelled" ? CANCELLED : FINISHED).test(word);
}

/** Whether a log takes a whole life. */
function isAccepted(types: readonly RequestEventType[], finishReason: FinishReason | null): boolean {
  try {
    return checkEventOrder(eventsOf(types), finishReason).isOver;
  } catch {
    return false;
  }
}

/** Types from letters; the last one is the subject of an assertion. */
function word(letters: string): RequestEventType[] {
  return [...letters].map((letter) => TYPES.get(letter)!);
}

test("EventOrder.accept() accepts every sequence of the grammar", () => {
  fc.assert(
    fc.property(lives, ({ types, finishReason }) => {
      assert(isLegal(types, finishReason), "the generator and the regular expressions disagree");
      assert(checkEventOrder(eventsOf(types), finishReason).isOver);
    }),
    { seed: 4, numRuns: 1000 },
  );
});

test("EventOrder.accept() accepts an altered sequence exactly when the grammar does", () => {
  const type = fc.constantFrom(...LIFECYCLE_EVENT_TYPES);
  const change = fc.oneof(
    fc.record({ at: fc.nat(), remove: fc.constant(1), insert: fc.constant<RequestEventType[]>([]) }),
    fc.record({ at: fc.nat(), remove: fc.constantFrom(0, 1), insert: fc.array(type, { minLength: 1, maxLength: 2 }) }),
  );
  let illegal = 0;
  fc.assert(
    fc.property(
      lives,
      fc.array(change, { minLength: 1, maxLength: 3 }),
      fc.constantFrom(null, "cancelled", "length"),
      (life: Life, changes, finishReason) => {
        const types = [...life.types];
        for (const { at, remove, insert } of changes) types.splice(at % (types.length + 1), remove, ...insert);
        const legal = isLegal(types, finishReason as FinishReason | null);
        if (!legal) illegal++;
        assertEquals(isAccepted(types, finishReason as FinishReason | null), legal, types.join(" "));
      },
    ),
    { seed: 5, numRuns: 3000 },
  );
  assert(illegal > 1000, `only ${illegal} lives were illegal`);
});

test("EventOrder.accept() rejects an illegal event and names the legal ones", () => {
  const refused: [string, string][] = [
    ["C", "ADD_CONTEXT cannot be the first event here; expected ADD_ENGINE"],
    ["AA", "ADD_ENGINE cannot follow ADD_ENGINE"],
    ["AG", "GENERATED_TOKEN cannot follow ADD_ENGINE here; expected ADD_CONTEXT, ERROR_TRANSIENT"],
    ["AF", "FINISH cannot follow ADD_ENGINE"],
    ["AX", "FAIL cannot follow ADD_ENGINE"],
    ["AE", "EVICT cannot follow ADD_ENGINE"],
    ["AP", "PAUSE cannot follow ADD_ENGINE"],
    ["ACC", "ADD_CONTEXT cannot follow ADD_CONTEXT"],
    ["ACX", "FAIL cannot follow ADD_CONTEXT"],
    ["ACPF", "FINISH cannot follow PAUSE"],
    ["ACGEG", "GENERATED_TOKEN cannot follow EVICT"],
    ["ACGEE", "EVICT cannot follow EVICT"],
    ["ACGEP", "PAUSE cannot follow EVICT"],
    ["ACGEF", "FINISH cannot follow EVICT"],
    ["ACTC", "ADD_CONTEXT cannot follow ERROR_TRANSIENT"],
    ["ANC", "ADD_CONTEXT cannot follow ERROR_NONTRANSIENT"],
    ["ANF", "FINISH cannot follow ERROR_NONTRANSIENT"],
    ["ACGFG", "GENERATED_TOKEN cannot follow FINISH here; expected nothing after the end"],
    ["ACGFF", "FINISH cannot follow FINISH"],
    ["ANXX", "FAIL cannot follow FAIL"],
    ["ACGFX", "FAIL cannot follow FINISH"],
  ];
  for (const [letters, message] of refused) {
    const events = eventsOf(word(letters));
    const log = checkEventOrder(events.slice(0, -1));
    const { type, timestamp } = events.at(-1)!;
    assertUpbeatError(() => log.accept(type, timestamp), "EVENT_OUT_OF_ORDER", message);
  }
});

test("EventOrder.accept() accepts detail events in their places", () => {
  for (
    const letters of [
      "AkCGF",
      "AkkkCGGF",
      "ATkCGF",
      "AkCGPrGF",
      "AkCPPrGGPrGF",
      "AkCPGrGF",
      "AkCGPEkkCGF",
      "AkCGPrPEkCGF",
      "AkCcGF",
      "AkcCGF",
      "AkNX",
      "AkCGPrTX",
    ]
  ) assert(isAccepted(word(letters), null), letters);
  for (const letters of ["AcF", "AkF", "AkkcF", "AkCcF", "AkCPcF", "AkCPrcF", "AkCGPEcF", "AkCGPEkcF", "ATcF"]) {
    assert(isAccepted(word(letters), "cancelled"), letters);
  }
});

test("EventOrder.accept() rejects detail events elsewhere", () => {
  for (
    const letters of [
      "k",
      "AkCkGF",
      "ACGkF",
      "ArCGF",
      "ACrGF",
      "ACPrrGF",
      "ACPErCGF",
      "AccF",
      "ACGFc",
      "cACGF",
      "ANcX",
      "AkTCGF",
      "AkEkCGF",
    ]
  ) assert(!isAccepted(word(letters), null) && !isAccepted(word(letters), "cancelled"), letters);
  assert(!isAccepted(word("ACPrF"), null), "a resumed request finishes with the token that the pause delayed");
});

test("EventOrder.accept() rejects decreasing times, accepts equal ones, and skips events without a time", () => {
  const log = new EventOrder();
  log.accept("ADD_ENGINE", 5);
  log.accept("ADD_CONTEXT", 5);
  log.accept("GENERATED_TOKEN", null);
  assertUpbeatError(
    () => log.accept("GENERATED_TOKEN", 4.999),
    "EVENT_OUT_OF_ORDER",
    "GENERATED_TOKEN at 4.999 ms is before GENERATED_TOKEN at 5 ms",
  );
  assertUpbeatError(() => log.accept("GENERATED_TOKEN", NaN), "EVENT_OUT_OF_ORDER", "NaN");
  log.accept("GENERATED_TOKEN", 5.001);
  assertEquals(log.lastTime, 5.001);
});

test("EventOrder.accept() leaves the state unchanged when it rejects an event", () => {
  fc.assert(
    fc.property(lives, fc.constantFrom(...LIFECYCLE_EVENT_TYPES), ({ types, finishReason }, extra) => {
      const log = new EventOrder();
      for (const [index, { type, timestamp }] of eventsOf(types).entries()) {
        // Out of place, or at least too early, everywhere but at the beginning.
        if (index > 0) assertThrows(() => log.accept(extra, -1), UpbeatError);
        log.accept(type, timestamp, finishReason);
      }
      assert(log.isOver);
    }),
    { seed: 6, numRuns: 500 },
  );
});
