/** The model, as a program sees it. */

import { BUILD_ID } from "./build-id.js";
import { checkModel, expectSupported, type Fit } from "./check.js";
import { openDirect } from "./direct.js";
import { OneFlowError } from "./errors.js";
import type { Host, HostInfo, OpenOptions, OpenRequest } from "./host.js";
import { absoluteUrl, modelSourceFromOption } from "./model.js";
import {
  type CheckOptions,
  type GenerateOptions,
  type LoadOptions,
  runRequestFromOptions,
  validateCheckOptions,
  validateLoadOptions,
} from "./options.js";
import { RunQueue } from "./queue.js";
import { openRemote } from "./remote.js";
import { Run } from "./run.js";

/** What is loaded, and where it runs. */
export interface FlowInfo extends HostInfo {
  /** Whether the engine runs in a worker. */
  worker: boolean;
  /** The build of package and wasm, which a report of an error should name. */
  buildId: string;
}

export class OneFlow {
  /** What is loaded, and where it runs. */
  readonly info: Readonly<FlowInfo>;

  readonly #host: Host;
  readonly #queue = new RunQueue();
  readonly #runs = new Set<Run>();
  #closed = false;

  private constructor(host: Host, worker: boolean) {
    this.#host = host;
    this.info = Object.freeze({ ...host.info, worker, buildId: BUILD_ID });
  }

  /**
   * Says whether a model will run here and how much has to be downloaded. Fetches the manifest and
   * nothing else. A missing feature is an answer, not an error; a model that is not there rejects.
   */
  static async check(options: CheckOptions = {}): Promise<Fit> {
    validateCheckOptions(options);
    const signal = options.signal ?? new AbortController().signal;
    return await checkModel(modelSourceFromOption(options.model), options, signal);
  }

  /**
   * Loads a model and verifies every byte of it. Once this has resolved, there are no more network
   * requests.
   */
  static async load(options: LoadOptions = {}): Promise<OneFlow> {
    validateLoadOptions(options);
    options.signal?.throwIfAborted();
    expectSupported();
    const { wasmUrl, workerUrl, onProgress = () => {} } = options;
    const request: OpenRequest = {
      source: modelSourceFromOption(options.model),
      device: options.device ?? "auto",
      precision: options.precision ?? "auto",
      kernels: options.kernels ?? "auto",
      wasmUrl: wasmUrl === undefined ? null : absoluteUrl("wasmUrl", wasmUrl).href,
      cache: options.cache ?? true,
    };
    const open: OpenOptions = {
      signal: options.signal ?? new AbortController().signal,
      onProgress,
    };
    if ((options.worker ?? true) && typeof Worker !== "undefined") {
      const url = workerUrl === undefined ? null : absoluteUrl("workerUrl", workerUrl).href;
      return new OneFlow(await openRemote(request, url, open), true);
    }
    return new OneFlow(await openDirect(request, open), false);
  }

  /**
   * Begins a story. Options that do not fit throw here and now; whatever happens later rejects
   * `result` and the iterator of the run.
   */
  generate(options: GenerateOptions = {}): Run {
    if (this.#closed) {
      throw new OneFlowError("closed", "the model was closed: load it again");
    }
    const request = runRequestFromOptions(options);
    if (options.queue === false && this.#queue.isBusy) {
      throw new OneFlowError(
        "busy",
        "another run is in progress: await its result, cancel it, or leave `queue` out",
      );
    }
    const { signal, onStep } = options;
    const run = Run.begin({
      host: this.#host,
      queue: this.#queue,
      request,
      signal,
      onStep,
      onSettled: (settled) => this.#runs.delete(settled),
    });
    if (!signal?.aborted) this.#runs.add(run);
    return run;
  }

  /** Cancels the runs and frees the model and its worker, at once. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const run of this.#runs) {
      run.cancel(new DOMException("the model was closed", "AbortError"));
    }
    this.#host.close();
  }

  /** `await using flow = await OneFlow.load()` closes the model at the end of the block. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }
}
