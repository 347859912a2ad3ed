/** The engine in a worker of its own, as the page sees it. */

import { BUILD_ID } from "./build-id.js";
import { errorFromRecord, OneFlowError } from "./errors.js";
import type { Host, HostInfo, HostRun, OpenOptions, OpenRequest, Step } from "./host.js";
import type { LoadProgress, RunRequest } from "./options.js";
import { type FromWorker, post, type ToWorker } from "./protocol.js";

export async function openRemote(
  request: OpenRequest,
  workerUrl: string | null,
  { signal, onProgress }: OpenOptions,
): Promise<Host> {
  signal.throwIfAborted();
  const link = new Link(startWorker(workerUrl), onProgress);
  const abort = () => link.end(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  try {
    const { info } = await link.ask("loaded", (id) => ({
      type: "load",
      id,
      buildId: BUILD_ID,
      request,
    }));
    return new RemoteHost(link, info);
  } catch (thrown) {
    link.end(thrown);
    throw thrown;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

class RemoteHost implements Host {
  readonly info: HostInfo;
  readonly #link: Link;
  #lastRun = 0;

  constructor(link: Link, info: HostInfo) {
    this.#link = link;
    this.info = info;
  }

  async begin(request: RunRequest): Promise<HostRun> {
    const run = ++this.#lastRun;
    const { snapshot } = await this.#link.ask("begun", (id) => ({
      type: "begin",
      id,
      run,
      request,
    }));
    return {
      snapshot,
      next: async (): Promise<Step> =>
        (await this.#link.ask("stepped", (id) => ({ type: "next", id, run }))).step,
      free: () => this.#link.tell({ type: "free", run }),
    };
  }

  close(): void {
    this.#link.end(new OneFlowError("closed", "the model was closed"));
  }
}

type Answer = Exclude<FromWorker, { type: "progress" | "failed" }>;

interface Waiting {
  resolve(answer: Answer): void;
  reject(reason: unknown): void;
}

/** Pairs answers with requests by their ids, until the worker ends. */
class Link {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;
  /** Why there will be no more answers. */
  #ended: { reason: unknown } | null = null;

  constructor(worker: Worker, onProgress: (progress: LoadProgress) => void) {
    this.#worker = worker;
    worker.addEventListener("message", (event: MessageEvent) => {
      const message = event.data as FromWorker;
      if (message.type === "progress") this.#report(onProgress, message.progress);
      else this.#settle(message);
    });
    worker.addEventListener("error", (event: ErrorEvent) => {
      event.preventDefault();
      this.end(workerError(event));
    });
    worker.addEventListener("messageerror", () => {
      this.end(new OneFlowError("internal", "a message from the worker could not be read"));
    });
  }

  ask<T extends Answer["type"]>(
    _expected: T,
    request: (id: number) => ToWorker,
  ): Promise<Extract<Answer, { type: T }>> {
    return new Promise((resolve, reject) => {
      if (this.#ended) return reject(this.#ended.reason);
      const id = ++this.#lastId;
      // The worker answers a request with the answer that belongs to it.
      this.#waiting.set(id, { resolve: resolve as Waiting["resolve"], reject });
      post(this.#worker, request(id));
    });
  }

  tell(message: ToWorker): void {
    if (!this.#ended) post(this.#worker, message);
  }

  /** Ends the worker; whoever waits for it is told why. */
  end(reason: unknown): void {
    if (this.#ended) return;
    this.#ended = { reason };
    this.#worker.terminate();
    for (const { reject } of this.#waiting.values()) reject(reason);
    this.#waiting.clear();
  }

  #settle(message: Answer | Extract<FromWorker, { type: "failed" }>): void {
    const waiting = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    if (message.type === "failed") waiting?.reject(errorFromRecord(message.error));
    else waiting?.resolve(message);
  }

  #report(onProgress: (progress: LoadProgress) => void, progress: LoadProgress): void {
    if (this.#ended) return;
    try {
      onProgress(progress);
    } catch (thrown) {
      this.end(thrown);
    }
  }
}

function startWorker(workerUrl: string | null): Worker {
  try {
    // Bundlers look for exactly this form.
    return workerUrl === null
      ? new Worker(new URL("./worker.js", import.meta.url), { type: "module" })
      : new Worker(workerUrl, { type: "module" });
  } catch (cause) {
    throw new OneFlowError(
      "unsupported",
      `the worker cannot be started (${(cause as Error).message}): serve worker.js from the ` +
        "page's own origin, or load with `worker: false`",
      { cause },
    );
  }
}

function workerError(event: ErrorEvent): OneFlowError {
  if (event.message) return new OneFlowError("internal", `the worker stopped: ${event.message}`);
  return new OneFlowError(
    "network",
    "the worker's script did not load: check that worker.js and the files beside it are served " +
      "as JavaScript, that the Content-Security-Policy has worker-src 'self', or load with " +
      "`worker: false`",
  );
}
