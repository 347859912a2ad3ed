// What computes: every kind of adapter, and a GPU that turns out to be no good.

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { trustGpu } from "../dist/device.js";
import { OneFlow } from "../dist/index.js";
import { control, live, reset } from "./fake/control.mjs";
import { REAL, useAdapter } from "./fake/gpu.mjs";
import { loadFake, modelFolder } from "./fake/model.mjs";
import { useFakeWorker } from "./fake/worker.mjs";

afterEach(() => {
  reset();
  assert.equal(live.gpus, 0, "a GPU is left");
});

const WEIGHT_BYTES = 50_000;
const SOFTWARE = { info: { vendor: "google", architecture: "swiftshader" } };
const ADAPTERS = [
  ["no adapter", null, "cpu", "webgpu-no-adapter"],
  ["an adapter that throws", new Error("blocked"), "cpu", "webgpu-no-adapter"],
  ["a fallback adapter", { info: { ...REAL.info, isFallbackAdapter: true } }, "cpu", "webgpu-software"],
  ["an older fallback adapter", { isFallbackAdapter: true }, "cpu", "webgpu-software"],
  ["SwiftShader that does not say so", SOFTWARE, "cpu", "webgpu-software"],
  ["a real adapter", REAL, "webgpu", "webgpu-found"],
  ["an adapter without a name", {}, "webgpu", "webgpu-found"],
];

for (const [what, adapter, device, code] of ADAPTERS) {
  test(`${what}: ${device}, and check says so before load does`, async (t) => {
    useAdapter(t, adapter);
    const fit = await OneFlow.check({ model: modelFolder(t) });
    assert.equal(fit.device, device);
    assert.equal(fit.status, "ready");
    assert.equal(fit.gpuBytes, device === "webgpu" ? WEIGHT_BYTES : 0);
    const reason = fit.reasons.find((reason) => reason.code === code);
    const { info } = await loadFake(t);
    assert.equal(info.device, device);
    assert.equal(info.deviceReason, reason.message);
  });
}

test("the CPU is taken where it is asked for, whatever the adapter", async (t) => {
  useAdapter(t, REAL);
  const { device, reasons } = await OneFlow.check({ model: modelFolder(t), device: "cpu" });
  assert.equal(device, "cpu");
  assert.ok(reasons.some(({ code }) => code === "cpu-forced"));
  assert.equal((await loadFake(t, { device: "cpu" })).info.device, "cpu");
});

test("WebGPU is taken where it is asked for, even in software", async (t) => {
  useAdapter(t, SOFTWARE);
  const { device, reasons } = await OneFlow.check({ model: modelFolder(t), device: "webgpu" });
  assert.equal(device, "webgpu");
  assert.ok(reasons.some(({ code }) => code === "webgpu-forced"));
  assert.equal((await loadFake(t, { device: "webgpu" })).info.device, "webgpu");
});

test("WebGPU without an adapter is an answer of check and an error of load", async (t) => {
  useAdapter(t, null);
  const fit = await OneFlow.check({ model: modelFolder(t), device: "webgpu" });
  assert.deepEqual(
    [fit.status, fit.reasons.map(({ code }) => code).filter((code) => code !== "worker-missing")],
    ["unsupported", ["webgpu-no-adapter"]],
  );
  const refused = { code: "unsupported", message: /no adapter.*load with `device: "auto"`/ };
  await assert.rejects(loadFake(t, { device: "webgpu" }), refused);
});

const f16 = (adapter) => ({ ...adapter, features: new Set(["shader-f16"]) });

for (const [precision, adapter, expected] of [
  [undefined, f16(REAL), "f32"],
  ["auto", f16(REAL), "f32"],
  ["f32", f16(REAL), "f32"],
  ["f16", f16(REAL), "f16"],
]) {
  test(`precision ${precision} is ${expected} where the adapter has f16`, async (t) => {
    useAdapter(t, adapter);
    const fit = await OneFlow.check({ model: modelFolder(t), precision });
    assert.deepEqual([fit.status, fit.device, fit.precision], ["ready", "webgpu", expected]);
    const { info } = await loadFake(t, { precision });
    assert.deepEqual([info.device, info.precision], ["webgpu", expected]);
    assert.equal(control.precision, expected);
  });
}

for (const [what, adapter, device] of [
  ["a real adapter without it", REAL, "auto"],
  ["an adapter in software", f16(SOFTWARE), "auto"],
  ["no adapter", null, "auto"],
  ["one in software without it", SOFTWARE, "webgpu"],
]) {
  test(`f16 with ${what} is an answer of check and an error of load`, async (t) => {
    useAdapter(t, adapter);
    const wish = { precision: "f16", device };
    const fit = await OneFlow.check({ model: modelFolder(t), ...wish });
    assert.deepEqual([fit.status, fit.precision], ["unsupported", "f32"]);
    assert.ok(fit.reasons.some(({ code }) => code === "f16-missing"));
    const refused = { code: "unsupported", message: /f16.*load with `precision: "auto"`/ };
    await assert.rejects(loadFake(t, wish), refused);
  });
}

test("f16 that was asked for is not given up for the CPU", async (t) => {
  useAdapter(t, f16(REAL));
  control.selfTestError = Object.assign(new Error("off by 7"), { code: "internal" });
  await assert.rejects(loadFake(t, { precision: "f16" }), { code: "internal", message: /off by 7/ });
});

for (const worker of [false, true]) {
  test(`stories on the GPU are like those on the CPU (${worker ? "worker" : "this thread"})`, async (t) => {
    if (worker) useFakeWorker(t);
    const texts = [];
    for (const adapter of [REAL, null]) {
      useAdapter(t, adapter);
      const flow = await loadFake(t);
      texts.push((await flow.generate({ seed: 3 }).result).text);
    }
    assert.equal(texts[0], texts[1]);
  });
}

test("a run on the GPU that is cancelled in the middle of a step is freed after it", async (t) => {
  useAdapter(t, REAL);
  control.stepMs = 30;
  const flow = await loadFake(t);
  const before = live.runs;
  const run = flow.generate({ seed: 1 });
  run.result.catch(() => {});
  await new Promise((resolve) => setTimeout(resolve, 15));
  assert.equal(live.runs, before + 1);
  run.cancel();
  await assert.rejects(run.result, { name: "AbortError" });
  await new Promise((resolve) => setTimeout(resolve, 60));
  assert.equal(live.runs, before);
});

test("a GPU that is lost is a typed error, and worth another load", async (t) => {
  useAdapter(t, REAL);
  control.failAtStep = 2;
  control.stepError = Object.assign(new Error("the GPU was lost"), { code: "device-lost" });
  const flow = await loadFake(t);
  await assert.rejects(flow.generate().result, { code: "device-lost", retryable: true });
});

test("a GPU that is forced and fails its self-test is an error", async (t) => {
  useAdapter(t, REAL);
  control.selfTestError = Object.assign(new Error("off by 7"), { code: "internal" });
  await assert.rejects(loadFake(t, { device: "webgpu" }), { code: "internal", message: /off by 7/ });
});

for (const [name, code] of [
  ["selfTestError", "webgpu-self-test"],
  ["gpuOpenError", "webgpu-failed"],
]) {
  test(`${code}: the CPU computes, and the next check knows it`, async (t) => {
    useAdapter(t, REAL);
    trustGpu();
    control[name] = Object.assign(new Error("off by 7"), { code: "internal" });
    const { info } = await loadFake(t);
    assert.equal(info.device, "cpu");
    assert.match(info.deviceReason, /off by 7.*so the CPU computes/);
    const fit = await OneFlow.check({ model: modelFolder(t) });
    const known = fit.reasons.find((reason) => reason.code === code);
    assert.equal(known.message, info.deviceReason);
    trustGpu();
    assert.equal((await OneFlow.check({ model: modelFolder(t) })).device, "webgpu");
  });
}
