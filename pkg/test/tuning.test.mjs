// Which kernels an adapter gets is timed once, and kept in the Cache API.

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { control, reset } from "./fake/control.mjs";
import { REAL, useAdapter } from "./fake/gpu.mjs";
import { loadFake } from "./fake/model.mjs";

const F16 = { ...REAL, features: new Set(["shader-f16"]) };

/** What is kept, by address. */
let entries;

class FakeCache {
  async match(key) {
    return entries.has(key) ? new Response(entries.get(key)) : undefined;
  }

  async put(key, response) {
    entries.set(key, await response.text());
  }

  async keys() {
    return [...entries.keys()].map((url) => ({ url }));
  }

  async delete({ url }) {
    return entries.delete(url);
  }
}

beforeEach(() => {
  entries = new Map();
  globalThis.caches = { open: async () => new FakeCache() };
});
afterEach(() => {
  delete globalThis.caches;
  reset();
});

/** Loads once with each of these, and says which kernels the engine was asked for. */
async function asked(t, loads) {
  for (const [adapter, options] of loads) {
    useAdapter(t, adapter);
    await loadFake(t, options);
  }
  return control.kernels;
}

test("the second load of an adapter does not time again", async (t) => {
  assert.deepEqual(await asked(t, [[REAL], [REAL], [REAL]]), [undefined, "direct/tiled", "direct/tiled"]);
  assert.equal(entries.size, 1);
  const [key] = entries.keys();
  assert.match(key, /adapter=acme%20one&precision=f32/);
});

test("another adapter and another precision are timed for themselves", async (t) => {
  const other = { info: { ...REAL.info, architecture: "two" } };
  const loads = [[REAL], [other], [F16, { precision: "f16" }], [F16, { precision: "f32" }]];
  assert.deepEqual(await asked(t, loads), [undefined, undefined, undefined, "direct/tiled"]);
});

test("an adapter without a name is timed at each load", async (t) => {
  assert.deepEqual(await asked(t, [[{}], [{}]]), [undefined, undefined]);
  assert.equal(entries.size, 0);
});

test("kernels that are asked for are taken, and not kept", async (t) => {
  const loads = [[REAL, { kernels: "tiled" }], [REAL, { kernels: "direct" }], [REAL]];
  assert.deepEqual(await asked(t, loads), ["tiled", "direct", undefined]);
  await assert.rejects(loadFake(t, { kernels: "fast" }), { code: "invalid-option", message: /kernels/ });
});

test("a page that keeps nothing keeps no kernels", async (t) => {
  assert.deepEqual(await asked(t, [[REAL, { cache: false }], [REAL]]), [undefined, undefined]);
  assert.deepEqual(await asked(t, [[REAL, { cache: false }]]), [undefined, undefined, undefined]);
});

test("what is kept of another build, or is no choice, is not taken", async (t) => {
  await asked(t, [[REAL]]);
  const [key] = entries.keys();
  entries.set(key, "<html>");
  entries.set("https://oneflow-web.invalid/kernels?build=0.0.1&adapter=acme%20one", "tiled/tiled");
  assert.deepEqual(await asked(t, [[REAL], [REAL]]), [undefined, undefined, "direct/tiled"]);
  assert.deepEqual([...entries.keys()], [key]);
});

test("kernels of a GPU that failed its self-test are not kept", async (t) => {
  control.selfTestError = Object.assign(new Error("off by 7"), { code: "internal" });
  useAdapter(t, REAL);
  await assert.rejects(loadFake(t, { device: "webgpu" }));
  assert.equal(entries.size, 0);
});

for (const [what, open] of [
  ["a cache that may not be opened", async () => Promise.reject(new DOMException("no", "SecurityError"))],
  ["a cache that is full", async () => ({ match: async () => undefined, keys: async () => [], put: async () => Promise.reject(new Error("full")) })],
]) {
  test(`${what} is as none at all`, async (t) => {
    globalThis.caches = { open };
    assert.deepEqual(await asked(t, [[REAL], [REAL]]), [undefined, undefined]);
    delete globalThis.caches;
    assert.deepEqual(await asked(t, [[REAL]]), [undefined, undefined, undefined]);
  });
}
