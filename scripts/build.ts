/** `bun run build`: build the native libraries; `bun run build --cuda`: the CUDA library too. */
import process from "node:process";
import { Failure, main } from "./support/failure.ts";
import { cudaRelease, ensureBuilt } from "./support/native.ts";
import { cudaArchitectures, findNvcc } from "./support/nvcc.ts";
import { CPU_LIBRARY, CUDA_LIBRARY } from "./support/paths.ts";
import { prepare } from "./support/prepare.ts";

const HELP = `Usage: bun run build [--cuda] [--cuda-architectures=LIST]

Builds the CPU library, and with --cuda the CUDA library, which needs nvcc of CUDA 13
but no GPU. LIST names its GPUs by compute capability, as in 90a or 80,120; by default
it is for all from 8.0 on.
`;

/** Remove a flag, as `--flag=value` or `--flag value`, from the arguments; its value, or null without the flag. */
function take(args: string[], flag: string): string | null {
  const at = args.findIndex((arg) => arg === flag || arg.startsWith(`${flag}=`));
  if (at < 0) return null;
  const [found] = args.splice(at, 1);
  if (found!.length > flag.length) return found!.slice(flag.length + 1);
  const [value] = args.splice(at, 1);
  if (value === undefined || value.startsWith("-")) throw new Failure(`${flag} needs a value\n${HELP}`);
  return value;
}

await main(async () => {
  const args = process.argv.slice(2).filter((arg) => arg !== "--");
  if (args.includes("--help")) {
    process.stdout.write(HELP);
    return 0;
  }
  const list = take(args, "--cuda-architectures");
  const wantsCuda = args.includes("--cuda") || list !== null;
  const unknown = args.find((arg) => arg !== "--cuda");
  if (unknown !== undefined) {
    process.stderr.write(`upbeat: unknown argument ${unknown}\n${HELP}`);
    return 2;
  }
  // Errors before the build, which takes minutes.
  const cuda = wantsCuda ? cudaRelease(findNvcc(), list === null ? null : cudaArchitectures(list)) : null;
  await prepare();
  process.stdout.write(`${CPU_LIBRARY}\n`);
  if (cuda !== null) {
    await ensureBuilt(cuda);
    process.stdout.write(`${CUDA_LIBRARY}\n`);
  }
  return 0;
});
