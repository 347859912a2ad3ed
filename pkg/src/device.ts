/** What computes: the GPU where there is one that can be trusted, and the CPU otherwise. */

import type { CheckOptions } from "./options.js";

export type Device = "cpu" | "webgpu";

/** What factors of matrix products are rounded to. */
export type Precision = "f32" | "f16";

export interface DeviceReason {
  code:
    | "webgpu-missing"
    | "webgpu-no-adapter"
    | "webgpu-software"
    | "webgpu-self-test"
    | "webgpu-failed"
    | "webgpu-found"
    | "webgpu-forced"
    | "cpu-forced"
    | "f16-missing";
  message: string;
}

export interface DeviceChoice {
  device: Device;
  precision: Precision;
  /** What the adapter calls itself; empty on the CPU, and where it does not say. */
  adapter: string;
  reason: DeviceReason;
  /** What was asked for and is not here, if anything. */
  missing: DeviceReason | null;
}

/** The half of WebGPU's interface that is needed to choose; TypeScript's own library has none. */
interface Gpu {
  requestAdapter(options: { powerPreference: "high-performance" }): Promise<Adapter | null>;
}

interface Adapter {
  readonly features?: { has(name: string): boolean };
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

/** What the options come to on this thread. Nothing is an error here. */
export async function chooseDevice({
  device: wanted,
  precision,
}: Pick<CheckOptions, "device" | "precision">): Promise<DeviceChoice> {
  if (wanted === "cpu") {
    return cpu({ code: "cpu-forced", message: "the CPU was asked for" });
  }
  const { reason: found, adapter, hasF16 } = await findAdapter();
  let reason = found;
  if (wanted === "webgpu") {
    // There has to be an adapter, but it may be any.
    if (found.code === "webgpu-missing" || found.code === "webgpu-no-adapter") {
      return { ...cpu(found), missing: found };
    }
    reason = { code: "webgpu-forced", message: `WebGPU was asked for; ${found.message}` };
  } else if (found.code !== "webgpu-found" || distrust !== null) {
    const choice = cpu(distrust ?? found);
    if (precision !== "f16") return choice;
    return { ...choice, missing: noF16(`needs a GPU: ${choice.reason.message}`) };
  }
  if (precision === "f16" && !hasF16) {
    const missing = noF16("needs `shader-f16`, which the adapter lacks");
    return { device: "webgpu", precision: "f32", adapter, reason, missing };
  }
  // `auto` is f32: it tells the CPU's stories, and on no real GPU has f16 been measured.
  const chosen = precision === "f16" ? "f16" : "f32";
  return { device: "webgpu", precision: chosen, adapter, reason, missing: null };
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

interface Found {
  reason: DeviceReason;
  adapter: string;
  hasF16: boolean;
}

async function findAdapter(): Promise<Found> {
  const gpu = (globalThis.navigator as { gpu?: Gpu } | undefined)?.gpu;
  if (typeof gpu?.requestAdapter !== "function") {
    return without("webgpu-missing", "there is no WebGPU here, so the CPU computes");
  }
  const found = await gpu
    .requestAdapter({ powerPreference: "high-performance" })
    .catch(() => null);
  if (!found) {
    return without("webgpu-no-adapter", "WebGPU offers no adapter here, so the CPU computes");
  }
  const { info } = found;
  const parts = [info?.vendor, info?.architecture, info?.device, info?.description];
  const adapter = parts.filter((part) => part).join(" ");
  const name = adapter || "an adapter without a name";
  const hasF16 = found.features?.has("shader-f16") ?? false;
  const fallback = info?.isFallbackAdapter ?? found.isFallbackAdapter ?? false;
  if (fallback || SOFTWARE.test(name)) {
    const message = `WebGPU computes in software here (${name}), and the CPU alone is faster`;
    return { reason: { code: "webgpu-software", message }, adapter, hasF16 };
  }
  return { reason: { code: "webgpu-found", message: `WebGPU is here (${name})` }, adapter, hasF16 };
}

function without(code: DeviceReason["code"], message: string): Found {
  return { reason: { code, message }, adapter: "", hasF16: false };
}

function cpu(reason: DeviceReason): DeviceChoice {
  return { device: "cpu", precision: "f32", adapter: "", reason, missing: null };
}

function noF16(why: string): DeviceReason {
  return { code: "f16-missing", message: `\`precision: "f16"\` ${why}` };
}
