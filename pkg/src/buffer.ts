/**
 * The events between a run and its reader. A preview that the reader has not taken when a newer one
 * of the same picture arrives is dropped: the latest wins. Nothing else is ever dropped.
 */

import type { FlowEvent } from "./events.js";

interface Entry {
  event: FlowEvent;
  /** The state that belongs to the event; only events that end a step have one. */
  snapshot: Uint8Array | null;
}

interface Waiting {
  resolve(result: IteratorResult<FlowEvent, undefined>): void;
  reject(reason: unknown): void;
}

export class EventBuffer {
  readonly #closesBitmaps: boolean;
  readonly #onTake: (snapshot: Uint8Array | null) => void;
  readonly #waiting: Waiting[] = [];
  #entries: Entry[] = [];
  /** Set when nothing more will come; `failed` until one reader has been told. */
  #end: { failed: boolean; reason?: unknown } | null = null;

  /**
   * @param closesBitmaps whether the bitmap of a dropped preview is nobody else's
   * @param onTake is told whenever the reader takes an event
   */
  constructor(closesBitmaps: boolean, onTake: (snapshot: Uint8Array | null) => void) {
    this.#closesBitmaps = closesBitmaps;
    this.#onTake = onTake;
  }

  /** How many complete steps the reader has not taken. */
  get stepsBehind(): number {
    return this.#entries.filter(({ event }) => event.type === "step").length;
  }

  push(event: FlowEvent, snapshot: Uint8Array | null): void {
    const waiting = this.#waiting.shift();
    if (waiting) {
      this.#onTake(snapshot);
      waiting.resolve({ done: false, value: event });
      return;
    }
    if (event.type === "image") this.#dropPreviews(event.index);
    this.#entries.push({ event, snapshot });
  }

  async next(): Promise<IteratorResult<FlowEvent, undefined>> {
    const entry = this.#entries.shift();
    if (entry) {
      this.#onTake(entry.snapshot);
      return { done: false, value: entry.event };
    }
    if (this.#end === null) {
      return await new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
    }
    if (this.#end.failed) {
      this.#end.failed = false;
      throw this.#end.reason;
    }
    return { done: true, value: undefined };
  }

  /** Nothing more will come; what is here can still be taken. */
  finish(): void {
    this.#end ??= { failed: false };
    for (const { resolve } of this.#waiting.splice(0)) resolve({ done: true, value: undefined });
  }

  /** Drops what is here and rejects. */
  fail(reason: unknown): void {
    if (this.#end) return;
    const told = this.#waiting.splice(0);
    this.#end = { failed: told.length === 0, reason };
    for (const { reject } of told) reject(reason);
    for (const { event } of this.#entries) this.#discard(event);
    this.#entries = [];
  }

  #dropPreviews(index: number): void {
    this.#entries = this.#entries.filter(({ event }) => {
      const dropped = event.type === "image" && event.index === index && !event.final;
      if (dropped) this.#discard(event);
      return !dropped;
    });
  }

  #discard(event: FlowEvent): void {
    if (this.#closesBitmaps && event.type === "image") event.bitmap.close();
  }
}
