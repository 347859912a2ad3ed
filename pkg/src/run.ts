/**
 * One run, in four forms: an async iterable, a promise, a callback and a stream. The loop over the
 * steps is here and nowhere else; each step is pulled from the engine.
 */

import { EventBuffer } from "./buffer.js";
import { OneFlowError } from "./errors.js";
import type { FlowEvent } from "./events.js";
import type { EngineEvent, Host, HostRun, Step } from "./host.js";
import { type Rgba, storyPictureFromRgba } from "./images.js";
import type { RunRequest } from "./options.js";
import type { QueuedRun, RunQueue } from "./queue.js";
import { Story, type StoryPart } from "./story.js";

/** How many complete steps a run may be ahead of its reader. */
const MAX_STEPS_AHEAD = 2;

/** @internal */
export interface RunSetup {
  host: Host;
  queue: RunQueue;
  request: RunRequest;
  signal: AbortSignal | undefined;
  onStep: ((event: FlowEvent) => void) | undefined;
  /** Is told when the run is over, however it ended. */
  onSettled: (run: Run) => void;
}

/**
 * A story that is being made. It begins at once, or when the runs before it are over.
 *
 * While a reader iterates and nobody has asked for `result`, the run waits when it is two steps
 * ahead of the reader. Previews that the reader had no time for are dropped; text and finished
 * pictures never are.
 */
export class Run implements AsyncIterable<FlowEvent, undefined> {
  /** The seed; `undefined` where the run continues a snapshot with the seed that is in it. */
  readonly seed: number | undefined;

  readonly #setup: RunSetup;
  readonly #buffer: EventBuffer;
  readonly #iterator: AsyncIterableIterator<FlowEvent, undefined>;
  readonly #stop = new AbortController();
  readonly #onSignal = () => this.cancel(this.#setup.signal?.reason);
  readonly #pictures = new Map<number, Rgba>();
  readonly #result: Promise<Story>;
  #resolve!: (story: Story) => void;
  #reject!: (reason: unknown) => void;
  #settled = false;
  #paused = false;
  #hasReader = false;
  /** Whether to go on however far behind the reader is. */
  #eager = false;
  #wake: (() => void) | null = null;
  #sawText = false;
  #elapsedMs = 0;
  /** The state after the last step. */
  #snapshot: Uint8Array | null = null;
  /** The state after the last step that the reader took; at first the one before all steps. */
  #readSnapshot: Uint8Array | null = null;

  /** @internal */
  static begin(setup: RunSetup): Run {
    const run = new Run(setup);
    if (setup.signal?.aborted) run.#onSignal();
    else setup.queue.add(run.#queued());
    return run;
  }

  private constructor(setup: RunSetup) {
    const { request, signal, onStep } = setup;
    this.#setup = setup;
    this.seed = request.options.seed;
    if (request.kind === "resume") this.#snapshot = this.#readSnapshot = request.snapshot;
    this.#result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // A run that nobody waits for may fail without an "unhandled rejection".
    this.#result.catch(() => {});
    this.#buffer = new EventBuffer(onStep === undefined, (snapshot) => {
      if (snapshot) this.#readSnapshot = snapshot;
      this.#rouse();
    });
    this.#iterator = {
      next: () => this.#next(),
      return: async () => {
        this.cancel();
        return { done: true, value: undefined };
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
    signal?.addEventListener("abort", this.#onSignal, { once: true });
  }

  /** The finished story; rejects with the reason of an abort, or with a `OneFlowError`. */
  get result(): Promise<Story> {
    this.#eager = true;
    this.#rouse();
    return this.#result;
  }

  /** Whether `pause` was called last. */
  get paused(): boolean {
    return this.#paused;
  }

  /** The events. There is one iterator: leaving a `for await` cancels the run. */
  [Symbol.asyncIterator](): AsyncIterableIterator<FlowEvent, undefined> {
    return this.#iterator;
  }

  /** The events as a stream; cancelling the stream cancels the run. */
  toReadableStream(): ReadableStream<FlowEvent> {
    return new ReadableStream<FlowEvent>(
      {
        pull: async (controller) => {
          const { done, value } = await this.#next();
          if (done) controller.close();
          else controller.enqueue(value);
        },
        cancel: (reason) => this.cancel(reason),
      },
      { highWaterMark: 0 },
    );
  }

  /** Stops after the step in progress, until `resume`. */
  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#rouse();
  }

  /**
   * Ends the run, within one step. `result` and the iterator reject with the reason, which is a
   * `DOMException` named `AbortError` unless another is given.
   */
  cancel(reason?: unknown): void {
    this.#fail(reason ?? new DOMException("the run was cancelled", "AbortError"));
  }

  /**
   * The whole state after the last step that the reader took (without a reader: after the last
   * step), to continue from it with `flow.generate({ from })`.
   */
  snapshot(): Uint8Array {
    const snapshot = this.#hasReader ? this.#readSnapshot : this.#snapshot;
    if (snapshot) return snapshot.slice();
    throw new OneFlowError(
      "busy",
      "the run has not begun, so it has no state: wait for its first event",
    );
  }

  #next(): Promise<IteratorResult<FlowEvent, undefined>> {
    this.#hasReader = true;
    return this.#buffer.next();
  }

  #queued(): QueuedRun {
    return {
      work: () => this.#work(),
      hurry: () => {
        this.#eager = true;
        this.#rouse();
      },
    };
  }

  async #work(): Promise<void> {
    const { host, request } = this.#setup;
    let hostRun: HostRun | null = null;
    try {
      hostRun = await this.#orStop(host.begin(request), (late) => late.free());
      this.#snapshot = this.#readSnapshot = hostRun.snapshot;
      let story: Story | null = null;
      while (!story) {
        await this.#orStop(this.#mayGoOn(), () => {});
        story = this.#take(await this.#orStop(hostRun.next(), closeBitmaps));
      }
      this.#succeed(story);
    } catch (reason) {
      this.#fail(reason);
    } finally {
      hostRun?.free();
    }
  }

  async #mayGoOn(): Promise<void> {
    const isAhead = () =>
      this.#hasReader && !this.#eager && this.#buffer.stepsBehind >= MAX_STEPS_AHEAD;
    while (this.#paused || isAhead()) {
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  #rouse(): void {
    this.#wake?.();
    this.#wake = null;
  }

  /** Hands the events of a step on; the story, if it was the last one. */
  #take({ events, snapshot, ms }: Step): Story | null {
    this.#snapshot = snapshot;
    this.#elapsedMs += ms;
    let story: Story | null = null;
    for (const [at, event] of events.entries()) {
      const shown = this.#shown(event, ms);
      if (shown.type === "done") story = shown.story;
      this.#buffer.push(shown, shown.type === "step" || shown.type === "done" ? snapshot : null);
      this.#setup.onStep?.(shown);
      if (this.#settled) {
        closeBitmaps({ events: events.slice(at + 1) });
        break;
      }
    }
    return story;
  }

  #shown(event: EngineEvent, ms: number): FlowEvent {
    switch (event.type) {
      case "text": {
        // The reader of a continued run has seen nothing yet.
        const isFirst = !this.#sawText && this.#setup.request.kind === "resume";
        this.#sawText = true;
        return isFirst ? { ...event, edits: [{ at: 0, insert: event.text }] } : event;
      }
      case "image": {
        const { final, ...shown } = event;
        if (final) this.#pictures.set(event.index, final);
        return { ...shown, final: final !== null };
      }
      case "step":
        return { ...event, ms };
      case "done": {
        const { type, parts, seed, stats } = event;
        const { request } = this.#setup;
        const prompt = request.kind === "start" ? request.options.prompt : "";
        const story = new Story(
          parts.map((part) => this.#storyPart(part)),
          prompt,
          seed,
        );
        return { type, story, seed, stats: { ...stats, ms: this.#elapsedMs } };
      }
    }
  }

  #storyPart(part: Extract<EngineEvent, { type: "done" }>["parts"][number]): StoryPart {
    if (part.type === "text") return part;
    const picture = this.#pictures.get(part.index);
    if (!picture) {
      throw new OneFlowError("internal", `picture ${part.index} of the story was never finished`);
    }
    const alt = part.alt || `Picture ${part.index + 1} of the story`;
    return { type: "image", image: storyPictureFromRgba(picture), alt };
  }

  /** What `work` gives, unless the run is stopped first; `discard` gets what comes too late. */
  #orStop<T>(work: Promise<T>, discard: (late: T) => void): Promise<T> {
    const { signal } = this.#stop;
    return new Promise((resolve, reject) => {
      const stop = () => {
        reject(signal.reason);
        work.then(discard, () => {});
      };
      if (signal.aborted) return stop();
      signal.addEventListener("abort", stop, { once: true });
      work.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
    });
  }

  #succeed(story: Story): void {
    if (this.#settled) return;
    this.#buffer.finish();
    this.#resolve(story);
    this.#settle();
  }

  #fail(reason: unknown): void {
    if (this.#settled) return;
    this.#buffer.fail(reason);
    this.#reject(reason);
    this.#settle();
    this.#stop.abort(reason);
  }

  #settle(): void {
    this.#settled = true;
    this.#setup.signal?.removeEventListener("abort", this.#onSignal);
    this.#setup.onSettled(this);
  }
}

function closeBitmaps({ events }: { events: EngineEvent[] }): void {
  for (const event of events) if (event.type === "image") event.bitmap.close();
}
