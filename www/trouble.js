/** What is wrong, in one sentence, with the next step on a button. */

import { OneFlowError } from "./oneflow-web/index.js";

/**
 * For each code of a OneFlowError: the sentence, the label of the button, and what it does.
 * `next`: "again" loads what is missing and writes; "prompt" and "settings" lead to what has to be
 * changed; "page" loads the page again. `reload`: the model cannot be used any more.
 */
const TROUBLES = {
  "invalid-prompt": {
    text: "This line cannot be used as a prompt: shorten it to 2,000 characters or fewer.",
    action: "Edit the line",
    next: "prompt",
  },
  "invalid-option": {
    text: "One of the settings is out of its range: go back to the suggested ones, or correct it.",
    action: "Reset the settings",
    next: "settings",
  },
  "invalid-snapshot": {
    text: "This story cannot be continued from where it stopped: write it again from its seed.",
    action: "Write it again",
    next: "again",
  },
  "model-not-found": {
    text: "The model is not on this server: whoever runs the page has to put it there.",
    action: "Try again",
    next: "again",
  },
  "invalid-manifest": {
    text: "The model's list of files on this server cannot be read: whoever runs the page has to replace it.",
    action: "Try again",
    next: "again",
  },
  integrity: {
    text: "The model arrived damaged and was not used: fetch it once more.",
    action: "Fetch it again",
    next: "page",
  },
  "invalid-model": {
    text: "The model's files do not fit this engine: whoever runs the page has to replace them.",
    action: "Try again",
    next: "again",
  },
  network: {
    text: "The model did not arrive: look at the connection, then try again.",
    action: "Try again",
    next: "again",
  },
  unsupported: {
    text: "This browser lacks something that the engine needs: use a current Chrome, Edge, Firefox or Safari.",
    action: "Look again",
    next: "again",
  },
  busy: {
    text: "Another story is still being written: wait a moment, then try again.",
    action: "Try again",
    next: "again",
  },
  closed: {
    text: "The model was put away: load it again.",
    action: "Load it again",
    next: "again",
    reload: true,
  },
  "version-mismatch": {
    text: "The page and its engine are of different versions: load the page again.",
    action: "Load the page again",
    next: "page",
  },
  "out-of-memory": {
    text: "There is not enough memory for the model: close some tabs, then try again.",
    action: "Try again",
    next: "again",
    reload: true,
  },
  internal: {
    text: "The engine stopped in the middle of its work: start it again.",
    action: "Try again",
    next: "again",
    reload: true,
  },
};

/** @param error whatever was thrown */
export function troubleFromError(error) {
  const code = error instanceof OneFlowError ? error.code : "internal";
  const known = TROUBLES[code] ?? TROUBLES.internal;
  return { ...known, detail: `${code}: ${error?.message ?? error}` };
}

/** @param fit what `OneFlow.check()` said, where its status is "unsupported" */
export function troubleFromFit(fit) {
  const detail = (fit.reasons ?? []).map(({ code, message }) => `${code}: ${message}`).join("; ");
  return { ...TROUBLES.unsupported, detail };
}

export class Trouble {
  #root = document.getElementById("trouble");
  #text = document.getElementById("trouble-text");
  #detail = document.getElementById("trouble-detail");
  #action = document.getElementById("trouble-action");
  #onAction = () => {};

  constructor() {
    this.#action.addEventListener("click", () => this.#onAction());
  }

  show({ text, action, detail }, onAction) {
    this.#text.textContent = text;
    this.#action.textContent = action;
    this.#detail.textContent = detail;
    this.#onAction = onAction;
    this.#root.hidden = false;
  }

  /** `focus`: whether the focus was on something that is gone now. */
  reveal({ focus }) {
    this.#root.scrollIntoView({ block: "nearest" });
    if (focus) this.#action.focus();
  }

  /** The focus, if it was in here, goes to the button that writes. */
  hide() {
    const focused = this.#root.contains(document.activeElement);
    this.#root.hidden = true;
    if (focused) document.getElementById("write").focus();
  }
}
