/** Runs on one model take turns. */

export interface QueuedRun {
  /** Works until the run is over; never rejects. */
  work(): Promise<void>;
  /** Somebody waits: do not wait for a slow reader any more. */
  hurry(): void;
}

export class RunQueue {
  readonly #waiting: QueuedRun[] = [];
  #current: QueuedRun | null = null;

  /** Whether a run would have to wait. */
  get isBusy(): boolean {
    return this.#current !== null;
  }

  add(run: QueuedRun): void {
    this.#waiting.push(run);
    if (this.#current) this.#current.hurry();
    else void this.#workAll();
  }

  async #workAll(): Promise<void> {
    for (let run = this.#waiting.shift(); run; run = this.#waiting.shift()) {
      this.#current = run;
      if (this.#waiting.length > 0) run.hurry();
      await run.work();
    }
    this.#current = null;
  }
}
