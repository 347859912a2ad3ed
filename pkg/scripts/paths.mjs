// Where things are: this repository, the build folder of cargo, and the tools installed for it.

import { mkdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../../", import.meta.url));
export const PKG = join(ROOT, "pkg");
export const DIST = join(PKG, "dist");
export const MODELS = join(PKG, "models");
export const WWW = join(ROOT, "www");
export const BROWSER_TESTS = join(ROOT, "tests", "browser");
export const FIREFOX_TESTS = join(ROOT, "tests", "firefox");

/** A folder that outlives a clone, so that the next one builds in seconds; null where none can be. */
const CACHE = cacheFolder();

/** Where cargo builds. */
export const TARGET = process.env.CARGO_TARGET_DIR ?? join(CACHE ?? ROOT, "target");

export function toolFolder(name, version) {
  return join(CACHE ?? join(PKG, "node_modules", ".tools"), "tools", `${name}-${version}`);
}

function cacheFolder() {
  const folder = join(homedir(), ".cache", "oneflow-web");
  try {
    mkdirSync(folder, { recursive: true });
    return folder;
  } catch {
    return null;
  }
}
