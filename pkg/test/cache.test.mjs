// Verified files of models from elsewhere stay in the Cache API. Node has none, so here is one.

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { OneFlow } from "../dist/index.js";
import { makeManifest, modelFiles, modelServer, wasmUrl } from "./fake/model.mjs";

const TOTAL = Object.values(modelFiles).reduce((sum, { length }) => sum + length, 0);

let entries;

class FakeCache {
  async match(key) {
    const body = entries.get(key);
    return body && new Response(body);
  }

  async put(key, response) {
    entries.set(key, Buffer.from(await response.arrayBuffer()));
  }

  async delete(key) {
    return entries.delete(key);
  }
}

beforeEach(() => {
  entries = new Map();
  globalThis.caches = { open: async () => new FakeCache() };
});
afterEach(() => delete globalThis.caches);

async function loadAndClose(model, options = {}) {
  (await OneFlow.load({ model, wasmUrl, ...options })).close();
}

const keyOf = (name) => [...entries.keys()].find((key) => key.includes(`/${name}?sha256=`));

test("the second load fetches the manifest and nothing else", async (t) => {
  const { url, requests } = await modelServer(t);
  await loadAndClose(url);
  assert.equal(entries.size, 3);
  requests.length = 0;
  const told = [];
  await loadAndClose(url, { onProgress: (progress) => told.push(progress) });
  assert.deepEqual(requests, ["manifest.json"]);
  assert.equal(told.at(-1).loadedBytes, TOTAL);
});

test("check tells how much is here", async (t) => {
  const { url } = await modelServer(t);
  await loadAndClose(url);
  const all = await OneFlow.check({ model: url });
  assert.deepEqual([all.status, all.cachedBytes, all.downloadBytes], ["ready", TOTAL, 0]);
  entries.delete(keyOf("model.safetensors"));
  const some = await OneFlow.check({ model: url });
  assert.deepEqual([some.status, some.downloadBytes], ["downloadable", 50_000]);
});

test("an entry that has changed is dropped and fetched again", async (t) => {
  const { url, requests } = await modelServer(t);
  await loadAndClose(url);
  const key = keyOf("model.safetensors");
  for (const damage of [(bytes) => (bytes[9] ^= 1), () => entries.set(key, Buffer.alloc(3))]) {
    damage(entries.get(key));
    requests.length = 0;
    await loadAndClose(url);
    assert.deepEqual(requests, ["manifest.json", "model.safetensors"]);
    assert.ok(entries.get(key).equals(modelFiles["model.safetensors"]));
  }
});

test("what was not verified is not kept", async (t) => {
  const flipped = Buffer.from(modelFiles["model.safetensors"]);
  flipped[5] ^= 1;
  const { url } = await modelServer(t, { "model.safetensors": flipped });
  await assert.rejects(loadAndClose(url), { code: "integrity" });
  assert.equal(keyOf("model.safetensors"), undefined);
  assert.equal(entries.size, 2, "the files before it were verified");
});

test("a new version of a file does not meet the old one", async (t) => {
  const { url } = await modelServer(t);
  await loadAndClose(url);
  const files = { ...modelFiles, "config.json": Buffer.from('{"d_model": 16}') };
  const next = await modelServer(t, { "manifest.json": makeManifest(files), ...files });
  // The same addresses with new content, as after an upload.
  const moved = new Map();
  for (const [key, bytes] of entries) moved.set(key.replace(url, next.url), bytes);
  entries = moved;
  next.requests.length = 0;
  await loadAndClose(next.url);
  assert.deepEqual(next.requests, ["manifest.json", "config.json"]);
});

test("cache: false neither reads nor writes", async (t) => {
  const { url } = await modelServer(t);
  await loadAndClose(url, { cache: false });
  assert.equal(entries.size, 0);
});

test("a cache that fails is no cache", async (t) => {
  globalThis.caches = {
    open: () => Promise.reject(new DOMException("full", "QuotaExceededError")),
  };
  const { url } = await modelServer(t);
  await loadAndClose(url);
  globalThis.caches = {
    open: async () => ({
      match: async () => undefined,
      put: () => Promise.reject(new DOMException("full", "QuotaExceededError")),
    }),
  };
  await loadAndClose(url);
});
