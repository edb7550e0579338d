/** Random damage to an index of shards: a typed error, or tensors that are in the files. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { openCheckpoint } from "../../../engine/weights/checkpoint.ts";
import { UpbeatError } from "../../../errors.ts";
import { damageText, damageValue, randomFrom } from "../../support/damage.ts";
import { writeCheckpoint } from "../../support/models/safetensors_writer.ts";
import { withTemporaryFolder } from "../../support/temporary_folder.ts";

/** File system calls of Deno take ten times as long. */
const RUNS = { seed: 20_261_130, numRuns: "Deno" in globalThis ? 1500 : 10_000 };

const SHARD = (number: number) => `model-0000${number}-of-00002.safetensors`;

test("openCheckpoint() of a damaged index ends in a typed error or in tensors of its shards", () => {
  const names = ["a", "b", "c", "d"];
  const index = { metadata: { total_size: 80 }, weight_map: Object.fromEntries(names.map((name) => [name, SHARD(1)])) };
  let refused = 0;
  withTemporaryFolder((folder) => {
    const fill = () => {};
    writeCheckpoint(folder, names.map((name) => ({ name, dtype: "F32", shape: [2, 2], fill })), 2);
    const shards = [1, 2].map((number) => join(folder, SHARD(number)));
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const random = randomFrom(seed);
        const text = random(3) === 0
          ? damageText(random, JSON.stringify(index, null, 1))
          : JSON.stringify(damageValue(random, index, [SHARD(2), `../${SHARD(1)}`, "/etc/passwd", "a", "b"]));
        writeFileSync(join(folder, "model.safetensors.index.json"), text);
        try {
          for (const [name, { file, byteLength }] of openCheckpoint(folder).tensors) {
            assert(names.includes(name) && shards.includes(file), `${name} in ${file}`);
            assertEquals(byteLength, 16);
          }
        } catch (error) {
          assert(error instanceof UpbeatError && error.message.length <= 2000, String(error));
          assert(["WEIGHTS_INVALID", "WEIGHTS_MISSING_TENSOR", "MODEL_NOT_FOUND"].includes(error.code), error.code);
          refused++;
        }
      }),
      RUNS,
    );
  });
  assert(refused > RUNS.numRuns / 3 && refused < RUNS.numRuns, `${refused} were refused`);
});
