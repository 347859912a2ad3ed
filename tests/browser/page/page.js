// What the tests of the package use in the page: its public names, and what was against the policy.

import * as oneflow from "../oneflow-web/index.js";

globalThis.violations = [];
addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) => {
  violations.push(`${violatedDirective} ${blockedURI}`);
});

/** All that a run tells, in a form that can be compared and sent to the test. */
async function record(run) {
  const events = [];
  for await (const event of run) {
    if (event.type === "image") {
      const { bitmap, ...rest } = event;
      events.push({ ...rest, pixels: await digest(pixelsOf(bitmap)) });
      bitmap.close();
    } else if (event.type === "step") {
      events.push({ ...event, ms: 0 });
    } else if (event.type === "done") {
      const { story, seed, stats } = event;
      events.push({
        type: "done",
        html: story.toHTML(),
        text: story.text,
        seed,
        images: stats.images,
      });
    } else {
      events.push(event);
    }
  }
  return events;
}

function pixelsOf(bitmap) {
  const { width, height } = bitmap;
  const context = new OffscreenCanvas(width, height).getContext("2d");
  context.drawImage(bitmap, 0, 0);
  return context.getImageData(0, 0, width, height).data;
}

async function digest(bytes) {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Loads a model, and closes it when the work is done. */
async function withFlow(options, work) {
  await using flow = await oneflow.OneFlow.load(options);
  return await work(flow);
}

/** Why a promise rejects, in a form that can be sent to the test. */
async function failureOf(promise) {
  try {
    await promise;
    return null;
  } catch ({ name, code, message, retryable }) {
    return { name, code: typeof code === "string" ? code : null, message, retryable };
  }
}

Object.assign(globalThis, { oneflow, record, withFlow, failureOf });
