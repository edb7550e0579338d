import { assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { UpbeatError } from "../../../errors.ts";
import { chooseDevice, type DeviceChoice } from "../../../engine/runner/open_device.ts";
import { libraryFileName, namedLibrary } from "../../../ffi/library.ts";
import { Engine } from "../../../mod.ts";
import { CPU_LIBRARY } from "../../../scripts/support/paths.ts";
import { GPU_LIBRARIES } from "../../support/libraries/gpu_libraries.ts";
import { writeRandomModel } from "../../support/models/random_model.ts";
import { Simt, simt, SIMT_LIBRARY } from "../../support/libraries/simt_library.ts";
import { withModelFolder } from "../../support/test_engine.ts";

const choice = (rest: Partial<DeviceChoice>): DeviceChoice => ({
  device: "auto",
  library: null,
  threads: 1,
  simd: "auto",
  ...rest,
});

/** A folder laid out as the build folder; its CUDA library is the emulated one, or not a library. */
function withLibraries(
  has: { readonly cpu: boolean; readonly cuda: "emulated" | "broken" | "missing" },
  use: (folder: string) => Promise<void>,
): Promise<void> {
  return withModelFolder(async (folder) => {
    if (has.cpu) symlinkSync(CPU_LIBRARY, join(folder, libraryFileName("cpu")));
    const cuda = join(folder, libraryFileName("cuda"));
    if (has.cuda === "broken") writeFileSync(cuda, "not a library\n");
    // A link, so that the loader treats both names as one library with one emulated machine.
    if (has.cuda === "emulated") symlinkSync(SIMT_LIBRARY, cuda);
    await use(folder);
  });
}

async function chosen(rest: Partial<DeviceChoice>): Promise<{ library: string; fallback: string | null }> {
  const { device, fallback } = await chooseDevice(choice(rest));
  const { library } = device.info();
  device.close();
  return { library, fallback };
}

async function refusal(rest: Partial<DeviceChoice>): Promise<UpbeatError> {
  return await assertRejects(() => chooseDevice(choice(rest)), UpbeatError);
}

/** Machines on which CUDA cannot be used, and the reason given. */
const UNUSABLE = {
  "there is no driver": [{ driver: 0 }, "there is no NVIDIA driver on this machine: install one"],
  "the driver is too old": [{ driver: 12040 }, "knows CUDA 12.4 and this library needs 13.0: install a newer driver"],
  "there is no GPU": [{ devices: 0 }, "no NVIDIA GPU is visible: check `nvidia-smi`"],
  "the GPU is too old": [{ compute: [7, 5] }, "has compute capability 7.5 and this library needs 8.0"],
} as const;

simt('chooseDevice() selects CUDA for "auto" when its library exists and can open a GPU', async () => {
  await withLibraries({ cpu: true, cuda: "emulated" }, async (folder) => {
    assertEquals(await chosen({ library: folder }), { library: "cuda", fallback: null });
    assertEquals(await chosen({ library: folder, device: "cpu" }), { library: "cpu", fallback: null });
    assertEquals(await chosen({ library: folder, device: "cuda" }), { library: "cuda", fallback: null });
  });
});

for (const [when, [machine, sentence]] of Object.entries(UNUSABLE)) {
  simt(`chooseDevice() selects the CPU for "auto", with the reason, and refuses "cuda" when ${when}`, async () => {
    await withLibraries({ cpu: true, cuda: "emulated" }, async (folder) => {
      using stand = await Simt.take();
      stand.change(machine);
      const { library, fallback } = await chosen({ library: folder });
      assertEquals(library, "cpu");
      assertStringIncludes(fallback ?? "", sentence);
      const error = await refusal({ library: folder, device: "cuda" });
      assertEquals(error.code, "DEVICE_UNAVAILABLE");
      assertStringIncludes(error.message, sentence);
      stand.change({});
      assertEquals((await chosen({ library: folder })).library, "cuda");
    });
  });
}

test('chooseDevice() selects the CPU for "auto", and names the build command for "cuda", without a CUDA library', async () => {
  await withLibraries({ cpu: true, cuda: "missing" }, async (folder) => {
    const { library, fallback } = await chosen({ library: folder });
    assertEquals(library, "cpu");
    assertMatch(fallback ?? "", /cuda library was not found .*`bun run build --cuda`/);
    const error = await refusal({ library: folder, device: "cuda" });
    assertEquals(error.code, "LIBRARY_NOT_FOUND");
    assertEquals(error.details["command"], "bun run build --cuda");
    assertStringIncludes(error.message, join(folder, libraryFileName("cuda")));
  });
});

test('chooseDevice() selects the CPU for "auto" and refuses "cuda" when the CUDA library cannot be loaded', async () => {
  await withLibraries({ cpu: true, cuda: "broken" }, async (folder) => {
    const { library, fallback } = await chosen({ library: folder });
    assertEquals(library, "cpu");
    assertMatch(fallback ?? "", /cannot be opened .*rebuild it with `bun run build --cuda`/);
    assertEquals((await refusal({ library: folder, device: "cuda" })).code, "LIBRARY_INVALID");
  });
});

test('chooseDevice() reports the error of the CPU library when "auto" finds neither', async () => {
  await withLibraries({ cpu: false, cuda: "missing" }, async (folder) => {
    const error = await refusal({ library: folder });
    assertEquals([error.code, error.details["device"]], ["LIBRARY_NOT_FOUND", "cpu"]);
  });
});

test("chooseDevice() refuses a library when its kind is not the device's", async () => {
  const error = await refusal({ library: CPU_LIBRARY, device: "cuda" });
  assertEquals(error.code, "LIBRARY_INVALID");
  assertStringIncludes(error.message, 'is the cpu library, and device is "cuda"');
});

simt("chooseDevice() does not fall back when a file is named", async () => {
  using stand = await Simt.take();
  assertEquals(await chosen({ library: SIMT_LIBRARY }), { library: "cuda", fallback: null });
  // The CPU library, with CUDA available.
  assertEquals(await chosen({ library: CPU_LIBRARY }), { library: "cpu", fallback: null });
  stand.change({ devices: 0 });
  assertEquals((await refusal({ library: SIMT_LIBRARY })).code, "DEVICE_UNAVAILABLE");
});

const [, real] = GPU_LIBRARIES;
const withoutGpu = real!.missing === "no GPU" ? test : (name: string, _: unknown) => {
  test.skip(`${name} (the CUDA library is ${real!.missing ?? "in use"})`, () => {});
};

withoutGpu(
  'chooseDevice() selects the CPU for "auto" when the CUDA library built by nvcc finds no GPU',
  async () => {
    await withModelFolder(async (folder) => {
      symlinkSync(CPU_LIBRARY, join(folder, libraryFileName("cpu")));
      symlinkSync(real!.path, join(folder, libraryFileName("cuda")));
      const { library, fallback } = await chosen({ library: folder });
      assertEquals(library, "cpu");
      assertMatch(fallback ?? "", /NVIDIA/);
      assertEquals((await refusal({ library: folder, device: "cuda" })).code, "DEVICE_UNAVAILABLE");
    });
  },
);

test("namedLibrary() is the named file, and null when a folder or nothing is named", async () => {
  await withModelFolder((folder) => {
    const before = process.env["UPBEAT_LIBRARY"];
    try {
      delete process.env["UPBEAT_LIBRARY"];
      assertEquals([namedLibrary(undefined), namedLibrary(folder)], [null, null]);
      assertEquals(namedLibrary(join(folder, "x.so")), join(folder, "x.so"));
      process.env["UPBEAT_LIBRARY"] = join(folder, "y.so");
      assertEquals(namedLibrary(undefined), join(folder, "y.so"));
      assertEquals(namedLibrary(folder), null);
    } finally {
      if (before === undefined) delete process.env["UPBEAT_LIBRARY"];
      else process.env["UPBEAT_LIBRARY"] = before;
    }
    return Promise.resolve();
  });
});

simt("load() reports the selected device, and why it is not a GPU", async () => {
  await withLibraries({ cpu: true, cuda: "emulated" }, async (library) => {
    writeRandomModel(library, { layers: 1 });
    using stand = await Simt.take();
    for (const [driver, expected] of [[13000, "cuda"], [12000, "cpu"]] as const) {
      stand.change({ driver });
      await using engine = await Engine.load(library, { library, maxBatchTokens: 8 });
      const { device, deviceFallback, libraryPath } = engine.info;
      assertEquals([device.library, libraryPath], [expected, join(library, libraryFileName(expected))]);
      assertEquals(deviceFallback === null, expected === "cuda");
      if (deviceFallback !== null) assertStringIncludes(deviceFallback, "knows CUDA 12.0");
    }
  });
});
