/** Counts the seconds of writing, without the pauses. */
export class Stopwatch {
  #before = 0;
  #since = null;

  get secs() {
    const running = this.#since === null ? 0 : performance.now() - this.#since;
    return (this.#before + running) / 1000;
  }

  reset() {
    this.#before = 0;
    this.#since = null;
  }

  start() {
    this.#since ??= performance.now();
  }

  stop() {
    this.#before = this.secs * 1000;
    this.#since = null;
  }
}
