import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { rmSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { openCheckpoint } from "../../../engine/weights/checkpoint.ts";
import { assertUpbeatError } from "../../support/assert_upbeat_error.ts";
import { writeCheckpoint } from "../../support/models/safetensors_writer.ts";
import { withTemporaryFolder } from "../../support/temporary_folder.ts";

const TENSORS = ["a", "b", "c", "d"].map((name, index) => ({
  name,
  dtype: "F32" as const,
  shape: [2, index + 1],
  fill: (block: Float32Array) => block.fill(index),
}));

const INDEX = "model.safetensors.index.json";

function withShards(use: (folder: string) => void): void {
  withTemporaryFolder((folder) => {
    writeCheckpoint(folder, TENSORS, 2);
    use(folder);
  });
}

test("openCheckpoint() finds the same tensors when they are in one file or in shards", () => {
  for (const shards of [1, 2, 3]) {
    withTemporaryFolder((folder) => {
      writeCheckpoint(folder, TENSORS, shards);
      const { files, tensors } = openCheckpoint(folder);
      assertEquals(files.length, shards);
      for (const { name, shape } of TENSORS) assertEquals(tensors.get(name)?.shape, shape);
      assertEquals(tensors.size, TENSORS.length);
    });
  }
});

test("openCheckpoint() names the shard when it is missing", () => {
  withShards((folder) => {
    rmSync(join(folder, "model-00002-of-00002.safetensors"));
    assertUpbeatError(() => openCheckpoint(folder), "MODEL_NOT_FOUND", "model-00002-of-00002.safetensors", INDEX);
  });
});

test("openCheckpoint() names the shard when it is truncated", () => {
  withShards((folder) => {
    const shard = join(folder, "model-00002-of-00002.safetensors");
    writeFileSync(shard, "short");
    assertUpbeatError(() => openCheckpoint(folder), "WEIGHTS_INVALID", shard, "5 bytes");
  });
});

test("openCheckpoint() names tensor and shard when the index names the wrong shard", () => {
  withShards((folder) => {
    const map = { a: "model-00001-of-00002.safetensors", ghost: "model-00002-of-00002.safetensors" };
    writeFileSync(join(folder, INDEX), JSON.stringify({ weight_map: map }));
    assertUpbeatError(() => openCheckpoint(folder), "WEIGHTS_MISSING_TENSOR", '"ghost"', map.ghost);
  });
});

test("openCheckpoint() refuses an index when a file name leaves the folder or is invalid", () => {
  const names = [
    "../model.safetensors",
    "/etc/passwd",
    "sub/model.safetensors",
    "sub\\model.safetensors",
    "C:model.safetensors",
    "..",
    "",
    "model.bin",
    "model\0.safetensors",
    7,
    null,
  ];
  for (const name of names) {
    withTemporaryFolder((folder) => {
      writeFileSync(join(folder, INDEX), JSON.stringify({ weight_map: { tensor: name } }));
      assertUpbeatError(() => openCheckpoint(folder), "WEIGHTS_INVALID", INDEX, '"tensor"', JSON.stringify(name));
    });
  }
});

test("openCheckpoint() refuses an index when it is malformed", () => {
  const texts: [string, string][] = [
    ["{", "JSON"],
    ["null", "JSON object"],
    ["[]", "JSON object"],
    ["{}", "weight_map"],
    ['{"weight_map": []}', "weight_map"],
    ['{"weight_map": {}}', "empty"],
    ['{"weight_map": {"a": "x.safetensors", "a": "y.safetensors"}}', "twice"],
  ];
  for (const [text, part] of texts) {
    withTemporaryFolder((folder) => {
      writeFileSync(join(folder, INDEX), text);
      assertUpbeatError(() => openCheckpoint(folder), "WEIGHTS_INVALID", INDEX, part);
    });
  }
});

test("openCheckpoint() names expected and existing files when there are no safetensors", () => {
  withTemporaryFolder((folder) => {
    assertUpbeatError(() => openCheckpoint(folder), "MODEL_NOT_FOUND", folder, "model.safetensors", INDEX, "download");
    for (const other of ["pytorch_model.bin", "model.Q4_K_M.gguf"]) {
      writeFileSync(join(folder, other), "");
      assertUpbeatError(() => openCheckpoint(folder), "MODEL_NOT_FOUND", other, "convert", "safetensors");
    }
  });
});

test("openCheckpoint() names the folder when it does not exist or is a file", () => {
  withTemporaryFolder((folder) => {
    const missing = join(folder, "nowhere");
    assertUpbeatError(() => openCheckpoint(missing), "MODEL_NOT_FOUND", missing);
    writeFileSync(missing, "");
    assertUpbeatError(() => openCheckpoint(missing), "MODEL_NOT_FOUND", missing);
    assertUpbeatError(() => openCheckpoint("nul\0byte"), "MODEL_NOT_FOUND", "does not exist");
  });
});

test("openCheckpoint() reports a dangling link when the weight file is one", () => {
  withTemporaryFolder((folder) => {
    const file = join(folder, "model.safetensors");
    symlinkSync(join(folder, "gone"), file);
    assertUpbeatError(() => openCheckpoint(folder), "MODEL_NOT_FOUND", basename(file), "dangling link");
  });
});
