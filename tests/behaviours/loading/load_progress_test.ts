import { assert, assertEquals, assertGreater } from "@std/assert";
import { test } from "node:test";
import { Engine, type LoadProgress } from "../../../mod.ts";
import { CPU_LIBRARY } from "../../../scripts/support/paths.ts";
import { writeRandomModel } from "../../support/models/random_model.ts";
import { simt, SIMT_LIBRARY } from "../../support/libraries/simt_library.ts";
import { withModelFolder } from "../../support/test_engine.ts";

for (const [title, library, run] of [["CPU", CPU_LIBRARY, test], ["emulated CUDA", SIMT_LIBRARY, simt]] as const) {
  run(
    `load() reports progress after each layer, ending with all bytes before it resolves, on the ${title} library`,
    async () => {
      await withModelFolder(async (folder) => {
        writeRandomModel(folder, { layers: 5, shards: 3 });
        const reports: LoadProgress[] = [];
        let isLoaded = false;
        const onProgress = ({ loadedBytes, totalBytes }: LoadProgress) => {
          assert(!isLoaded, "reported after load() resolved");
          reports.push({ loadedBytes, totalBytes });
        };
        await using engine = await Engine.load(folder, { library, onProgress, maxBatchTokens: 8 });
        isLoaded = true;
        // The embedding, each layer, the head.
        assertEquals(reports.length, 8);
        reports.forEach(({ loadedBytes, totalBytes }, i) => {
          assertEquals(totalBytes, engine.info.weightBytes);
          assertGreater(loadedBytes, reports[i - 1]?.loadedBytes ?? -1);
        });
        assertEquals(reports[0]!.loadedBytes, 0);
        assertEquals(reports.at(-1)!.loadedBytes, engine.info.weightBytes);
        await engine.generate([1], { maxTokens: 2, ignoreEos: true }).result;
        assertEquals(reports.length, 8);
      });
    },
  );
}
