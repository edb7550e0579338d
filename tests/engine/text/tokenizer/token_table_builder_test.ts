import { test } from "node:test";
import { assertStringIncludes, assertThrows } from "@std/assert";
import { UpbeatError } from "../../../../errors.ts";
import { byteLevelJson, tokenizerOf } from "../../../support/tokenizers/small_tokenizers.ts";

test("buildTokenTable() rejects a decoder that cannot be streamed", () => {
  const decoders = [{ type: "Fuse" }, { type: "Replace", pattern: { String: "ab" }, content: "c" }];
  const tokenizer = tokenizerOf({ ...byteLevelJson(), decoder: { type: "Sequence", decoders } });
  const error = assertThrows(() => tokenizer.tokenTable, UpbeatError);
  assertStringIncludes(error.message, "Replace");
});
