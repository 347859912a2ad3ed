/**
 * What the page and the worker say to each other. Every request but `free` has an id, and gets
 * exactly one answer with it (`loaded`, `begun`, `stepped` or `failed`); `progress` comes before
 * `loaded`. To close or to abort a load, the page ends the worker.
 *
 * Handed over instead of copied: snapshots, bitmaps and the pixels of finished pictures, all from
 * the worker to the page.
 */

import type { ErrorRecord } from "./errors.js";
import type { HostInfo, OpenRequest, Step } from "./host.js";
import type { LoadProgress, RunRequest } from "./options.js";

export type ToWorker =
  | { type: "load"; id: number; buildId: string; request: OpenRequest }
  | { type: "begin"; id: number; run: number; request: RunRequest }
  | { type: "next"; id: number; run: number }
  | { type: "free"; run: number };

export type FromWorker =
  | { type: "progress"; id: number; progress: LoadProgress }
  | { type: "loaded"; id: number; info: HostInfo }
  | { type: "begun"; id: number; snapshot: Uint8Array }
  | { type: "stepped"; id: number; step: Step }
  | { type: "failed"; id: number; error: ErrorRecord };

/** The half of a worker or of a message port that is needed here. */
export interface Port {
  postMessage(message: unknown, transfer: Transferable[]): void;
  addEventListener(type: "message", listener: (event: MessageEvent) => void): void;
}

export function post(port: Port, message: ToWorker | FromWorker): void {
  port.postMessage(message, transfersOf(message));
}

function transfersOf(message: ToWorker | FromWorker): Transferable[] {
  if (message.type === "begun") return [message.snapshot.buffer as ArrayBuffer];
  if (message.type !== "stepped") return [];
  const { events, snapshot } = message.step;
  const transfers: Transferable[] = [snapshot.buffer as ArrayBuffer];
  for (const event of events) {
    if (event.type !== "image") continue;
    if (!("data" in event.bitmap)) transfers.push(event.bitmap);
    if (event.final) transfers.push(event.final.rgba.buffer);
  }
  return transfers;
}
