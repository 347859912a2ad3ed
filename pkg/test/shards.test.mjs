// Weights in several files: one after the other to the device, and kept one by one.

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { OneFlow } from "../dist/index.js";
import { control, live, reset } from "./fake/control.mjs";
import { REAL, useAdapter } from "./fake/gpu.mjs";
import { makeManifest, modelFolder, modelServer, wasmUrl } from "./fake/model.mjs";

afterEach(reset);

const SHARD_BYTES = 40_000;
const shard = (number) => `model-0000${number}-of-00005.safetensors`;

/** Weights first, as a manifest may list them. */
const FILES = {
  ...Object.fromEntries(
    [1, 2, 3, 4, 5].map((number) => [shard(number), Buffer.alloc(SHARD_BYTES, number)]),
  ),
  "config.json": Buffer.from('{"d_model": 8}'),
  "model.safetensors.index.json": Buffer.from("{}"),
  "tokenizer.json": Buffer.from("{}"),
};
const TOTAL = Object.values(FILES).reduce((sum, { length }) => sum + length, 0);

const load = (model, options = {}) => OneFlow.load({ model, wasmUrl, ...options });
const server = (t, answers = {}) =>
  modelServer(t, { ...FILES, "manifest.json": makeManifest(FILES), ...answers });

for (const [device, adapter] of [
  ["cpu", null],
  ["webgpu", REAL],
]) {
  test(`each file goes to the device before the next one comes (${device})`, async (t) => {
    useAdapter(t, adapter);
    const { url, requests } = await server(t);
    const told = [];
    const flow = await load(url, { onProgress: (progress) => told.push(progress) });
    assert.equal(flow.info.device, device);
    flow.close();
    const others = ["config.json", "model.safetensors.index.json", "tokenizer.json"];
    assert.deepEqual(requests, ["manifest.json", ...others, ...[1, 2, 3, 4, 5].map(shard)]);
    assert.equal(control.uploads, 5);
    assert.ok(control.peakBytes <= SHARD_BYTES, `${control.peakBytes} bytes were held`);
    assert.ok(told.every(({ totalBytes }) => totalBytes === TOTAL));
    assert.equal(told.at(-1).loadedBytes, TOTAL);
    for (let at = 1; at < told.length; at++) {
      assert.ok(told[at].loadedBytes >= told[at - 1].loadedBytes);
    }
    assert.equal(told.some(({ phase }) => phase === "upload"), device === "webgpu");
  });

  test(`what fails in the middle frees all that came before (${device})`, async (t) => {
    useAdapter(t, adapter);
    const before = { ...live };
    const flipped = Buffer.from(FILES[shard(3)]);
    flipped[5] ^= 1;
    const foreign = { ...FILES, [shard(3)]: Buffer.from("not a model") };
    for (const [answers, code] of [
      [{ [shard(3)]: flipped }, "integrity"],
      [{ [shard(3)]: undefined }, "model-not-found"],
      [{ ...foreign, "manifest.json": makeManifest(foreign) }, "invalid-model"],
    ]) {
      const { url, requests } = await server(t, answers);
      await assert.rejects(load(url), (error) => {
        assert.equal(error.code, code, error.message);
        assert.ok(error.message.includes(shard(3)), error.message);
        return true;
      });
      assert.equal(requests.at(-1), shard(3), "nothing is fetched afterwards");
      assert.deepEqual(live, before);
    }
    const { url } = await server(t);
    const controller = new AbortController();
    const onProgress = ({ loadedBytes }) => {
      if (loadedBytes > 2.5 * SHARD_BYTES) controller.abort();
    };
    await assert.rejects(load(url, { onProgress, signal: controller.signal }), {
      name: "AbortError",
    });
    assert.deepEqual(live, before);
  });
}

test("a GPU without room says so at the file, and all is freed", async (t) => {
  useAdapter(t, REAL);
  const before = { ...live };
  const message = "the GPU has no room for a weight of 5 bytes";
  control.uploadError = Object.assign(new Error(message), { code: "out-of-memory" });
  const { url, requests } = await server(t);
  await assert.rejects(load(url), { code: "out-of-memory", message: /5 bytes/ });
  assert.equal(requests.at(-1), shard(1));
  assert.deepEqual(live, before);
});

test("check counts the bytes of all files", async (t) => {
  useAdapter(t, REAL);
  const fit = await OneFlow.check({ model: (await server(t)).url });
  assert.deepEqual([fit.downloadBytes, fit.gpuBytes], [TOTAL, 5 * SHARD_BYTES]);
});

test("a load that was interrupted goes on at the file, with and without the rest", async (t) => {
  const entries = new Map();
  const cache = {
    match: async (key) => entries.has(key) && new Response(entries.get(key)),
    put: async (key, response) => entries.set(key, Buffer.from(await response.arrayBuffer())),
    delete: async (key) => entries.delete(key),
  };
  globalThis.caches = { open: async () => cache };
  t.after(() => delete globalThis.caches);
  let broken = true;
  const stop = (_request, response) => {
    if (!broken) return response.end(FILES[shard(4)]);
    response.writeHead(200, { "content-length": SHARD_BYTES });
    response.write(FILES[shard(4)].subarray(0, 100), () => response.destroy());
  };
  const { url, requests } = await server(t, { [shard(4)]: stop });
  await assert.rejects(load(url), { code: "network" });
  assert.equal(entries.size, 6);
  const fit = await OneFlow.check({ model: url });
  assert.equal(fit.downloadBytes, 2 * SHARD_BYTES);
  broken = false;
  requests.length = 0;
  const told = [];
  (await load(url, { onProgress: ({ loadedBytes }) => told.push(loadedBytes) })).close();
  assert.deepEqual(requests, ["manifest.json", shard(4), shard(5)]);
  assert.equal(told.at(-1), TOTAL);
  assert.ok(control.peakBytes <= SHARD_BYTES);
});

test("a model in several files loads from the disk", async (t) => {
  (await load(modelFolder(t, FILES))).close();
  assert.equal(control.uploads, 5);
});
