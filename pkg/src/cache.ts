/**
 * Verified files of models from elsewhere, kept in the browser's Cache API. An entry is named by
 * the file's address and its SHA-256, so that a new version never meets an old one; an entry that
 * has changed on the disk is dropped when it is read. Where there is no Cache API (Node, pages
 * without https) and where it fails (no room), everything works as if nothing had been kept.
 */

import type { ManifestFile } from "./manifest.js";

const CACHE_NAME = "oneflow-web/1";

/** The bytes of a file, if they are here and unchanged. */
export async function readCached(
  url: string,
  file: ManifestFile,
): Promise<Uint8Array<ArrayBuffer> | null> {
  try {
    const cache = await openCache(url);
    const response = await cache?.match(keyFrom(url, file));
    if (!cache || !response) return null;
    const bytes = new Uint8Array(await response.arrayBuffer());
    if (bytes.length === file.sizeBytes && (await sha256(bytes)) === file.sha256) return bytes;
    await cache.delete(keyFrom(url, file));
    return null;
  } catch {
    return null;
  }
}

/** Keeps the bytes of a verified file. */
export async function writeCached(
  url: string,
  file: ManifestFile,
  chunks: Uint8Array<ArrayBuffer>[],
): Promise<void> {
  try {
    const cache = await openCache(url);
    const headers = { "content-length": String(file.sizeBytes) };
    await cache?.put(keyFrom(url, file), new Response(new Blob(chunks), { headers }));
  } catch {
    // No room, or no permission: the file will be fetched again next time.
  }
}

/** How many bytes of a file are here; they are verified when they are read. */
export async function cachedBytes(url: string, file: ManifestFile): Promise<number> {
  try {
    const cache = await openCache(url);
    return (await cache?.match(keyFrom(url, file))) ? file.sizeBytes : 0;
  } catch {
    return 0;
  }
}

/** Whether files of this address can be kept. */
export function canCache(url: string): boolean {
  return typeof caches !== "undefined" && /^https?:/.test(url);
}

async function openCache(url: string): Promise<Cache | null> {
  return canCache(url) ? await caches.open(CACHE_NAME) : null;
}

function keyFrom(url: string, { sha256 }: ManifestFile): string {
  const key = new URL(url);
  key.search = `?sha256=${sha256}`;
  key.hash = "";
  return key.href;
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
