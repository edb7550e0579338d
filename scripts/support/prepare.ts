/** What every command needs first. */
import { ensureInstalled } from "./install.ts";
import { ensureBuilt, RELEASE } from "./native.ts";

/** Install packages and build the library, each only where it is missing or out of date. Then it prints nothing. */
export async function prepare(): Promise<void> {
  await ensureInstalled();
  await ensureBuilt(RELEASE);
}
