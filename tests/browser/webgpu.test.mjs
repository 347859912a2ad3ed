// The WebGPU engine in a Chromium whose only adapter computes in software (SwiftShader): slow, and
// otherwise like any other.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { openPage, SHORT, useBrowser } from "./chromium.mjs";

const shared = useBrowser({ webgpu: true });

const GOLDEN = readFileSync(new URL("../golden/forward.json", import.meta.url), "utf8");

/** Makes the software adapter look like a real one, in every realm of the page. */
const DISGUISE = () => {
  const info = { vendor: "acme", architecture: "one", device: "", description: "" };
  for (const [name, value] of Object.entries({ ...info, isFallbackAdapter: false })) {
    Object.defineProperty(GPUAdapterInfo.prototype, name, { get: () => value });
  }
};

test("the golden forward holds on WebGPU, and the self-test passes", async (t) => {
  const { page, complaints } = await openPage(t, shared.browser);
  const { quantities, deviation, info } = await page.evaluate(async (json) => {
    const folder = new URL("/oneflow-web/wasm/", location.href);
    const { default: init, Gpu } = await import(new URL("oneflow_web.js", folder).href);
    const wasm = fetch(new URL("oneflow_web_bg.wasm", folder));
    await init({ module_or_path: await WebAssembly.compileStreaming(wasm) });
    const gpu = await Gpu.open();
    const deviation = await gpu.selfTest();
    return { deviation, quantities: await gpu.goldenForward(json), info: gpu.info() };
  }, GOLDEN);
  t.diagnostic(`self-test: off by ${deviation}; ${JSON.stringify(info)}`);
  assert.ok(deviation < 1e-4);
  for (const { name, values, deviation, tolerance } of quantities) {
    t.diagnostic(`${name}: ${values} numbers, off by ${deviation} at the most`);
    assert.ok(values > 0 && deviation <= tolerance, name);
  }
  assert.deepEqual(complaints, []);
});

test("a software adapter is left alone, and check and load say so", async (t) => {
  const { page } = await openPage(t, shared.browser);
  const { fit, info } = await page.evaluate(async () => {
    const fit = await oneflow.OneFlow.check();
    return await withFlow({}, async ({ info }) => ({ fit, info }));
  });
  assert.equal(fit.device, "cpu");
  assert.ok(fit.reasons.some(({ code }) => code === "webgpu-software"));
  assert.equal(info.device, "cpu");
  assert.match(info.deviceReason, /in software/);
});

test("f16 on an adapter without it is refused, and the engine says why, too", async (t) => {
  const { page } = await openPage(t, shared.browser);
  const { fit, refused, engine } = await page.evaluate(async () => {
    const wish = { device: "webgpu", precision: "f16" };
    const fit = await oneflow.OneFlow.check(wish);
    const refused = await failureOf(oneflow.OneFlow.load(wish));
    const folder = new URL("/oneflow-web/wasm/", location.href);
    const { default: init, Gpu } = await import(new URL("oneflow_web.js", folder).href);
    const wasm = fetch(new URL("oneflow_web_bg.wasm", folder));
    await init({ module_or_path: await WebAssembly.compileStreaming(wasm) });
    const { code, message } = await Gpu.open("direct", "f16").catch((error) => error);
    return { fit, refused, engine: { code, message } };
  });
  assert.equal(fit.status, "unsupported");
  assert.ok(fit.reasons.some(({ code }) => code === "f16-missing"));
  assert.equal(refused.code, "unsupported");
  assert.match(refused.message, /shader-f16.*load with `precision: "auto"`/);
  assert.equal(engine.code, "unsupported");
  assert.match(engine.message, /shader-f16.*choose the precision f32/);
});

for (const worker of [true, false]) {
  const where = worker ? "worker" : "page";

  test(`WebGPU tells the story that the CPU tells (${where})`, async (t) => {
    const { page, complaints } = await openPage(t, shared.browser);
    const { stories, violations } = await page.evaluate(
      async ([worker, options]) => {
        const stories = [];
        for (const device of ["webgpu", "cpu"]) {
          await withFlow({ worker, device }, async (flow) => {
            const { text, images } = await flow.generate({ ...options, preview: false }).result;
            const pixels = images.map(({ data }) => Array.from(data));
            stories.push({ device: flow.info.device, text, pixels });
          });
        }
        return { stories, violations };
      },
      [worker, SHORT],
    );
    const [gpu, cpu] = stories;
    assert.deepEqual([gpu.device, cpu.device], ["webgpu", "cpu"]);
    assert.ok(gpu.text.length > 0);
    assert.equal(gpu.text, cpu.text);
    assert.equal(gpu.pixels.length, cpu.pixels.length);
    for (const [index, pixels] of gpu.pixels.entries()) {
      const off = pixels.map((value, at) => Math.abs(value - cpu.pixels[index][at]));
      const mean = off.reduce((sum, value) => sum + value, 0) / off.length;
      t.diagnostic(`a picture is off by ${mean} of 255 in the mean`);
      assert.ok(mean <= 1);
    }
    assert.deepEqual(violations, []);
    assert.deepEqual(complaints, []);
  });
}

test("an adapter that computes wrongly is found by the self-test, and the CPU takes over", async (t) => {
  const { page } = await openPage(t, shared.browser);
  await page.evaluate(DISGUISE);
  const { honest, wrong, fit, forced } = await page.evaluate(async (options) => {
    const deviceOf = async () => {
      return await withFlow({ worker: false }, async (flow) => {
        const { text } = await flow.generate(options).result;
        return { ...flow.info, text };
      });
    };
    const honest = await deviceOf();
    const create = GPUDevice.prototype.createShaderModule;
    GPUDevice.prototype.createShaderModule = function ({ code, ...rest }) {
      return create.call(this, { ...rest, code: code.replaceAll("1e-6", "1e-1") });
    };
    const forced = await failureOf(oneflow.OneFlow.load({ worker: false, device: "webgpu" }));
    const wrong = await deviceOf();
    return { honest, wrong, fit: await oneflow.OneFlow.check(), forced };
  }, SHORT);
  assert.equal(honest.device, "webgpu");
  assert.equal(wrong.device, "cpu");
  assert.match(wrong.deviceReason, /did not pass its self-test.*off by/);
  assert.equal(wrong.text, honest.text);
  assert.equal(fit.device, "cpu");
  assert.ok(fit.reasons.some(({ code }) => code === "webgpu-self-test"));
  assert.equal(forced.code, "internal");
});

test("kernels are timed at the first load on an adapter, and by name not at all", async (t) => {
  const { page, complaints } = await openPage(t, shared.browser);
  await page.evaluate(DISGUISE);
  const { submits, kept } = await page.evaluate(async () => {
    let n = 0;
    const submit = GPUQueue.prototype.submit;
    GPUQueue.prototype.submit = function (...args) {
      n += 1;
      return submit.apply(this, args);
    };
    const submits = [];
    for (const options of [{}, {}, { cache: false }, { kernels: "direct" }]) {
      n = 0;
      await withFlow({ worker: false, device: "webgpu", ...options }, () => submits.push(n));
    }
    const cache = await caches.open("oneflow-web/kernels/1");
    const keys = await cache.keys();
    const kept = await Promise.all(keys.map(async (key) => [key.url, await (await cache.match(key)).text()]));
    return { submits, kept };
  });
  t.diagnostic(`submits of a load: ${submits.join(", ")}; kept: ${kept.map(([, kernels]) => kernels)}`);
  const [first, second, uncached, named] = submits;
  assert.ok(first >= second + 12 && uncached >= second + 12 && named === second, submits.join());
  assert.equal(kept.length, 1);
  assert.match(kept[0][0], /adapter=acme%20one&precision=f32/);
  assert.match(kept[0][1], /^(tiled|direct)\/(tiled|direct)$/);
  assert.deepEqual(complaints, []);
});

test("buffers do not pile up over runs and loads", async (t) => {
  const { page } = await openPage(t, shared.browser);
  const counts = await page.evaluate(async (options) => {
    let live = 0;
    const create = GPUDevice.prototype.createBuffer;
    const destroy = GPUBuffer.prototype.destroy;
    GPUDevice.prototype.createBuffer = function (...args) {
      live += 1;
      return create.apply(this, args);
    };
    GPUBuffer.prototype.destroy = function () {
      live -= 1;
      return destroy.call(this);
    };
    return await withFlow({ worker: false, device: "webgpu" }, async (flow) => {
      const counts = [];
      for (let round = 0; round < 6; round++) {
        await flow.generate(options).result;
        counts.push(live);
      }
      return counts;
    });
  }, SHORT);
  t.diagnostic(`buffers after each run: ${counts.join(", ")}`);
  assert.equal(counts.at(-1), counts[1]);
});
