/**
 * A registry of npm packages on the loopback: tarballs of a folder, and nothing else.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

/** A running registry. */
export interface PackageRegistry extends AsyncDisposable {
  /** Its address, as in `http://127.0.0.1:4873/`. */
  readonly url: string;
  /** Paths that were asked for and are not there. */
  readonly missing: readonly string[];
}

/**
 * Serve packages.
 *
 * @param folder A folder of tarballs.
 */
export async function servePackages(folder: string): Promise<PackageRegistry> {
  const packages = new Map<string, { manifest: Record<string, unknown>; file: string }>();
  for (const file of readdirSync(folder).filter((name) => name.endsWith(".tgz"))) {
    const manifest = manifestOf(readFileSync(join(folder, file)));
    packages.set(manifest["name"] as string, { manifest, file });
  }
  const missing: string[] = [];
  let url = "";
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url!.slice(1).split("?")[0]!);
    const found = packages.get(path);
    if (found !== undefined) {
      const tarball = readFileSync(join(folder, found.file));
      const version = found.manifest["version"] as string;
      const integrity = `sha512-${createHash("sha512").update(tarball).digest("base64")}`;
      const dist = {
        tarball: `${url}tarballs/${found.file}`,
        integrity,
        shasum: createHash("sha1").update(tarball).digest("hex"),
      };
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({
        name: path,
        "dist-tags": { latest: version },
        versions: { [version]: { ...found.manifest, dist } },
        time: { [version]: "2026-01-01T00:00:00.000Z" },
      }));
      return;
    }
    const tarball = /^tarballs\/([\w.-]+)$/.exec(path)?.[1];
    if (tarball !== undefined) return void response.end(readFileSync(join(folder, tarball)));
    missing.push(path);
    response.writeHead(404).end("{}");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return {
    url,
    missing,
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

/** The `package.json` of a tarball: an entry of a header block of 512 bytes and its content, padded to such blocks. */
function manifestOf(tarball: Uint8Array): Record<string, unknown> {
  const tar = gunzipSync(tarball);
  for (let at = 0; at < tar.length;) {
    const name = tar.toString("utf8", at, at + 100).replace(/\0.*$/s, "");
    const size = parseInt(tar.toString("utf8", at + 124, at + 136), 8) || 0;
    at += 512;
    if (name === "package/package.json") return JSON.parse(tar.toString("utf8", at, at + size));
    at += Math.ceil(size / 512) * 512;
  }
  throw new Error("a tarball without package.json");
}
