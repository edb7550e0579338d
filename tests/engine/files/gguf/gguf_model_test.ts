import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { findGguf, readGgufModel } from "../../../../engine/files/gguf/gguf_model.ts";
import { UpbeatError } from "../../../../errors.ts";
import { ggufBytes, type GgufEntry } from "../../../support/models/gguf_writer.ts";
import { withTemporaryFolder } from "../../../support/temporary_folder.ts";

const part = (number: number, count = 3) =>
  `model-${String(number).padStart(5, "0")}-of-${String(count).padStart(5, "0")}.gguf`;

/** Writes a part with one tensor of its own. */
function writePart(folder: string, number: number, changes: { no?: number; count?: number; tensor?: string } = {}) {
  const { no = number - 1, count = 3, tensor = `tensor.${number}` } = changes;
  const metadata: GgufEntry[] = [
    ...(number === 1 ? [["general.architecture", "string", "llama"] as const] : []),
    ["split.no", "uint32", no],
    ["split.count", "uint32", count],
    ["split.tensors.count", "int32", 3],
  ];
  const data = new Uint8Array(4);
  writeFileSync(join(folder, part(number)), ggufBytes(metadata, [{ name: tensor, type: "F32", shape: [1], data }]));
}

function refusal(read: () => unknown): UpbeatError {
  return assertThrows(read, UpbeatError);
}

test("readGgufModel() joins the parts of a model, whichever is named", () => {
  withTemporaryFolder((folder) => {
    for (const number of [1, 2, 3]) writePart(folder, number);
    for (const number of [1, 2, 3]) {
      const model = readGgufModel(join(folder, part(number)));
      assertEquals(model.path, join(folder, part(1)));
      assertEquals(model.files.length, 3);
      assertEquals(model.metadata.text("general.architecture"), "llama");
      assertEquals(
        [...model.tensors.values()].map(({ name, file }) => [name, file]),
        [1, 2, 3].map((number) => [
          `tensor.${number}`,
          join(folder, part(number)),
        ]),
      );
    }
  });
});

test("readGgufModel() names the part that is missing or does not belong to the others", () => {
  withTemporaryFolder((folder) => {
    writePart(folder, 1);
    writePart(folder, 3);
    const missing = refusal(() => readGgufModel(join(folder, part(3))));
    assertEquals(missing.code, "MODEL_NOT_FOUND");
    assertStringIncludes(missing.message, part(2));
    const wrong: [Parameters<typeof writePart>[2], string][] = [
      [{ no: 2 }, "by its name it is part 2 of 3, by its content 3 of 3"],
      [{ count: 4 }, "by its content 2 of 4"],
      [{ tensor: "tensor.1" }, "tensor tensor.1 is in"],
    ];
    for (const [changes, message] of wrong) {
      writePart(folder, 2, changes);
      const error = refusal(() => readGgufModel(join(folder, part(1))));
      assertEquals(error.code, "WEIGHTS_INVALID");
      assertStringIncludes(error.message, message);
    }
    const renamed = join(folder, "renamed.gguf");
    writeFileSync(renamed, ggufBytes([["split.count", "uint32", 3]]));
    assertStringIncludes(refusal(() => readGgufModel(renamed)).message, "one of 3 parts");
  });
});

test("findGguf() finds a file by its content, and the only model in a folder", () => {
  withTemporaryFolder((folder) => {
    assertEquals(findGguf(folder), null);
    assertEquals(findGguf(join(folder, "missing")), null);
    const [blob, first] = [join(folder, "sha256-0123"), join(folder, "a.gguf")];
    writeFileSync(blob, ggufBytes([]));
    assertEquals(findGguf(blob), blob);
    writeFileSync(first, ggufBytes([]));
    writeFileSync(join(folder, "mmproj-a.gguf"), ggufBytes([]));
    assertEquals(findGguf(folder), first);
    writeFileSync(join(folder, "b.gguf"), ggufBytes([]));
    assertEquals(findGguf(folder), null, "one of two");

    const parts = join(folder, "parts");
    mkdirSync(parts);
    for (const number of [1, 2, 3]) writePart(parts, number);
    assertEquals(findGguf(parts), join(parts, part(1)));
    writeFileSync(join(parts, "config.json"), "{}");
    assertEquals(findGguf(parts), null, "a folder in another format");
  });
});
