import { assertEquals } from "@std/assert";
import { test } from "node:test";
import { withRandomEngine } from "../../support/test_engine.ts";

test("the KV cache holds bf16 on a GPU and f32 on a CPU, and what is asked for on both", async () => {
  const loaded = (kvDtype?: "f32" | "bf16") => {
    return withRandomEngine({}, { kvDtype }, ({ info }) => Promise.resolve([info.device.library, info.kvDtype]));
  };
  const [library, kvDtype] = await loaded();
  assertEquals(kvDtype, library === "cuda" ? "BF16" : "F32");
  assertEquals(await loaded("f32"), [library, "F32"]);
  assertEquals(await loaded("bf16"), [library, "BF16"]);
});
