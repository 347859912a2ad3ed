/**
 * Where an engine lives. `direct.ts` runs it on the calling thread, `remote.ts` in a worker; nobody
 * above this interface can tell which.
 */

import type { Device, Precision } from "./device.js";
import type { Bitmap, Edit } from "./events.js";
import type { Rgba } from "./images.js";
import type { ModelSource } from "./model.js";
import type { LoadProgress, RunRequest } from "./options.js";

export interface Host {
  readonly info: HostInfo;
  begin(request: RunRequest): Promise<HostRun>;
  /** Frees the engine at once. */
  close(): void;
}

/** A run is pulled: nothing happens between two calls of `next`. */
export interface HostRun {
  /** The state before the first step. */
  readonly snapshot: Uint8Array;
  /** One step; the last one's events end with `done`. */
  next(): Promise<Step>;
  free(): void;
}

export interface Step {
  events: EngineEvent[];
  /** The state after the step. */
  snapshot: Uint8Array;
  /** How long the engine worked. */
  ms: number;
}

/** An event of the engine, with its picture ready to be shown. */
export type EngineEvent =
  | { type: "text"; step: number; t: number; edits: Edit[]; text: string }
  | {
      type: "image";
      step: number;
      t: number;
      index: number;
      at: number;
      bitmap: Bitmap;
      /** The pixels of a finished picture, for the story; `null` for a preview. */
      final: Rgba | null;
    }
  | { type: "step"; step: number; steps: number; t: number }
  | {
      type: "done";
      parts: EnginePart[];
      seed: number;
      stats: { steps: number; rounds: number; tokens: number; images: number };
    };

export type EnginePart =
  { type: "text"; text: string } | { type: "image"; index: number; alt: string };

/** What the engine says about the model in it. */
export interface ModelInfo {
  name: string;
  version: string;
  parameters: number;
  imageSize: { width: number; height: number };
  vocabSize: number;
  weightBytes: number;
  /** What `generate` does where an option is left out. */
  sampling: {
    steps: number;
    temperature: number;
    topP: number;
    textGuidance: number;
    imageGuidance: number;
    maxTokens: number;
    maxImages: number;
  };
}

/** What a host says of itself. */
export interface HostInfo extends ModelInfo {
  device: Device;
  /** What factors of matrix products are rounded to. */
  precision: Precision;
  /** Why it is this device, in a sentence. */
  deviceReason: string;
}

/** What a host needs to load a model. */
export interface OpenRequest {
  source: ModelSource;
  /** What the caller wants to compute on. */
  device: "auto" | Device;
  precision: "auto" | Precision;
  /** The GPU's kernels; `auto` takes the fastest. */
  kernels: "auto" | "tiled" | "direct";
  /** Where the wasm is; `null` is beside the code. */
  wasmUrl: string | null;
  cache: boolean;
}

export interface OpenOptions {
  signal: AbortSignal;
  onProgress: (progress: LoadProgress) => void;
}
