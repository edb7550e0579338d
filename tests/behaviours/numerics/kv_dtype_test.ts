import { assertEquals } from "@std/assert";
import { test } from "node:test";
import { withRandomEngine } from "../../support/test_engine.ts";

test("the KV cache is BF16 on a GPU and F32 on a CPU unless kvDtype is set", async () => {
  const loaded = (kvDtype?: "f32" | "bf16") => {
    return withRandomEngine({}, { kvDtype }, ({ info }) => Promise.resolve([info.device.library, info.kvDtype]));
  };
  const [library, kvDtype] = await loaded();
  assertEquals(kvDtype, library === "cuda" ? "BF16" : "F32");
  assertEquals(await loaded("f32"), [library, "F32"]);
  assertEquals(await loaded("bf16"), [library, "BF16"]);
});
