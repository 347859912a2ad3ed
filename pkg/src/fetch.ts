/**
 * Bytes from an address, in chunks, with every way to fail told apart. `http:` goes through
 * `fetch`, `file:` through the file system, and `data:` (which some bundlers make of small files)
 * is decoded here, because a strict `connect-src` refuses it.
 */

import { OneFlowError } from "./errors.js";
import { readFileChunks } from "./node.js";

export async function* readChunks(
  url: string,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  if (url.startsWith("file:")) return yield* readFileChunks(url, signal);
  if (url.startsWith("data:")) return yield bytesFromDataUrl(url);
  const response = await request(url, signal);
  const reader = response.body?.getReader();
  if (!reader) return;
  let complete = false;
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((cause: unknown) => {
        throw transportError(url, "stopped in the middle of", cause, signal);
      });
      if (done) break;
      yield value;
    }
    complete = true;
  } finally {
    // Whoever stops reading early has no use for the rest of the download.
    if (!complete) await reader.cancel().catch(() => {});
  }
}

/** All the bytes; `null` where there are more than `maxBytes`. */
export async function readWhole(
  url: string,
  maxBytes: number,
  signal: AbortSignal,
): Promise<Uint8Array<ArrayBuffer> | null> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of readChunks(url, signal)) {
    size += chunk.length;
    if (size > maxBytes) return null;
    chunks.push(chunk);
  }
  const whole = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

/** A successful response; anything else throws. */
export async function request(url: string, signal: AbortSignal): Promise<Response> {
  signal.throwIfAborted();
  const response = await fetch(url, { signal }).catch((cause: unknown) => {
    throw transportError(url, "did not answer with", cause, signal);
  });
  const { ok, status } = response;
  if (ok) return response;
  await response.body?.cancel().catch(() => {});
  if (status === 404 || status === 410) {
    throw new OneFlowError(
      "model-not-found",
      `nothing is at ${url} (${status}): check the address, and that the server has the file`,
    );
  }
  throw new OneFlowError("network", `the server answered ${status} for ${url}`, {
    retryable: status === 408 || status === 429 || status >= 500,
  });
}

function transportError(
  url: string,
  what: string,
  cause: unknown,
  signal: AbortSignal,
): OneFlowError {
  signal.throwIfAborted();
  return new OneFlowError(
    "network",
    `the server ${what} ${url}: check the connection (and, for another origin, its CORS headers) ` +
      "and try again",
    { cause },
  );
}

function bytesFromDataUrl(url: string): Uint8Array<ArrayBuffer> {
  const comma = url.indexOf(",");
  const body = url.slice(comma + 1);
  if (!url.slice(0, comma).endsWith(";base64")) {
    return new TextEncoder().encode(decodeURIComponent(body));
  }
  return Uint8Array.from(atob(body), (letter) => letter.charCodeAt(0));
}
