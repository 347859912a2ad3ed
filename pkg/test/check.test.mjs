import assert from "node:assert/strict";
import { test } from "node:test";
import { OneFlow } from "../dist/index.js";
import { modelFiles, modelFolder, modelServer } from "./fake/model.mjs";

const TOTAL = Object.values(modelFiles).reduce((sum, { length }) => sum + length, 0);
const codes = ({ reasons }) => reasons.map(({ code }) => code);

test("a model behind http is downloadable, and only its manifest is fetched", async (t) => {
  const { url, requests } = await modelServer(t);
  const { reasons, ...fit } = await OneFlow.check({ model: url });
  assert.deepEqual(fit, {
    status: "downloadable",
    device: "cpu",
    precision: "f32",
    downloadBytes: TOTAL,
    cachedBytes: 0,
    gpuBytes: 0,
  });
  assert.ok(reasons.every(({ message }) => message.length > 20));
  assert.deepEqual(requests, ["manifest.json"]);
});

test("a model on the disk is ready", async (t) => {
  const fit = await OneFlow.check({ model: modelFolder(t) });
  assert.equal(fit.status, "ready");
  assert.equal(fit.downloadBytes, 0);
});

test("without WebGPU the CPU computes, and a reason says so", async (t) => {
  assert.deepEqual(codes(await OneFlow.check({ model: modelFolder(t) })), [
    "webgpu-missing",
    "worker-missing",
  ]);
});

test("missing features are an answer and not an error", async (t) => {
  const model = modelFolder(t);
  const { WebAssembly } = globalThis;
  t.after(() => (globalThis.WebAssembly = WebAssembly));
  globalThis.WebAssembly = { ...WebAssembly, validate: () => false };
  const noSimd = await OneFlow.check({ model });
  assert.equal(noSimd.status, "unsupported");
  assert.ok(codes(noSimd).includes("wasm-simd-missing"));
  globalThis.WebAssembly = undefined;
  assert.ok(codes(await OneFlow.check({ model })).includes("wasm-missing"));
  await assert.rejects(OneFlow.load({ model }), { code: "unsupported", message: /no WebAssembly/ });
});

test("a model that is not there rejects", async (t) => {
  const { url } = await modelServer(t, { "manifest.json": undefined });
  await assert.rejects(OneFlow.check({ model: url }), { code: "model-not-found" });
});

test("check can be aborted", async (t) => {
  const { url } = await modelServer(t, { "manifest.json": () => {} });
  const signal = AbortSignal.timeout(30);
  await assert.rejects(OneFlow.check({ model: url, signal }), { name: "TimeoutError" });
});
