/** The worker's side: does what the page asks for, one message at a time. */

import { BUILD_ID } from "./build-id.js";
import { openDirect } from "./direct.js";
import { OneFlowError, recordFromError } from "./errors.js";
import type { Host, HostRun } from "./host.js";
import { type FromWorker, type Port, post, type ToWorker } from "./protocol.js";

export function serve(port: Port): void {
  const service = new Service(port);
  port.addEventListener("message", ({ data }) => void service.handle(data as ToWorker));
}

class Service {
  readonly #port: Port;
  readonly #runs = new Map<number, HostRun>();
  #host: Host | null = null;

  constructor(port: Port) {
    this.#port = port;
  }

  async handle(message: ToWorker): Promise<void> {
    if (message.type === "free") {
      this.#runs.get(message.run)?.free();
      this.#runs.delete(message.run);
      return;
    }
    try {
      post(this.#port, await this.#answer(message));
    } catch (thrown) {
      post(this.#port, { type: "failed", id: message.id, error: recordFromError(thrown) });
    }
  }

  async #answer(message: Exclude<ToWorker, { type: "free" }>): Promise<FromWorker> {
    const { id } = message;
    switch (message.type) {
      case "load": {
        expectSamePage(message.buildId);
        this.#host = await openDirect(message.request, {
          signal: new AbortController().signal,
          onProgress: (progress) => post(this.#port, { type: "progress", id, progress }),
        });
        return { type: "loaded", id, info: this.#host.info };
      }
      case "begin": {
        if (!this.#host) throw new OneFlowError("internal", "a run was begun before the load");
        const run = await this.#host.begin(message.request);
        this.#runs.set(message.run, run);
        return { type: "begun", id, snapshot: run.snapshot };
      }
      case "next": {
        const run = this.#runs.get(message.run);
        if (!run) throw new OneFlowError("closed", "the run was freed");
        return { type: "stepped", id, step: await run.next() };
      }
    }
  }
}

function expectSamePage(found: string): void {
  if (found === BUILD_ID) return;
  throw new OneFlowError(
    "version-mismatch",
    `the worker is of build ${BUILD_ID} and the page of build ${found}: serve all files of one ` +
      "version, and empty the cache of the browser or the CDN",
  );
}
