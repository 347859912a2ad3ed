// A web worker for Node: the service of the package behind two queues of messages, on this thread.

import { serve } from "../../dist/service.js";

export class FakeWorker extends EventTarget {
  static started = 0;
  static ended = 0;

  #service = new EventTarget();
  #ended = false;

  constructor(url, { type }) {
    super();
    if (type !== "module") throw new TypeError("not a module worker");
    this.url = String(url);
    FakeWorker.started += 1;
    this.#service.postMessage = (message, transfer) => {
      const copy = copied(message, transfer);
      setImmediate(() => this.#ended || this.dispatchEvent(messageEvent(copy)));
    };
    serve(this.#service);
  }

  postMessage(message, transfer) {
    const copy = copied(message, transfer);
    setImmediate(() => this.#ended || this.#service.dispatchEvent(messageEvent(copy)));
  }

  terminate() {
    if (!this.#ended) FakeWorker.ended += 1;
    this.#ended = true;
  }
}

/** Puts the fake worker in the place of the platform's, until the test is over. */
export function useFakeWorker(t) {
  globalThis.Worker = FakeWorker;
  t.after(() => delete globalThis.Worker);
}

function messageEvent(data) {
  return Object.assign(new Event("message"), { data });
}

/** Bitmaps go over as they are: Node has none that could be transferred. */
function copied(message, transfer) {
  const bitmaps = [];
  const plain = { ...message };
  if (message.step) {
    const events = message.step.events.map((event) => {
      if (event.type !== "image") return event;
      bitmaps.push(event.bitmap);
      return { ...event, bitmap: null };
    });
    plain.step = { ...message.step, events };
  }
  const copy = structuredClone(plain, { transfer: [...new Set(transfer)] });
  for (const event of copy.step?.events ?? []) {
    if (event.type === "image") event.bitmap = bitmaps.shift();
  }
  return copy;
}
