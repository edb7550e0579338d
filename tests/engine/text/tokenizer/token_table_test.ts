import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { StreamingDetokenizer } from "../../../../engine/text/streaming/detokenizer.ts";
import { TokenTable } from "../../../../engine/text/tokenizer/token_table.ts";
import { smallTokenizers } from "../../../support/tokenizers/small_tokenizers.ts";

test("TokenTable() reads the memory that structuredClone() shares", () => {
  for (const tokenizer of smallTokenizers().values()) {
    const table = tokenizer.tokenTable;
    const copy = new TokenTable(structuredClone(table.shared));
    assertEquals(copy.size, tokenizer.vocabularySize);
    const flags = table.flags[0] as number;
    copy.flags[0] = 128;
    assertEquals(table.flags[0], 128);
    copy.flags[0] = flags;
    const ids = tokenizer.encode("once upon été 日");
    const detokenizer = new StreamingDetokenizer(copy, { skipSpecialTokens: true });
    const text = ids.map((id) => detokenizer.push(id)).join("") + detokenizer.flush();
    assertEquals(text, tokenizer.decode(ids, { skipSpecialTokens: true }));
  }
});
