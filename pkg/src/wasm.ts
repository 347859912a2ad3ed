/** The only file that names the generated bindings. */

import { BUILD_ID } from "./build-id.js";
import { OneFlowError } from "./errors.js";
import { readWhole, request } from "./fetch.js";
import init, { buildId, Gpu, Loader } from "./wasm/oneflow_web.js";

export type { Engine, Gpu, Run, WasmEvent } from "./wasm/oneflow_web.js";

export interface Wasm {
  Gpu: typeof Gpu;
  Loader: typeof Loader;
}

const MAX_WASM_BYTES = 1 << 27;
const WASM_MAGIC = [0x00, 0x61, 0x73, 0x6d];

/** One instance a thread: the bindings have room for no more. */
let instance: Promise<unknown> | undefined;

/** Fetches, compiles and starts the engine, unless that has happened on this thread already. */
export async function openWasm(wasmUrl: string | null, signal: AbortSignal): Promise<Wasm> {
  if (instance === undefined) {
    const url = wasmUrl ?? new URL("./wasm/oneflow_web_bg.wasm", import.meta.url).href;
    const module = await compile(url, signal);
    signal.throwIfAborted();
    instance ??= init({ module_or_path: module });
  }
  try {
    await instance;
  } catch (cause) {
    instance = undefined;
    throw cause;
  }
  expectSameBuild("wasm", buildId());
  return { Gpu, Loader };
}

/**
 * Refuses parts of different builds. The package's id is the wasm's id, a point and a hash of the
 * TypeScript; the worker has to know all of it, the wasm its own part.
 */
export function expectSameBuild(part: "wasm" | "worker", found: string): void {
  if (found === BUILD_ID || (part === "wasm" && BUILD_ID.startsWith(`${found}.`))) return;
  throw new OneFlowError(
    "version-mismatch",
    `the ${part} is of build ${found} and the package of build ${BUILD_ID}: serve all files of ` +
      "one version, and empty the cache of the browser or the CDN",
  );
}

async function compile(url: string, signal: AbortSignal): Promise<WebAssembly.Module> {
  try {
    if (!/^https?:/.test(url)) return await WebAssembly.compile(await readWasm(url, signal));
    const response = await request(url, signal);
    if (response.headers.get("content-type")?.startsWith("application/wasm")) {
      return await WebAssembly.compileStreaming(response);
    }
    return await WebAssembly.compile(expectWasm(url, new Uint8Array(await response.arrayBuffer())));
  } catch (cause) {
    signal.throwIfAborted();
    throw wasmError(url, cause);
  }
}

async function readWasm(url: string, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = await readWhole(url, MAX_WASM_BYTES, signal);
  return expectWasm(url, bytes ?? new Uint8Array(0));
}

function expectWasm(url: string, bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  if (WASM_MAGIC.every((byte, at) => bytes[at] === byte)) return bytes;
  throw new OneFlowError(
    "network",
    `what ${url} answers is no wasm: copy dist/wasm/oneflow_web_bg.wasm there, or say with ` +
      "`wasmUrl` where it is",
    { retryable: false },
  );
}

function wasmError(url: string, cause: unknown): unknown {
  if (cause instanceof OneFlowError) {
    if (cause.code !== "model-not-found") return cause;
    return new OneFlowError(
      "network",
      `the wasm is not at ${url}: copy dist/wasm/oneflow_web_bg.wasm there, or say with ` +
        "`wasmUrl` where it is",
      { cause, retryable: false },
    );
  }
  if (cause instanceof WebAssembly.CompileError) {
    return new OneFlowError(
      "unsupported",
      `this browser does not compile ${url} (${cause.message}): a Content-Security-Policy needs ` +
        "script-src 'wasm-unsafe-eval', an old browser an update",
      { cause },
    );
  }
  if (cause instanceof TypeError) {
    return new OneFlowError("network", `the download of ${url} stopped: try again`, { cause });
  }
  return cause;
}
