/** Prerequisites of every command. */
import { ensureInstalled } from "./install.ts";
import { ensureBuilt, RELEASE } from "./native.ts";

/** Install packages and build the library where they are missing or out of date; if neither is, print nothing. */
export async function prepare(): Promise<void> {
  await ensureInstalled();
  await ensureBuilt(RELEASE);
}
