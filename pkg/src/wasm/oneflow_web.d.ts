/**
 * The engine's side of the boundary, as the crate's `web` module defines it. The JavaScript beside
 * this declaration is generated when the package is built and is not under version control.
 */

export default function init(input: { module_or_path: WebAssembly.Module }): Promise<unknown>;

/** The crate's version and a hash of its sources. */
export function buildId(): string;

/** Reads one model. Its methods throw `Error` objects with a `code`. */
export class Loader {
  constructor(manifest: Uint8Array);
  files(): { name: string; sizeBytes: number; sha256: string }[];
  /** Takes the next bytes of a file, in order. */
  push(name: string, chunk: Uint8Array): void;
  /** Compares size and SHA-256 with the manifest. */
  finishFile(name: string): void;
  /** Makes the engine; the loader is gone afterwards, whether it succeeds or not. */
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
  next(): WasmEvent[];
  snapshot(): Uint8Array;
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
