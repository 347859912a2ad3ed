// 50 loads and closes in one page, with a run each that is finished or left in the middle.

import assert from "node:assert/strict";
import { test } from "node:test";
import { expectNoWorkers, openPage, useBrowser } from "./chromium.mjs";

const shared = useBrowser();

for (const worker of [true, false]) {
  test(`50 loads and closes leak nothing measurable (${worker ? "worker" : "page"})`, async (t) => {
    const { page, context } = await openPage(t, shared.browser);
    const session = await context.newCDPSession(page);
    await session.send("Performance.enable");
    await page.evaluate(() => {
      // The engine's memory: on this thread it is one, and it cannot shrink.
      const { instantiate } = WebAssembly;
      WebAssembly.instantiate = async (...args) => {
        const result = await instantiate(...args);
        globalThis.memory = (result.instance ?? result).exports.memory;
        return result;
      };
    });
    // The first time reaches the most that these runs need at once; what still grows is a leak.
    const before = await measure(page, session, worker, 50);
    const after = await measure(page, session, worker, 50);
    t.diagnostic(JSON.stringify({ before, after }));
    await expectNoWorkers(page);
    assert.ok(after.heap - before.heap <= 2 << 20, `heap: ${before.heap} to ${after.heap}`);
    assert.ok(after.wasm - before.wasm <= 1 << 20, `wasm: ${before.wasm} to ${after.wasm}`);
    assert.ok(after.listeners <= before.listeners, "event listeners");
  });
}

async function measure(page, session, worker, rounds) {
  const wasm = await page.evaluate(
    async ([worker, rounds]) => {
      for (let round = 0; round < rounds; round++) {
        const flow = await oneflow.OneFlow.load({ worker });
        const run = flow.generate({ seed: round, steps: 2, maxTokens: 8, maxImages: 1 });
        if (round % 2 === 0) await run.result;
        else await run[Symbol.asyncIterator]().next();
        flow.close();
      }
      await new Promise((resolve) => setTimeout(resolve, 300));
      return globalThis.memory?.buffer.byteLength ?? 0;
    },
    [worker, rounds],
  );
  await session.send("HeapProfiler.collectGarbage");
  const { metrics } = await session.send("Performance.getMetrics");
  const value = (name) => metrics.find((metric) => metric.name === name).value;
  return { wasm, heap: value("JSHeapUsedSize"), listeners: value("JSEventListeners") };
}
