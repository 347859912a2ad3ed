/**
 * The bar above the story: how far it is, and what can be done now.
 *
 * The line changes at every step and is therefore not live; what a screen reader should say aloud
 * goes through `announce`, which speaks at the beginning, at the end, and when something is asked.
 */

const ACTIONS = ["pause", "stop", "continue", "again", "copy", "save"];

const PHASES = {
  download: "Fetching the model",
  verify: "Checking the model",
  upload: "Moving the model to the device",
  compile: "Preparing the model",
};

export class Bar {
  #root = document.getElementById("bar");
  #line = document.getElementById("line");
  #progress = document.getElementById("progress");
  #announcer = document.getElementById("announcer");
  #buttons = Object.fromEntries(ACTIONS.map((id) => [id, document.getElementById(id)]));

  get element() {
    return this.#root;
  }

  on(action, listener) {
    this.#buttons[action].addEventListener("click", listener);
  }

  /** Sets the line and the buttons for a state of the page. */
  show(state, { step, secs, device, canContinue, hasText }) {
    const visible = new Set(
      {
        writing: ["pause", "stop"],
        paused: ["pause", "stop"],
        stopped: [canContinue && "continue", "again", hasText && "copy"],
        done: ["again", "copy", "save"],
      }[state] ?? [],
    );
    const focused = document.activeElement;
    this.#buttons.pause.textContent = state === "paused" ? "Resume" : "Pause";
    for (const [action, button] of Object.entries(this.#buttons))
      button.hidden = !visible.has(action);
    this.#root.hidden = state === "error";
    if (this.#root.contains(focused) && focused.hidden) this.#firstButton()?.focus();

    if (state === "checking") this.#set("Looking at this browser", null);
    if (state === "loading") this.#set("Fetching the model", null);
    if (state === "ready") this.#set(`Ready to write, on this device’s ${device}.`, 0);
    if (state === "writing" && step === null) this.#set("Writing", null);
    if (state === "writing" && step !== null) this.writing(step, secs, device);
    if (state === "paused")
      this.#line.textContent = step ? `Paused at ${stepPhrase(step)}` : "Paused";
    if (state === "stopped")
      this.#line.textContent = step ? `Stopped at ${stepPhrase(step)}` : "Stopped";
  }

  loading({ phase, loadedBytes, totalBytes }) {
    const megabytes = (bytes) => (bytes / 1e6).toFixed(1);
    const sizes =
      phase === "download" && totalBytes > 0
        ? `: ${megabytes(loadedBytes)} of ${megabytes(totalBytes)} MB`
        : "";
    const done = phase === "download" && totalBytes > 0 ? loadedBytes / totalBytes : null;
    this.#set(`${PHASES[phase] ?? "Loading"}${sizes}`, done);
  }

  writing(step, secs, device) {
    this.#set(
      `${capital(stepPhrase(step))} · ${seconds(secs)} · ${device}`,
      step.step / step.steps,
    );
  }

  finished({ words, pictures, steps, secs, device }) {
    const what = [count(words, "word"), pictures > 0 && count(pictures, "picture")].filter(Boolean);
    this.#set(`${what.join(", ")} · ${steps} steps · ${seconds(secs)} · ${device}`, 1);
    this.announce(`The story is finished: ${what.join(" and ")}.`);
  }

  /** An answer to a click, for everybody. */
  tell(sentence) {
    this.#line.textContent = sentence;
    this.announce(sentence);
  }

  /** For screen readers only. */
  announce(sentence) {
    this.#announcer.textContent = sentence;
  }

  /** `done` from 0 to 1; `null` where it is not known. */
  #set(text, done) {
    this.#line.textContent = text;
    if (done === null) this.#progress.removeAttribute("value");
    else this.#progress.value = done;
  }

  #firstButton() {
    return Object.values(this.#buttons).find((button) => !button.hidden);
  }
}

/** After the planned steps come rounds that complete text and pictures, as many as it takes. */
function stepPhrase({ step, steps }) {
  return step <= steps ? `step ${step} of ${steps}` : `step ${step}, finishing touches`;
}

function seconds(secs) {
  return `${secs.toFixed(1)}\u00a0s`;
}

function count(n, noun) {
  return `${n} ${noun}${n === 1 ? "" : "s"}`;
}

function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
