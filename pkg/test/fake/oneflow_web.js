// An engine with the interface of the generated bindings and nothing behind it: it writes the same
// kind of events from a seed, and does on demand what a real one does only in bad luck.

import { createHash } from "node:crypto";
import { BUILD_ID } from "../../dist/build-id.js";
import { control, live } from "./control.mjs";
import { makeScript } from "./script.mjs";

export default async function init({ module_or_path }) {
  if (!(module_or_path instanceof WebAssembly.Module)) throw new TypeError("not a module");
}

export function buildId() {
  return control.buildId ?? BUILD_ID.slice(0, BUILD_ID.lastIndexOf("."));
}

export class Gpu {
  static async open(kernels, precision) {
    control.precision = precision;
    control.kernels.push(kernels);
    if (control.gpuOpenError) throw control.gpuOpenError;
    live.gpus += 1;
    return new Gpu();
  }

  info() {
    return { kernels: "direct/tiled" };
  }

  async selfTest() {
    if (control.selfTestError) throw control.selfTestError;
    return 0;
  }

  free() {
    live.gpus -= 1;
  }
}

export class Loader {
  #files;
  #received = new Map();
  #waiting = null;
  #device = null;
  #uploaded = new Set();
  #freed = false;

  constructor(manifest) {
    this.#files = JSON.parse(new TextDecoder().decode(manifest)).files;
    live.loaders += 1;
  }

  files() {
    const isLate = ({ name }) => (isWeights(name) ? 1 : 0);
    const ordered = this.#files.toSorted((a, b) => isLate(a) - isLate(b));
    return ordered.map(({ name, size_bytes, sha256 }) => ({
      name,
      sizeBytes: size_bytes,
      sha256,
    }));
  }

  push(name, chunk) {
    if (control.pushError) throw control.pushError;
    if (this.#waiting !== null) throw coded("internal", "a file came before the upload of another");
    this.#received.set(name, [...(this.#received.get(name) ?? []), chunk.slice()]);
    live.bytes += chunk.length;
    control.peakBytes = Math.max(control.peakBytes, live.bytes);
  }

  finishFile(name) {
    const bytes = Buffer.concat(this.#received.get(name) ?? []);
    const { size_bytes, sha256 } = this.#files.find((file) => file.name === name);
    if (bytes.length !== size_bytes) {
      throw coded("integrity", `${name} has ${bytes.length} bytes, expected ${size_bytes}`);
    }
    const found = createHash("sha256").update(bytes).digest("hex");
    if (found !== sha256) throw coded("integrity", `${name} has another SHA-256`);
    if (!isWeights(name)) {
      this.#drop(name);
      return false;
    }
    this.#waiting = name;
    return true;
  }

  begin(gpu) {
    this.#device = { gpu };
  }

  upload() {
    if (!this.#device || this.#waiting === null) throw coded("internal", "nothing to upload");
    const name = this.#waiting;
    this.#waiting = null;
    const weights = Buffer.concat(this.#received.get(name));
    if (weights.includes("not a model"))
      throw coded("invalid-model", `${name} has no tensors: use a oneflow-web model`);
    this.#drop(name);
    this.#uploaded.add(name);
    control.uploads += 1;
    if (!this.#device.gpu) return undefined;
    return control.uploadError ? Promise.reject(control.uploadError) : Promise.resolve();
  }

  build() {
    const onGpu = Boolean(this.#device.gpu);
    const isMissing = ({ name }) => isWeights(name) && !this.#uploaded.has(name);
    const missing = this.#files.find(isMissing);
    this.free();
    if (missing) throw coded("internal", `${missing.name} was not uploaded`);
    return new Engine(onGpu);
  }

  free() {
    if (this.#freed) throw new Error("null pointer passed to rust");
    this.#freed = true;
    for (const name of this.#received.keys()) this.#drop(name);
    this.#device?.gpu?.free();
    live.loaders -= 1;
  }

  #drop(name) {
    for (const { length } of this.#received.get(name) ?? []) live.bytes -= length;
    this.#received.delete(name);
  }
}

function isWeights(name) {
  return name.endsWith(".safetensors");
}

class Engine {
  #onGpu;

  constructor(onGpu = false) {
    this.#onGpu = onGpu;
    live.engines += 1;
  }

  info() {
    return {
      name: "fake",
      version: "0.1.0",
      parameters: 1,
      imageSize: { width: 2, height: 2 },
      vocabSize: 3,
      weightBytes: 4,
      sampling: {
        steps: 6,
        temperature: 1,
        topP: 1,
        textGuidance: 0,
        imageGuidance: 0,
        maxTokens: 64,
        maxImages: 2,
      },
    };
  }

  start(options) {
    return new Run({ ...options }, 0, false, this.#onGpu);
  }

  resume(snapshot, { previewEvery, seed }) {
    let state;
    try {
      state = JSON.parse(new TextDecoder().decode(snapshot));
    } catch {
      throw coded("invalid-snapshot", "the snapshot is damaged: take it again");
    }
    const options = { ...state.options, previewEvery };
    if (seed !== undefined) options.seed = seed;
    return new Run(options, state.step, true, this.#onGpu);
  }

  free() {
    live.engines -= 1;
  }
}

class Run {
  #options;
  #script;
  #step;
  #resumed;
  #onGpu;
  #busy = false;

  constructor(options, step, resumed, onGpu) {
    this.#options = options;
    this.#script = makeScript(options);
    this.#step = step;
    this.#resumed = resumed;
    this.#onGpu = onGpu;
    live.runs += 1;
  }

  next() {
    if (!this.#onGpu) return this.#next();
    this.#busy = true;
    return new Promise((resolve) => setTimeout(resolve, control.stepMs))
      .then(() => this.#next())
      .finally(() => (this.#busy = false));
  }

  #next() {
    control.steps += 1;
    if (control.stepMs > 0 && !this.#onGpu) sleep(control.stepMs);
    if (control.failAtStep === this.#step) throw control.stepError;
    const events = [...this.#script[this.#step]];
    if (this.#resumed && this.#step > 0) {
      // A continued run tells first what there is already.
      const before = this.#script.slice(0, this.#step).flat();
      const finals = before.filter((event) => event.type === "image" && event.final);
      const text = events.find((event) => event.type === "text");
      if (!text) events.unshift(before.findLast((event) => event.type === "text"));
      events.splice(1, 0, ...finals);
      this.#resumed = false;
    }
    this.#step += 1;
    return structuredClone(events);
  }

  snapshot() {
    if (this.#busy) throw coded("internal", "a step of this run is being made");
    return new TextEncoder().encode(JSON.stringify({ options: this.#options, step: this.#step }));
  }

  free() {
    if (this.#busy) throw coded("internal", "freed in the middle of a step");
    live.runs -= 1;
  }
}

export function coded(code, message) {
  return Object.assign(new Error(message), { code });
}

function sleep(ms) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
