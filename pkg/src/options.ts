/** The options of the three calls, and the checks that they pass before anything else happens. */

import { OneFlowError, type OneFlowErrorCode } from "./errors.js";
import type { FlowEvent } from "./events.js";

/** The longest prompt, in UTF-16 units. */
export const MAX_PROMPT_LENGTH = 2000;

export interface CheckOptions {
  /**
   * A folder with `manifest.json`, absolute or relative to the page (in Node: to the working
   * directory).
   *
   * @default the model in the package
   */
  model?: string | URL | undefined;
  /**
   * What computes. `"auto"` takes WebGPU where there is a real adapter that passes a self-test, and
   * the CPU otherwise; `"webgpu"` takes whatever adapter there is and fails where there is none.
   *
   * @default "auto"
   */
  device?: "auto" | "cpu" | "webgpu" | undefined;
  /**
   * What the GPU rounds the factors of matrix products to; sums are 32 bits wide. `"f16"` halves what
   * goes through the GPU's fast memory, needs an adapter with `shader-f16`, and may tell another
   * story than the CPU. `"auto"` is `"f32"`, whose text is the CPU's.
   *
   * @default "auto"
   */
  precision?: "auto" | "f32" | "f16" | undefined;
  /** Aborts the call. */
  signal?: AbortSignal | undefined;
}

export interface LoadOptions extends CheckOptions {
  /** Is told how far the load is. */
  onProgress?: ((progress: LoadProgress) => void) | undefined;
  /**
   * Whether the engine runs in a worker of its own, so that the page never blocks. Where there are
   * no workers (Node) it runs on the calling thread either way.
   *
   * @default true
   */
  worker?: boolean | undefined;
  /**
   * Where `worker.js` is served.
   *
   * @default beside this module
   */
  workerUrl?: string | URL | undefined;
  /**
   * Where `oneflow_web_bg.wasm` is served.
   *
   * @default beside this module
   */
  wasmUrl?: string | URL | undefined;
  /**
   * How the GPU multiplies matrices and attends: through its workgroup memory (`"tiled"`) or straight
   * from its memory (`"direct"`). `"auto"` times both for some milliseconds at the first load and
   * takes the faster of each. The answers differ by their last bits.
   *
   * @default "auto"
   */
  kernels?: "auto" | "tiled" | "direct" | undefined;
  /**
   * Whether verified files of a model from elsewhere are kept in the browser's Cache API, and which
   * kernels are the fastest. The model in the package is never kept there: it comes with the page.
   *
   * @default true
   */
  cache?: boolean | undefined;
}

export interface LoadProgress {
  /**
   * What happens now; `upload` is for devices that have a memory of their own. Weights in several
   * files are downloaded and uploaded in turn.
   */
  phase: "download" | "verify" | "upload" | "compile";
  /** Bytes of model files that are here; never gets smaller. */
  loadedBytes: number;
  totalBytes: number;
}

export interface GenerateOptions {
  /**
   * What the story is about; at most 2,000 UTF-16 units. Lone surrogates become U+FFFD.
   *
   * @default "" (no prompt)
   */
  prompt?: string | undefined;
  /**
   * Steps of the schedule, from 1 to 200.
   *
   * @default what the model suggests: `flow.info.sampling.steps`
   */
  steps?: number | undefined;
  /**
   * An integer from 0 to 2^53 - 1. The same seed gives the same story.
   *
   * @default a random one, which `run.seed` and the `done` event report
   */
  seed?: number | undefined;
  /**
   * Above 0, at most 2.
   *
   * @default what the model suggests
   */
  temperature?: number | undefined;
  /**
   * Above 0, at most 1.
   *
   * @default what the model suggests
   */
  topP?: number | undefined;
  /**
   * How strongly the prompt steers the text, from 0 (off) to 10.
   *
   * @default what the model suggests
   */
  textGuidance?: number | undefined;
  /**
   * How strongly the text steers the pictures, from 0 (off) to 10.
   *
   * @default what the model suggests
   */
  imageGuidance?: number | undefined;
  /**
   * From 1 to 512.
   *
   * @default what the model suggests
   */
  maxTokens?: number | undefined;
  /**
   * From 0 to 8.
   *
   * @default what the model suggests
   */
  maxImages?: number | undefined;
  /**
   * Every how many steps a picture that is being painted is shown; `false` shows finished pictures
   * only.
   *
   * @default { every: 1 }
   */
  preview?: { every?: number | undefined } | false | undefined;
  /**
   * A snapshot of an earlier run, which this run continues; with a `seed`, on a branch of its own.
   * Goes with `preview`, `queue`, `signal` and `onStep` too; everything else is in the snapshot.
   */
  from?: Uint8Array | undefined;
  /**
   * Whether the run waits for the runs before it; `false` throws `busy` instead.
   *
   * @default true
   */
  queue?: boolean | undefined;
  /** Aborts the run, within one step. */
  signal?: AbortSignal | undefined;
  /** Is given every event, as the iterator is. */
  onStep?: ((event: FlowEvent) => void) | undefined;
}

/** What the engine needs to begin a run. */
export type RunRequest =
  | { kind: "start"; options: StartOptions }
  | { kind: "resume"; snapshot: Uint8Array; options: ResumeOptions };

export interface ResumeOptions {
  previewEvery: number;
  seed?: number;
}

export interface StartOptions {
  prompt: string;
  seed: number;
  previewEvery: number;
  steps?: number;
  temperature?: number;
  topP?: number;
  textGuidance?: number;
  imageGuidance?: number;
  maxTokens?: number;
  maxImages?: number;
}

const CHECK_NAMES = ["model", "device", "precision", "signal"];
const LOAD_NAMES = [
  ...CHECK_NAMES,
  "onProgress",
  "worker",
  "workerUrl",
  "wasmUrl",
  "kernels",
  "cache",
];

interface Range {
  integer: boolean;
  min: number;
  max: number;
  /** Whether `min` itself is out of range. */
  above?: boolean;
}

const SAMPLING_RANGES = {
  steps: { integer: true, min: 1, max: 200 },
  temperature: { integer: false, min: 0, max: 2, above: true },
  topP: { integer: false, min: 0, max: 1, above: true },
  textGuidance: { integer: false, min: 0, max: 10 },
  imageGuidance: { integer: false, min: 0, max: 10 },
  maxTokens: { integer: true, min: 1, max: 512 },
  maxImages: { integer: true, min: 0, max: 8 },
} satisfies Record<string, Range>;

const SEED_RANGE: Range = { integer: true, min: 0, max: Number.MAX_SAFE_INTEGER };
const EVERY_RANGE: Range = { integer: true, min: 1, max: 1_000_000 };

const WITH_SNAPSHOT_NAMES = ["from", "seed", "preview", "queue", "signal", "onStep"];
const GENERATE_NAMES = [...WITH_SNAPSHOT_NAMES, "prompt", ...Object.keys(SAMPLING_RANGES)];

export function validateCheckOptions(options: CheckOptions): void {
  expectBag(options, "check", CHECK_NAMES);
  expectCommon(options);
}

export function validateLoadOptions(options: LoadOptions): void {
  expectBag(options, "load", LOAD_NAMES);
  expectCommon(options);
  expectType("onProgress", options.onProgress, "function");
  expectType("worker", options.worker, "boolean");
  expectType("cache", options.cache, "boolean");
  const { kernels } = options;
  if (kernels !== undefined && !["auto", "tiled", "direct"].includes(kernels)) {
    throw optionError("kernels", kernels, '"auto", "tiled" or "direct"');
  }
  expectUrl("workerUrl", options.workerUrl);
  expectUrl("wasmUrl", options.wasmUrl);
}

/** Checks the options of `generate` and says what the engine has to be asked for. */
export function runRequestFromOptions(options: GenerateOptions): RunRequest {
  expectBag(options, "generate", GENERATE_NAMES);
  expectSignal(options.signal);
  expectType("onStep", options.onStep, "function");
  expectType("queue", options.queue, "boolean");
  const previewEvery = previewEveryFromOption(options.preview);
  const seed = numberFromOption("seed", options.seed, SEED_RANGE);
  if (options.from !== undefined) {
    const snapshot = options.from;
    if (!(snapshot instanceof Uint8Array)) {
      throw optionError("from", snapshot, "the Uint8Array that run.snapshot() gave");
    }
    const other = Object.entries(options).find(
      ([name, value]) => value !== undefined && !WITH_SNAPSHOT_NAMES.includes(name),
    );
    if (other) {
      throw optionError(other[0], other[1], "nothing beside `from`, because it is in the snapshot");
    }
    const resume: ResumeOptions = seed === undefined ? { previewEvery } : { previewEvery, seed };
    return { kind: "resume", snapshot: snapshot.slice(), options: resume };
  }
  const start: StartOptions = {
    prompt: promptFromOption(options.prompt),
    seed: seed ?? randomSeed(),
    previewEvery,
  };
  for (const name of Object.keys(SAMPLING_RANGES) as (keyof typeof SAMPLING_RANGES)[]) {
    const value = numberFromOption(name, options[name], SAMPLING_RANGES[name]);
    if (value !== undefined) start[name] = value;
  }
  return { kind: "start", options: start };
}

function promptFromOption(prompt: unknown): string {
  if (prompt === undefined) return "";
  if (typeof prompt !== "string") {
    throw error("invalid-prompt", `the prompt is ${show(prompt)}: give a string`);
  }
  if (prompt.length > MAX_PROMPT_LENGTH) {
    throw error(
      "invalid-prompt",
      `the prompt has ${prompt.length} UTF-16 units: shorten it to ${MAX_PROMPT_LENGTH} or fewer`,
    );
  }
  return prompt.toWellFormed();
}

function previewEveryFromOption(preview: unknown): number {
  if (preview === false) return 0;
  if (preview === undefined) return 1;
  if (typeof preview !== "object" || preview === null) {
    throw optionError("preview", preview, "{ every: n } or false");
  }
  const unknown = Object.keys(preview).find((name) => name !== "every");
  if (unknown !== undefined) throw error("invalid-option", `unknown option \`preview.${unknown}\``);
  const { every } = preview as { every?: unknown };
  return numberFromOption("preview.every", every, EVERY_RANGE) ?? 1;
}

function numberFromOption(name: string, value: unknown, range: Range): number | undefined {
  if (value === undefined) return undefined;
  const { integer, min, max, above = false } = range;
  const fits =
    typeof value === "number" &&
    (integer ? Number.isInteger(value) : Number.isFinite(value)) &&
    (above ? value > min : value >= min) &&
    value <= max;
  if (fits) return value;
  const kind = integer ? "an integer" : "a number";
  const bounds = above ? `above ${min} and at most ${max}` : `from ${min} to ${max}`;
  throw optionError(name, value, `${kind} ${bounds}`);
}

function randomSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
}

function expectCommon(options: CheckOptions): void {
  const { model, device, precision, signal } = options;
  expectUrl("model", model);
  if (device !== undefined && !["auto", "cpu", "webgpu"].includes(device)) {
    throw optionError("device", device, '"auto", "cpu" or "webgpu"');
  }
  if (precision !== undefined && !["auto", "f32", "f16"].includes(precision)) {
    throw optionError("precision", precision, '"auto", "f32" or "f16"');
  }
  if (precision === "f16" && device === "cpu") {
    throw optionError("precision", precision, '"auto" or "f32" beside `device: "cpu"`');
  }
  expectSignal(signal);
}

function expectBag(options: unknown, call: string, names: readonly string[]): void {
  if (typeof options !== "object" || options === null) {
    throw error("invalid-option", `${call} was given ${show(options)}: give an object of options`);
  }
  const unknown = Object.keys(options).find((name) => !names.includes(name));
  if (unknown !== undefined) {
    throw error(
      "invalid-option",
      `unknown option \`${unknown}\`: ${call} knows ${names.join(", ")}`,
    );
  }
}

function expectSignal(signal: unknown): void {
  if (signal === undefined) return;
  const fits =
    typeof signal === "object" &&
    signal !== null &&
    "aborted" in signal &&
    "addEventListener" in signal;
  if (!fits) throw optionError("signal", signal, "an AbortSignal");
}

function expectUrl(name: string, value: unknown): void {
  if (value === undefined || value instanceof URL) return;
  if (typeof value !== "string" || value === "") throw optionError(name, value, "a URL");
}

function expectType(name: string, value: unknown, type: "boolean" | "function"): void {
  if (value !== undefined && typeof value !== type) {
    throw optionError(name, value, `a ${type}`);
  }
}

function optionError(name: string, found: unknown, expected: string): OneFlowError {
  return error("invalid-option", `\`${name}\` is ${show(found)}: give ${expected}`);
}

function error(code: OneFlowErrorCode, message: string): OneFlowError {
  return new OneFlowError(code, message);
}

function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, 40));
  if (value === null || ["number", "boolean", "undefined"].includes(typeof value)) {
    return String(value);
  }
  return `of type ${typeof value}`;
}
