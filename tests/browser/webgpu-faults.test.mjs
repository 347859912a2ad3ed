// What a GPU may do to a page: go away, be full, be shared. SwiftShader stands in for it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { launchTabs, openPage, SHORT, useBrowser } from "./chromium.mjs";

const shared = useBrowser({ webgpu: true });

const OTHER = { ...SHORT, prompt: "A bold bear on the beach.", seed: 6 };

/** The text of each set of options, told on the CPU. */
async function expectedTexts(page, ...options) {
  return await page.evaluate(async (options) => {
    return await withFlow({ device: "cpu" }, async (flow) => {
      const texts = [];
      for (const each of options) texts.push((await flow.generate(each).result).text);
      return texts;
    });
  }, options);
}

/** Collects the devices that the page opens. */
const COLLECT_DEVICES = () => {
  globalThis.devices = [];
  const request = GPUAdapter.prototype.requestDevice;
  GPUAdapter.prototype.requestDevice = async function (...args) {
    const device = await request.apply(this, args);
    devices.push(device);
    return device;
  };
};

/** No more than `roomBytes` in buffers, as on a GPU of that memory. */
const LIMIT_MEMORY = () => {
  globalThis.roomBytes = Infinity;
  let used = 0;
  const scopes = [];
  const { createBuffer, pushErrorScope, popErrorScope } = GPUDevice.prototype;
  const destroy = GPUBuffer.prototype.destroy;
  const sizes = new WeakMap();
  GPUDevice.prototype.pushErrorScope = function (filter) {
    scopes.push({ filter, error: null });
    return pushErrorScope.call(this, filter);
  };
  GPUDevice.prototype.popErrorScope = async function () {
    const { error } = scopes.pop();
    return (await popErrorScope.call(this)) ?? error;
  };
  GPUDevice.prototype.createBuffer = function (descriptor) {
    const buffer = createBuffer.call(this, descriptor);
    const scope = scopes.findLast(({ filter }) => filter === "out-of-memory");
    if (used + descriptor.size > roomBytes && scope) {
      scope.error ??= new GPUOutOfMemoryError("no memory is left");
      return buffer;
    }
    used += descriptor.size;
    sizes.set(buffer, [this, descriptor.size]);
    return buffer;
  };
  const free = (buffer) => {
    used -= sizes.get(buffer)?.[1] ?? 0;
    sizes.delete(buffer);
  };
  GPUBuffer.prototype.destroy = function () {
    free(this);
    return destroy.call(this);
  };
};

for (const when of ["before", "during", "after"]) {
  test(`a device that is destroyed ${when} a run is a typed error, and another load goes on`, async (t) => {
    const { page, complaints } = await openPage(t, shared.browser);
    await page.evaluate(COLLECT_DEVICES);
    const { failure, text } = await page.evaluate(
      async ([when, options]) => {
        const load = { worker: false, device: "webgpu" };
        const flow = await oneflow.OneFlow.load(load);
        const attempt = async (run, { breaks }) => {
          let from;
          try {
            for await (const { type } of run) {
              if (type !== "step" || from) continue;
              from = run.snapshot();
              if (breaks) devices.at(-1).destroy();
            }
            return { from };
          } catch ({ name, code, message, retryable }) {
            return { from, failure: { name, code, message, retryable } };
          }
        };
        let first = {};
        if (when === "after") first = await attempt(flow.generate(options), { breaks: false });
        if (when !== "during") devices.at(-1).destroy();
        const second = await attempt(flow.generate(options), { breaks: when === "during" });
        flow.close();
        const from = first.from ?? second.from;
        const again = from === undefined ? options : { from };
        const text = await withFlow(load, async (flow) => (await flow.generate(again).result).text);
        return { failure: first.failure ?? second.failure, text };
      },
      [when, SHORT],
    );
    assert.deepEqual(
      [failure?.name, failure?.code, failure?.retryable],
      ["OneFlowError", "device-lost", true],
      failure?.message,
    );
    const [expected] = await expectedTexts(page, SHORT);
    assert.equal(text, expected);
    assert.deepEqual(complaints, []);
  });
}

test("a GPU without room is a typed error with the bytes asked for, and serves what fits later", async (t) => {
  const { page, complaints } = await openPage(t, shared.browser);
  await page.evaluate(LIMIT_MEMORY);
  const { failure, text } = await page.evaluate(async (options) => {
    const load = { worker: false, device: "webgpu" };
    globalThis.roomBytes = 3e6;
    const failure = await failureOf(oneflow.OneFlow.load(load));
    globalThis.roomBytes = 64e6;
    const text = await withFlow(load, async (flow) => (await flow.generate(options).result).text);
    return { failure, text };
  }, SHORT);
  assert.equal(failure?.code, "out-of-memory", failure?.message);
  assert.match(failure.message, /\d+ bytes/);
  t.diagnostic(failure.message);
  const [expected] = await expectedTexts(page, SHORT);
  assert.equal(text, expected);
  assert.deepEqual(complaints, []);
});

test("two engines of one page tell their own stories side by side", async (t) => {
  const { page, complaints } = await openPage(t, shared.browser);
  const texts = await page.evaluate(
    async (both) => {
      const load = { worker: false, device: "webgpu" };
      const flows = await Promise.all(both.map(() => oneflow.OneFlow.load(load)));
      const runs = both.map((options, index) => flows[index].generate(options).result);
      const stories = await Promise.all(runs);
      flows[0].close();
      const again = (await flows[1].generate(both[0]).result).text;
      flows[1].close();
      return [...stories.map(({ text }) => text), again];
    },
    [SHORT, OTHER],
  );
  const [first, second] = await expectedTexts(page, SHORT, OTHER);
  assert.notEqual(first, second);
  assert.deepEqual(texts, [first, second, first]);
  assert.deepEqual(complaints, []);
});

for (const worker of [true, false]) {
  test(`a tab goes on while it is hidden, and after it was frozen (${worker ? "worker" : "page"})`, async (t) => {
    const context = await launchTabs(t, { webgpu: true });
    const { page, complaints } = await openPage(t, null, { context });
    const options = { ...SHORT, steps: 16 };
    await page.evaluate(
      async ([worker, options]) => {
        const flow = await oneflow.OneFlow.load({ worker, device: "webgpu" });
        globalThis.lifecycle = [];
        globalThis.steps = 0;
        // A hidden tab has timers once a second, later once a minute; a run needs none.
        globalThis.setTimeout = () => 0;
        const note = (what) => lifecycle.push(what);
        for (const name of ["freeze", "resume", "visibilitychange"]) {
          document.addEventListener(name, () => note(`${name} ${document.visibilityState}`));
        }
        const onStep = ({ type }) => (steps += type === "step");
        globalThis.told = flow.generate({ ...options, onStep }).result.then(({ text }) => text);
      },
      [worker, options],
    );
    await page.waitForFunction(() => steps > 0, null, { polling: 20 });
    const other = await context.newPage();
    await other.bringToFront();
    const hiddenAt = await page.evaluate(() => steps);
    await page.waitForFunction((at) => steps > at, hiddenAt, { polling: 20 });
    const devtools = await context.newCDPSession(page);
    await devtools.send("Page.setWebLifecycleState", { state: "frozen" });
    await new Promise((resolve) => setTimeout(resolve, 500));
    await devtools.send("Page.setWebLifecycleState", { state: "active" });
    await page.bringToFront();
    const { text, lifecycle } = await page.evaluate(async () => ({ text: await told, lifecycle }));
    assert.deepEqual(lifecycle, [
      "visibilitychange hidden",
      "freeze hidden",
      "resume hidden",
      "visibilitychange visible",
    ]);
    const [expected] = await expectedTexts(page, options);
    assert.equal(text, expected);
    assert.deepEqual(complaints, []);
  });
}
