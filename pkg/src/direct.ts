/** The engine on this thread: in Node, with `worker: false`, and inside the worker. */

import { canCache, readCached, writeCached } from "./cache.js";
import { chooseDevice, type DeviceChoice, type DeviceReason, distrustGpu } from "./device.js";
import { errorFromThrown, OneFlowError } from "./errors.js";
import { readChunks } from "./fetch.js";
import type {
  EngineEvent,
  Host,
  HostInfo,
  HostRun,
  OpenOptions,
  OpenRequest,
  Step,
} from "./host.js";
import { bitmapFromRgba } from "./images.js";
import { type ManifestFile, readManifest } from "./manifest.js";
import { fileUrl, totalBytes } from "./model.js";
import type { LoadProgress, RunRequest } from "./options.js";
import { readKernels, writeKernels } from "./tuning.js";
import { type Engine, type Gpu, openWasm, type Run, type Wasm, type WasmEvent } from "./wasm.js";

const PART_BYTES = 1 << 20;

export async function openDirect(request: OpenRequest, options: OpenOptions): Promise<Host> {
  const { signal } = options;
  let isCallersMistake = false;
  const onProgress = (progress: LoadProgress) => {
    try {
      options.onProgress(progress);
    } catch (thrown) {
      isCallersMistake = true;
      throw thrown;
    }
  };
  try {
    const { engine, device, precision, reason } = await loadEngine(request, { signal, onProgress });
    const info = { ...engine.info(), device, precision, deviceReason: reason.message };
    return new DirectHost(engine, info);
  } catch (thrown) {
    signal.throwIfAborted();
    throw isCallersMistake ? thrown : errorFromThrown(thrown);
  }
}

class DirectHost implements Host {
  readonly info: HostInfo;
  readonly #engine: Engine;
  readonly #runs = new Set<DirectRun>();
  #closed = false;

  constructor(engine: Engine, info: HostInfo) {
    this.#engine = engine;
    this.info = info;
  }

  async begin(request: RunRequest): Promise<HostRun> {
    if (this.#closed) throw new OneFlowError("closed", "the model was closed");
    return await guard(() => {
      const run = new DirectRun(this.#start(request), () => this.#runs.delete(run));
      this.#runs.add(run);
      return run;
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const run of this.#runs) run.free();
    this.#engine.free();
  }

  #start(request: RunRequest): Run {
    return request.kind === "start"
      ? this.#engine.start(request.options)
      : this.#engine.resume(request.snapshot, request.options);
  }
}

class DirectRun implements HostRun {
  readonly snapshot: Uint8Array;
  readonly #run: Run;
  readonly #onFree: () => void;
  #freed = false;
  /** A step on the GPU is being made, which holds the run. */
  #stepping = false;

  constructor(run: Run, onFree: () => void) {
    this.#run = run;
    this.#onFree = onFree;
    this.snapshot = run.snapshot();
  }

  async next(): Promise<Step> {
    // A step blocks this thread: before it, everybody else gets a turn, an abort above all.
    await turn();
    if (this.#freed) throw new OneFlowError("closed", "the run was freed");
    const { events, snapshot, ms } = await guard(() => this.#step());
    return { events: await Promise.all(events.map(engineEventFromWasm)), snapshot, ms };
  }

  free(): void {
    if (this.#freed) return;
    this.#freed = true;
    this.#onFree();
    if (!this.#stepping) this.#run.free();
  }

  async #step() {
    this.#stepping = true;
    try {
      const begin = performance.now();
      // The CPU answers at once; a promise of it would hide where it stopped.
      const answer = this.#run.next();
      const events = answer instanceof Promise ? await answer : answer;
      const ms = performance.now() - begin;
      if (this.#freed) throw new OneFlowError("closed", "the run was freed");
      return { events, snapshot: this.#run.snapshot(), ms };
    } finally {
      this.#stepping = false;
      if (this.#freed) this.#run.free();
    }
  }
}

async function engineEventFromWasm(event: WasmEvent): Promise<EngineEvent> {
  switch (event.type) {
    case "image": {
      const { type, step, t, index, at, width, height, rgba } = event;
      const picture = { width, height, rgba };
      const bitmap = await bitmapFromRgba(picture);
      return { type, step, t, index, at, bitmap, final: event.final ? picture : null };
    }
    case "done": {
      const { type, parts, seed, stats } = event;
      return { type, parts, seed, stats };
    }
    default:
      return event;
  }
}

/** An engine, and where it computes. */
interface Loaded {
  engine: Engine;
  device: HostInfo["device"];
  precision: HostInfo["precision"];
  reason: DeviceReason;
}

/** A GPU that is ready, or why there is none. */
interface Opened {
  gpu: Gpu | null;
  reason: DeviceReason;
}

async function loadEngine(request: OpenRequest, options: OpenOptions): Promise<Loaded> {
  const { source, wasmUrl } = request;
  const { signal, onProgress } = options;
  const choice = await chooseDevice(request);
  if (choice.missing) throw refusal(choice.missing);
  const [wasm, { bytes, manifest }] = await Promise.all([
    openWasm(wasmUrl, signal),
    readManifest(source, signal),
  ]);
  // Kernels are compiled and tested while the model arrives.
  const opening = openGpu(wasm, choice, request);
  opening.catch(() => {});
  const total = totalBytes(manifest);
  let loaded = 0;
  const report = async (phase: LoadProgress["phase"]) => {
    onProgress({ phase, loadedBytes: loaded, totalBytes: total });
    await turn();
    signal.throwIfAborted();
  };
  await report("download");
  const loader = new wasm.Loader(bytes);
  let opened: Opened | null = null;
  let consumed = false;
  try {
    const files = loader.files();
    const last = files.at(-1);
    for (const file of files) {
      const waits = await receiveFile(request, file, loader, signal, {
        onChunk(size) {
          loaded += size;
          onProgress({ phase: "download", loadedBytes: loaded, totalBytes: total });
        },
        onWhole: async () => (file === last ? await report("verify") : undefined),
      });
      if (!waits) continue;
      // Weights go to the device before the next file comes, so that there is one of them here.
      if (opened === null) {
        await report("compile");
        const found: Opened = await opening;
        signal.throwIfAborted();
        loader.begin(found.gpu ?? undefined);
        opened = found;
      }
      if (opened.gpu) await report("upload");
      await loader.upload();
      signal.throwIfAborted();
    }
    consumed = true;
    const engine = loader.build();
    const { gpu, reason } = opened ?? (await opening);
    const precision = gpu ? choice.precision : "f32";
    return { engine, device: gpu ? "webgpu" : "cpu", precision, reason };
  } finally {
    if (!consumed) loader.free();
    // Once it has begun, the loader has the GPU.
    if (opened === null) void opening.then(({ gpu }) => gpu?.free()).catch(() => {});
  }
}

/**
 * Opens and tests the GPU where it is to be used. Where nobody forced it, one that fails is a
 * reason to use the CPU.
 */
async function openGpu(wasm: Wasm, choice: DeviceChoice, request: OpenRequest): Promise<Opened> {
  const { device, precision, reason } = choice;
  const isForced = request.device === "webgpu" || request.precision === "f16";
  if (device === "cpu") return { gpu: null, reason };
  let gpu: Gpu | null = null;
  try {
    const isTimed = request.kernels === "auto";
    const kept = isTimed && request.cache ? await readKernels(choice) : undefined;
    gpu = await wasm.Gpu.open(isTimed ? kept : request.kernels, precision);
    await gpu.selfTest();
    if (isTimed && request.cache && !kept) await writeKernels(choice, gpu.info().kernels);
    return { gpu, reason };
  } catch (thrown) {
    const code = gpu ? "webgpu-self-test" : "webgpu-failed";
    gpu?.free();
    if (isForced) throw thrown;
    const { message } = errorFromThrown(thrown);
    return { gpu: null, reason: distrustGpu(code, message) };
  }
}

function refusal({ code, message }: DeviceReason): OneFlowError {
  if (code === "f16-missing") {
    return new OneFlowError("unsupported", `${message}; load with \`precision: "auto"\``);
  }
  const what = message.replace(", so the CPU computes", "");
  return new OneFlowError(
    "unsupported",
    `${what}: load with \`device: "auto"\`, or update the browser and turn its hardware acceleration on`,
  );
}

/** What happens to a file on its way. */
interface Receiving {
  onChunk(size: number): void;
  /** All of it is here, and it has not been verified. */
  onWhole(): Promise<void>;
}

/** Hands a file to the loader and keeps it in the cache; says whether it waits for its upload. */
async function receiveFile(
  request: OpenRequest,
  file: ManifestFile,
  loader: InstanceType<Wasm["Loader"]>,
  signal: AbortSignal,
  { onChunk, onWhole }: Receiving,
): Promise<boolean> {
  const kept = await readFile(request, file, loader, signal, onChunk);
  await onWhole();
  const waits = loader.finishFile(file.name);
  if (kept) await writeCached(fileUrl(request.source, file.name), file, kept);
  signal.throwIfAborted();
  return waits;
}

/** Hands a file to the loader, and returns its chunks where they are worth keeping. */
async function readFile(
  { source, cache }: OpenRequest,
  file: ManifestFile,
  loader: InstanceType<Wasm["Loader"]>,
  signal: AbortSignal,
  onChunk: (size: number) => void,
): Promise<Uint8Array<ArrayBuffer>[] | null> {
  const url = fileUrl(source, file.name);
  const cacheable = cache && !source.packaged && canCache(url);
  const cached = cacheable ? await readCached(url, file) : null;
  signal.throwIfAborted();
  if (cached) {
    pushParts(loader, file.name, cached);
    onChunk(cached.length);
    return null;
  }
  const kept: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  for await (const chunk of readChunks(url, signal)) {
    if (size === 0) expectNoPage(url, chunk);
    size += chunk.length;
    if (size > file.sizeBytes) {
      throw new OneFlowError(
        "integrity",
        `${url} is larger than the ${file.sizeBytes} bytes of its manifest: upload the model ` +
          "again, all files of one version",
      );
    }
    pushParts(loader, file.name, chunk);
    if (cacheable) kept.push(chunk);
    onChunk(chunk.length);
    // Who aborts in `onProgress` may have been told of the last chunk.
    signal.throwIfAborted();
  }
  return cacheable ? kept : null;
}

/** The engine's memory gets a copy of each chunk first and never shrinks: large ones come in parts. */
function pushParts(
  loader: InstanceType<Wasm["Loader"]>,
  name: string,
  chunk: Uint8Array<ArrayBuffer>,
): void {
  for (let at = 0; at < chunk.length; at += PART_BYTES) {
    loader.push(name, chunk.subarray(at, at + PART_BYTES));
  }
}

/** No file of a model begins like a web page, but many servers answer unknown paths with one. */
function expectNoPage(url: string, chunk: Uint8Array): void {
  const head = new TextDecoder().decode(chunk.subarray(0, 64)).trimStart().toLowerCase();
  if (!head.startsWith("<!doctype html") && !head.startsWith("<html")) return;
  throw new OneFlowError(
    "model-not-found",
    `the server answers with a web page for ${url}: check that the file is there`,
  );
}

async function guard<T>(work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    throw errorFromThrown(thrown);
  }
}

/** Lets the page do what waits; not a timer, which a hidden tab has once a second or a minute. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}
