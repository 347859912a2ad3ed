/** What computes: the GPU where there is one that can be trusted, and the CPU otherwise. */

import type { CheckOptions } from "./options.js";

export type Device = "cpu" | "webgpu";

export interface DeviceReason {
  code:
    | "webgpu-missing"
    | "webgpu-no-adapter"
    | "webgpu-software"
    | "webgpu-self-test"
    | "webgpu-failed"
    | "webgpu-found"
    | "webgpu-forced"
    | "cpu-forced";
  message: string;
}

export interface DeviceChoice {
  device: Device;
  reason: DeviceReason;
}

/** The half of WebGPU's interface that is needed to choose; TypeScript's own library has none. */
interface Gpu {
  requestAdapter(options: { powerPreference: "high-performance" }): Promise<Adapter | null>;
}

interface Adapter {
  readonly isFallbackAdapter?: boolean;
  readonly info?: {
    readonly vendor?: string;
    readonly architecture?: string;
    readonly device?: string;
    readonly description?: string;
    readonly isFallbackAdapter?: boolean;
  };
}

/** Adapters that compute on the CPU and may not say so. */
const SOFTWARE = /swiftshader|llvmpipe|lavapipe|softpipe|basic render|warp/i;

/** Why an engine on this thread went back to the CPU, once it did. */
let distrust: DeviceReason | null = null;

/** What `device` comes to on this thread. Nothing is an error: who forces a GPU learns it later. */
export async function chooseDevice(wanted: CheckOptions["device"]): Promise<DeviceChoice> {
  if (wanted === "cpu") {
    return choice("cpu", "cpu-forced", "the CPU was asked for");
  }
  const found = await findAdapter();
  if (wanted === "webgpu") {
    // There has to be an adapter, but it may be any.
    if (found.code === "webgpu-missing" || found.code === "webgpu-no-adapter") {
      return { device: "cpu", reason: found };
    }
    return choice("webgpu", "webgpu-forced", `WebGPU was asked for; ${found.message}`);
  }
  if (found.code === "webgpu-found" && distrust === null) return { device: "webgpu", reason: found };
  return { device: "cpu", reason: distrust ?? found };
}

/** Notes that the GPU is not to be used on this thread, and says so. */
export function distrustGpu(code: "webgpu-self-test" | "webgpu-failed", why: string): DeviceReason {
  const what = code === "webgpu-self-test" ? "did not pass its self-test" : "cannot be used";
  distrust = { code, message: `the GPU ${what} (${why}), so the CPU computes` };
  return distrust;
}

/** Forgets that; for tests, and for whoever changed the driver while the page was open. */
export function trustGpu(): void {
  distrust = null;
}

async function findAdapter(): Promise<DeviceReason> {
  const gpu = (globalThis.navigator as { gpu?: Gpu } | undefined)?.gpu;
  if (typeof gpu?.requestAdapter !== "function") {
    return { code: "webgpu-missing", message: "there is no WebGPU here, so the CPU computes" };
  }
  const adapter = await gpu
    .requestAdapter({ powerPreference: "high-performance" })
    .catch(() => null);
  if (!adapter) {
    return {
      code: "webgpu-no-adapter",
      message: "WebGPU offers no adapter here, so the CPU computes",
    };
  }
  const { info } = adapter;
  const parts = [info?.vendor, info?.architecture, info?.device, info?.description];
  const name = parts.filter((part) => part).join(" ") || "an adapter without a name";
  const fallback = info?.isFallbackAdapter ?? adapter.isFallbackAdapter ?? false;
  if (fallback || SOFTWARE.test(name)) {
    return {
      code: "webgpu-software",
      message: `WebGPU computes in software here (${name}), and the CPU alone is faster`,
    };
  }
  return { code: "webgpu-found", message: `WebGPU is here (${name})` };
}

function choice(device: Device, code: DeviceReason["code"], message: string): DeviceChoice {
  return { device, reason: { code, message } };
}
