/**
 * The engine's side of the boundary, as the crate's `web` module defines it. The JavaScript beside
 * this declaration is generated when the package is built and is not under version control.
 */

export default function init(input: { module_or_path: WebAssembly.Module }): Promise<unknown>;

/** The crate's version and a hash of its sources. */
export function buildId(): string;

/**
 * Compares the engine with a golden file of the repository, by its name without `.json` and its
 * text; throws where a number is off by more than the file allows.
 */
export function goldenCheck(
  name: string,
  json: string,
): { name: string; values: number; deviation: number; tolerance: number }[];

/** A device of the browser's best adapter. */
export class Gpu {
  /**
   * Times the kernels for matrix products and for attention on this adapter and takes the faster of
   * each, or those that are named: `tiled`, `direct`, or one of them for each, `products/attention`.
   * They compute in f32, or with factors of f16, which not every adapter has.
   */
  static open(kernels?: string, precision?: "f32" | "f16"): Promise<Gpu>;
  /** Runs every kernel beside the CPU and throws where the answers differ; the largest deviation. */
  selfTest(): Promise<number>;
  /** The adapter, and what the device has done. */
  info(): {
    adapter: string;
    /** Those for matrix products and for attention, as `open` takes them. */
    kernels: string;
    precision: "f32" | "f16";
    /** Whether the adapter has `shader-f16`. */
    hasF16: boolean;
    maxBindingBytes: number;
    dispatches: number;
    submits: number;
    buffers: number;
    bufferBytes: number;
  };
  /** The golden file forward.json on this device, as `goldenCheck` does it on the CPU. */
  goldenForward(
    json: string,
  ): Promise<{ name: string; values: number; deviation: number; tolerance: number }[]>;
  free(): void;
}

/** Reads one model. Its methods throw `Error` objects with a `code`. */
export class Loader {
  constructor(manifest: Uint8Array);
  /** In the order in which they have to come. */
  files(): { name: string; sizeBytes: number; sha256: string }[];
  /** Takes the next bytes of a file, in order. */
  push(name: string, chunk: Uint8Array): void;
  /**
   * Compares size and SHA-256 with the manifest. Says whether the file holds weights, which have to
   * be uploaded before the next file comes.
   */
  finishFile(name: string): boolean;
  /** Takes the GPU, or else the CPU, as the device for the weights; before the first upload. */
  begin(gpu?: Gpu): void;
  /** Hands the weights that wait to the device; a GPU's promise says that there was room. */
  upload(): void | Promise<void>;
  /** Makes the engine of all that came. The loader is gone afterwards, whether it succeeds or not. */
  build(): Engine;
  free(): void;
}

export class Engine {
  info(): {
    name: string;
    version: string;
    parameters: number;
    imageSize: { width: number; height: number };
    vocabSize: number;
    weightBytes: number;
    sampling: {
      steps: number;
      temperature: number;
      topP: number;
      textGuidance: number;
      imageGuidance: number;
      maxTokens: number;
      maxImages: number;
    };
  };
  start(options: {
    prompt?: string;
    steps?: number;
    seed?: number;
    temperature?: number;
    topP?: number;
    textGuidance?: number;
    imageGuidance?: number;
    maxTokens?: number;
    maxImages?: number;
    /** Every how many steps a preview is painted; 0 is never. */
    previewEvery?: number;
  }): Run;
  /** Continues a snapshot; with a seed, on a branch of its own. The first step tells what is there. */
  resume(snapshot: Uint8Array, options: { previewEvery?: number; seed?: number }): Run;
  free(): void;
}

export class Run {
  /** One step of the sampler; never empty; the last array ends with `done`. */
  next(): WasmEvent[] | Promise<WasmEvent[]>;
  snapshot(): Uint8Array;
  free(): void;
}

/** For benches/browser: a network with made-up weights on a made-up story. */
export class ForwardBench {
  constructor(config: Uint8Array, nTokens: number, nImages: number, gpu?: Gpu, weights?: Float32Array);
  /** All weights, one after the other in the order in which the network is built. */
  weights(): Float32Array<ArrayBuffer>;
  /** What the network is shown. */
  inputs(): {
    tokens: Uint32Array;
    segments: Uint32Array;
    latents: Float32Array;
    timeFeatures: Float32Array;
    cos: Float32Array;
    sin: Float32Array;
    keyBias: Float32Array;
    slotRows: Uint32Array;
    tokenSlots: Uint32Array;
  };
  /** One forward: the answers of the gate, of the pictures and of the token head. */
  forward(): Promise<Float32Array<ArrayBuffer>>;
  free(): void;
}

export type WasmEvent =
  | {
      type: "text";
      step: number;
      t: number;
      edits: { at: number; insert: string; remove?: number }[];
      text: string;
    }
  | {
      type: "image";
      step: number;
      t: number;
      index: number;
      at: number;
      width: number;
      height: number;
      rgba: Uint8ClampedArray<ArrayBuffer>;
      final: boolean;
    }
  | { type: "step"; step: number; steps: number; t: number }
  | {
      type: "done";
      text: string;
      parts: ({ type: "text"; text: string } | { type: "image"; index: number; alt: string })[];
      seed: number;
      stats: { steps: number; rounds: number; tokens: number; images: number };
    };
