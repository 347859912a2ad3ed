/** The form: the line, its examples, the seed and the advanced settings. */

import { EXAMPLES, randomPrompt } from "./examples.js";

export class Composer {
  /** Called when a story is asked for. */
  onWrite = () => {};

  #form = document.getElementById("composer");
  #prompt = document.getElementById("prompt");
  #seed = document.getElementById("seed");
  #steps = new Slider("steps");
  #temperature = new Slider("temperature");

  constructor() {
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      // On a phone the keyboard would cover the story.
      if (matchMedia("(pointer: coarse)").matches) this.#prompt.blur();
      this.onWrite();
    });
    this.#prompt.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#form.requestSubmit();
    });
    document.getElementById("new-seed").addEventListener("click", () => this.newSeed());
    this.#addExamples(document.getElementById("examples"));
    // Before anybody listens, a click would only load the page again.
    document.getElementById("write").disabled = false;
  }

  get prompt() {
    return this.#prompt.value.trim();
  }

  /** The options for `generate`; what nobody touched is left to the model. */
  options() {
    const { value: seed } = this.#seed;
    return {
      prompt: this.prompt,
      seed: /^\s*\d+\s*$/.test(seed) ? Number(seed) : NaN,
      steps: this.#steps.chosen,
      temperature: this.#temperature.chosen,
    };
  }

  /** Shows what the model suggests. */
  suggest(sampling) {
    if (!sampling) return;
    this.#steps.suggest(sampling.steps);
    this.#temperature.suggest(sampling.temperature);
  }

  newSeed() {
    this.#seed.value = String(crypto.getRandomValues(new Uint32Array(1))[0] % 1_000_000);
  }

  /** Back to what the model suggests, with a seed that is one. */
  reset() {
    if (!Number.isSafeInteger(this.options().seed)) this.newSeed();
    this.#steps.reset();
    this.#temperature.reset();
  }

  focusPrompt() {
    this.#prompt.focus();
  }

  #addExamples(root) {
    for (const { label, prompt } of EXAMPLES) this.#addExample(root, label, () => prompt);
    this.#addExample(root, "Surprise me", randomPrompt);
  }

  #addExample(root, label, prompt) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "chip";
    button.textContent = label;
    button.addEventListener("click", () => {
      this.#prompt.value = prompt();
      this.#form.requestSubmit();
    });
    root.append(button);
  }
}

/** A range with its value beside it; it counts as chosen only once somebody moves it. */
class Slider {
  #input;
  #output;
  #suggested;
  #touched = false;

  constructor(id) {
    this.#input = document.getElementById(id);
    this.#output = document.getElementById(`${id}-value`);
    this.#suggested = this.#input.valueAsNumber;
    this.reset(); // Browsers keep what a form held before a reload.
    this.#input.addEventListener("input", () => {
      this.#touched = true;
      this.#output.textContent = this.#input.value;
    });
  }

  /** `undefined` where nobody chose. */
  get chosen() {
    return this.#touched ? this.#input.valueAsNumber : undefined;
  }

  suggest(value) {
    this.#suggested = value;
    if (!this.#touched) this.reset();
  }

  reset() {
    this.#touched = false;
    this.#input.value = String(this.#suggested);
    this.#output.textContent = String(this.#suggested);
  }
}
