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

test("reasons say that the CPU computes, with WebGPU and without", async (t) => {
  const model = modelFolder(t);
  assert.ok(codes(await OneFlow.check({ model })).includes("webgpu-missing"));
  const own = Object.getOwnPropertyDescriptor(globalThis, "navigator");
  Object.defineProperty(globalThis, "navigator", { value: { gpu: {} }, configurable: true });
  t.after(() => {
    if (own) Object.defineProperty(globalThis, "navigator", own);
    else delete globalThis.navigator;
  });
  assert.ok(codes(await OneFlow.check({ model })).includes("webgpu-not-used"));
});

test("WebGPU forced is unsupported in this release: an answer of check, an error of load", async (t) => {
  const model = modelFolder(t);
  const fit = await OneFlow.check({ model, device: "webgpu" });
  assert.equal(fit.status, "unsupported");
  assert.ok(codes(fit).includes("webgpu-forced"));
  const refused = { code: "unsupported", message: /leave `device` out/ };
  await assert.rejects(OneFlow.load({ model, device: "webgpu" }), refused);
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
