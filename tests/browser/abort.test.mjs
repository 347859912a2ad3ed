// An abort takes effect at once in every phase of a load, and within one step of a run.

import assert from "node:assert/strict";
import { test } from "node:test";
import { expectNoWorkers, openPage, useBrowser } from "./chromium.mjs";

const shared = useBrowser();

for (const worker of [true, false]) {
  const where = worker ? "worker" : "page";

  for (const phase of ["download", "verify", "compile"]) {
    test(`a load is aborted in the phase ${phase} (${where})`, async (t) => {
      const { page } = await openPage(t, shared.browser);
      const told = await page.evaluate(
        async ([worker, phase]) => {
          const controller = new AbortController();
          const phases = [];
          const reason = await failureOf(
            oneflow.OneFlow.load({
              worker,
              signal: controller.signal,
              onProgress(progress) {
                phases.push(progress.phase);
                if (progress.phase === phase) controller.abort();
              },
            }),
          );
          await new Promise((resolve) => setTimeout(resolve, 50));
          return { reason, phases };
        },
        [worker, phase],
      );
      assert.equal(told.reason.name, "AbortError");
      assert.equal(told.phases.at(-1), phase, "nothing is told after the abort");
      assert.equal(told.phases.filter((name) => name === phase).length, 1);
      await expectNoWorkers(page);
    });
  }

  test(`a download that has stalled is aborted (${where})`, async (t) => {
    const handle = (request, response) => {
      if (!request.url.endsWith("model.safetensors")) return false;
      response.writeHead(200, { "content-length": 1e6 });
      response.write(Buffer.alloc(1000));
      return true;
    };
    const { page } = await openPage(t, shared.browser, { handle });
    const { reason, ms } = await page.evaluate(async (worker) => {
      const controller = new AbortController();
      const begin = performance.now();
      const reason = await failureOf(
        oneflow.OneFlow.load({
          worker,
          signal: controller.signal,
          onProgress: () => setTimeout(() => controller.abort(), 200),
        }),
      );
      return { reason, ms: performance.now() - begin };
    }, worker);
    assert.equal(reason.name, "AbortError");
    assert.ok(ms < 3000, `${ms} ms`);
  });

  test(`a run is aborted within one step, by signal, by cancel and by leaving (${where})`, async (t) => {
    const { page } = await openPage(t, shared.browser);
    const all = await page.evaluate(async (worker) => {
      return await withFlow({ worker }, async (flow) => {
        const ways = {
          signal: (run, controller) => controller.abort(),
          cancel: (run) => run.cancel(),
          leaving: () => "leave",
        };
        const results = {};
        for (const [name, stop] of Object.entries(ways)) {
          const controller = new AbortController();
          const run = flow.generate({ seed: 1, steps: 100, signal: controller.signal });
          let steps = 0;
          const loop = failureOf(
            (async () => {
              for await (const event of run) {
                if (event.type === "step" && ++steps === 3 && stop(run, controller)) break;
              }
            })(),
          );
          results[name] = {
            loop: (await loop)?.name,
            result: (await failureOf(run.result)).name,
            steps,
          };
        }
        // The engine is free at once for the next run.
        await flow.generate({ seed: 1, steps: 1 }).result;
        return results;
      });
    }, worker);
    const rejected = { loop: "AbortError", result: "AbortError", steps: 3 };
    assert.deepEqual(all.signal, rejected);
    assert.deepEqual(all.cancel, rejected);
    assert.equal(all.leaving.result, "AbortError");
    assert.equal(all.leaving.steps, 3);
  });

  test(`a pause holds the run between two steps (${where})`, async (t) => {
    const { page } = await openPage(t, shared.browser);
    const counts = await page.evaluate(async (worker) => {
      return await withFlow({ worker }, async (flow) => {
        let steps = 0;
        const run = flow.generate({
          seed: 1,
          steps: 8,
          onStep(event) {
            if (event.type === "step" && ++steps === 2) run.pause();
          },
        });
        const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
        while (steps < 2) await sleep(10);
        await sleep(600);
        const paused = steps;
        run.resume();
        await run.result;
        return { paused, steps };
      });
    }, worker);
    assert.equal(counts.paused, 2);
    assert.ok(counts.steps >= 8);
  });
}

test("the page does not block while a story is made in the worker", async (t) => {
  const { page } = await openPage(t, shared.browser);
  const { gaps, steps } = await page.evaluate(async () => {
    return await withFlow({}, async (flow) => {
      const gaps = [];
      const steps = [];
      // A task that asks for the next one, again and again.
      const { port1, port2 } = new MessageChannel();
      let last = performance.now();
      port1.onmessage = () => {
        const now = performance.now();
        gaps.push(now - last);
        last = now;
        port2.postMessage(null);
      };
      port2.postMessage(null);
      const onStep = (event) => event.type === "step" && steps.push(event.ms);
      await flow.generate({ seed: 1, steps: 8, onStep }).result;
      port1.close();
      return { gaps, steps };
    });
  });
  // In the page itself no task has its turn during a step, so half of the steps would be gaps as
  // long as the median step.
  const typical = steps.toSorted((a, b) => a - b)[steps.length >> 1];
  const blocked = gaps.filter((gap) => gap >= typical).length;
  t.diagnostic(`${steps.length} steps of ${typical} ms, ${blocked} gaps of ${gaps.length} as long`);
  assert.ok(blocked < steps.length / 4, `${blocked} gaps of ${typical} ms in ${steps.length} steps`);
});
