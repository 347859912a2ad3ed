/** Whether it will run here, and what it will cost, before any byte of a model moves. */

import { cachedBytes } from "./cache.js";
import { chooseDevice, type Device, type DeviceReason, type Precision } from "./device.js";
import { OneFlowError } from "./errors.js";
import { type Manifest, readManifest } from "./manifest.js";
import { fileUrl, type ModelSource, totalBytes } from "./model.js";
import type { CheckOptions } from "./options.js";

/** What `OneFlow.check` found. */
export interface Fit {
  /**
   * `ready`: nothing has to be downloaded. `downloadable`: it will run after a download.
   * `unsupported`: it will not run; `reasons` says why.
   */
  status: "ready" | "downloadable" | "unsupported";
  /** What will compute. */
  device: Device;
  /** What factors of matrix products will be rounded to. */
  precision: Precision;
  /** Bytes of model files that are still to come. */
  downloadBytes: number;
  /** Bytes of model files in the Cache API. The browser's own HTTP cache cannot be asked. */
  cachedBytes: number;
  /**
   * Memory of the GPU that the weights will take, about; 0 on the CPU. What a run needs beside them
   * is small.
   */
  gpuBytes: number;
  /** Why the device is this one, and what stands in the way. */
  reasons: Reason[];
}

export interface Reason {
  code: DeviceReason["code"] | "wasm-missing" | "wasm-simd-missing" | "worker-missing";
  message: string;
}

/** A module whose only function returns the first lane of `i32x4.splat(0)`: valid with SIMD only. */
const SIMD_MODULE = Uint8Array.of(
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
  ...[0x01, 0x05, 0x01, 0x60, 0x00, 0x01, 0x7f], // type: () -> i32
  ...[0x03, 0x02, 0x01, 0x00], // one function of that type
  ...[0x0a, 0x0b, 0x01, 0x09, 0x00, 0x41, 0x00, 0xfd, 0x11, 0xfd, 0x1b, 0x00, 0x0b],
);

export async function checkModel(
  source: ModelSource,
  wanted: Pick<CheckOptions, "device" | "precision">,
  signal: AbortSignal,
): Promise<Fit> {
  signal.throwIfAborted();
  const choice = await chooseDevice(wanted);
  const missing = findObstacles();
  if (choice.missing) missing.push(choice.missing);
  const fit: Fit = {
    status: "unsupported",
    device: choice.device,
    precision: choice.precision,
    downloadBytes: 0,
    cachedBytes: 0,
    gpuBytes: 0,
    reasons: [...new Set([...missing, choice.reason, ...findNotes()])],
  };
  if (missing.length > 0) return fit;
  const { manifest } = await readManifest(source, signal);
  const isLocal = source.manifestUrl.startsWith("file:");
  if (!source.packaged && !isLocal) {
    const sizes = manifest.files.map((file) => cachedBytes(fileUrl(source, file.name), file));
    fit.cachedBytes = (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
  }
  if (choice.device === "webgpu") fit.gpuBytes = gpuBytes(manifest);
  fit.downloadBytes = isLocal ? 0 : totalBytes(manifest) - fit.cachedBytes;
  fit.status = fit.downloadBytes === 0 ? "ready" : "downloadable";
  return fit;
}

/** Throws `unsupported` where the engine cannot run. */
export function expectSupported(): void {
  const missing = findObstacles();
  if (missing.length === 0) return;
  throw new OneFlowError("unsupported", missing.map(({ message }) => message).join("; "));
}

/** Weights stay on the GPU as they are stored; the codec's are in the file and not on the GPU. */
function gpuBytes(manifest: Manifest): number {
  const weights = manifest.files.filter(({ name }) => name.endsWith(".safetensors"));
  return weights.reduce((sum, file) => sum + file.sizeBytes, 0);
}

function findObstacles(): Reason[] {
  const reasons: Reason[] = [];
  if (typeof WebAssembly !== "object") {
    reasons.push({
      code: "wasm-missing",
      message: "there is no WebAssembly here: update the browser, or leave its lockdown mode",
    });
  } else if (!WebAssembly.validate(SIMD_MODULE)) {
    reasons.push({
      code: "wasm-simd-missing",
      message: "WebAssembly has no SIMD here: update the browser",
    });
  }
  return reasons;
}

function findNotes(): Reason[] {
  if (typeof Worker !== "undefined") return [];
  return [
    {
      code: "worker-missing",
      message: "there are no web workers here: the engine runs on the calling thread",
    },
  ];
}
