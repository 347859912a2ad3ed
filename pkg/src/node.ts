/**
 * Reading files where there is a file system. Nothing is imported for it: a bundler for the browser
 * would stumble over `node:fs`, so the module is asked for when it is needed.
 */

import { OneFlowError } from "./errors.js";

interface Builtins {
  "node:fs/promises": typeof import("node:fs/promises");
  "node:url": typeof import("node:url");
}

const CHUNK_BYTES = 1 << 18;

export async function* readFileChunks(
  url: string,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const path = builtin("node:url", url).fileURLToPath(url);
  const file = await builtin("node:fs/promises", url)
    .open(path)
    .catch((cause: NodeJS.ErrnoException) => {
      const missing = cause.code === "ENOENT";
      throw new OneFlowError(
        missing ? "model-not-found" : "network",
        missing ? `there is no file ${path}: check the path` : `${path} cannot be read`,
        { cause, retryable: false },
      );
    });
  try {
    for (;;) {
      signal.throwIfAborted();
      const chunk = new Uint8Array(CHUNK_BYTES);
      const { bytesRead } = await file.read(chunk, 0, CHUNK_BYTES).catch((cause: unknown) => {
        throw new OneFlowError("network", `${path} cannot be read`, { cause, retryable: false });
      });
      if (bytesRead === 0) return;
      yield chunk.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

/** The URL of a path that is relative to the working directory. */
export function urlFromPath(path: string): URL {
  const url = builtin("node:url", path).pathToFileURL(path);
  if (/[\\/]$/.test(path) && !url.pathname.endsWith("/")) url.pathname += "/";
  return url;
}

function builtin<K extends keyof Builtins>(name: K, wanted: string): Builtins[K] {
  const host = (globalThis as { process?: Partial<NodeJS.Process> }).process;
  const module = host?.getBuiltinModule?.(name);
  if (module === undefined) {
    throw new OneFlowError(
      "unsupported",
      `${wanted} cannot be read here: serve the page and the model over http (or use Node 20.16 or newer)`,
    );
  }
  return module as Builtins[K];
}
