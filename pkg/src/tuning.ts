/**
 * Which kernels were the fastest on an adapter, kept in the browser's Cache API so that the next
 * load need not time them again. An entry is named by adapter, precision, browser and build: a new
 * one of any of them is timed anew. Where there is no Cache API or it fails (a private window, no
 * room), and for adapters that do not say who they are, every load times them.
 */

import { BUILD_ID } from "./build-id.js";
import type { Precision } from "./device.js";

const CACHE_NAME = "oneflow-web/kernels/1";

/** No address that could be fetched. */
const KEY_URL = "https://oneflow-web.invalid/kernels";

/** What the engine calls its choices. */
const CHOICE = /^(tiled|direct)\/(tiled|direct)$/;

export interface TunedDevice {
  /** Vendor, architecture, device and description, as far as they are told. */
  adapter: string;
  precision: Precision;
}

/** The kernels that were chosen for this device, if that is known. */
export async function readKernels(device: TunedDevice): Promise<string | undefined> {
  try {
    const cache = await openCache(device);
    const kept = await (await cache?.match(keyFrom(device)))?.text();
    return kept !== undefined && CHOICE.test(kept) ? kept : undefined;
  } catch {
    return undefined;
  }
}

/** Keeps a choice, and forgets those of other builds. */
export async function writeKernels(device: TunedDevice, kernels: string): Promise<void> {
  try {
    const cache = await openCache(device);
    if (!cache) return;
    const build = `build=${encodeURIComponent(BUILD_ID)}`;
    const old = (await cache.keys()).filter(({ url }) => !url.includes(build));
    await Promise.all(old.map((key) => cache.delete(key)));
    await cache.put(keyFrom(device), new Response(kernels));
  } catch {
    // They will be timed again.
  }
}

async function openCache({ adapter }: TunedDevice): Promise<Cache | null> {
  if (typeof caches === "undefined" || adapter === "") return null;
  return await caches.open(CACHE_NAME);
}

function keyFrom({ adapter, precision }: TunedDevice): string {
  const agent = (globalThis.navigator as { userAgent?: string } | undefined)?.userAgent ?? "";
  const parts = Object.entries({ build: BUILD_ID, adapter, precision, agent });
  return `${KEY_URL}?${parts.map((part) => part.map(encodeURIComponent).join("=")).join("&")}`;
}
