// The closed list of codes: the README explains each, and for each there is a way to get it.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { afterEach, test } from "node:test";
import { ERROR_CODES, OneFlow, OneFlowError } from "../dist/index.js";
import { errorFromRecord, errorFromThrown, recordFromError } from "../dist/errors.js";
import { control, reset } from "./fake/control.mjs";
import { loadFake, makeManifest, modelFiles, modelFolder, wasmUrl } from "./fake/model.mjs";
import { useFakeWorker } from "./fake/worker.mjs";

afterEach(reset);

const load = (t, files, manifest) =>
  OneFlow.load({ model: modelFolder(t, files, manifest), wasmUrl });

/** How a program gets each code. */
const CAUSES = {
  "invalid-option": async (t) => (await loadFake(t)).generate({ steps: 0 }),
  "invalid-prompt": async (t) => (await loadFake(t)).generate({ prompt: 5 }),
  "invalid-manifest": (t) => load(t, modelFiles, "<!doctype html>"),
  integrity: (t) =>
    load(t, { ...modelFiles, "config.json": Buffer.from("{'d_model': 8}") }, makeManifest()),
  "invalid-model": (t) =>
    load(t, { ...modelFiles, "model.safetensors": Buffer.from("not a model") }),
  "invalid-snapshot": async (t) =>
    (await loadFake(t)).generate({ from: Uint8Array.of(1, 2, 3) }).result,
  "model-not-found": () => OneFlow.load({ model: "file:///nowhere/", wasmUrl }),
  network: () => OneFlow.load({ model: "http://127.0.0.1:9/", wasmUrl }),
  unsupported: () => OneFlow.load({ device: "webgpu" }),
  busy: async (t) => {
    const flow = await loadFake(t);
    flow.generate();
    flow.generate({ queue: false });
  },
  closed: async (t) => {
    const flow = await loadFake(t);
    flow.close();
    flow.generate();
  },
  "version-mismatch": (t) => {
    control.buildId = "0.0.9+old";
    return loadFake(t);
  },
  "out-of-memory": (t) => {
    control.pushError = new RangeError("WebAssembly.Memory.grow(): Unable to grow instance memory");
    return loadFake(t);
  },
  "device-lost": async (t) => {
    control.failAtStep = 1;
    control.stepError = Object.assign(new Error("the GPU was lost"), { code: "device-lost" });
    await (await loadFake(t)).generate().result;
  },
  internal: async (t) => {
    control.failAtStep = 1;
    control.stepError = new WebAssembly.RuntimeError("unreachable");
    await (await loadFake(t)).generate().result;
  },
};

test("there is a cause for every code of the list", () => {
  assert.deepEqual(Object.keys(CAUSES), [...ERROR_CODES]);
});

for (const [code, cause] of Object.entries(CAUSES)) {
  for (const worker of [false, true]) {
    test(`${code} (${worker ? "worker" : "this thread"})`, async (t) => {
      if (worker) useFakeWorker(t);
      await assert.rejects(cause(t), (error) => {
        assert.ok(error instanceof OneFlowError);
        assert.equal(error.name, "OneFlowError");
        assert.equal(error.code, code);
        assert.equal(error.retryable, ["network", "busy", "device-lost"].includes(code));
        assert.ok(error.message.length > 10);
        assert.doesNotMatch(error.message, /^[A-Z]|\.$/, "lower case, no full stop");
        return true;
      });
    });
  }
}

test("the README's table of codes is the list", () => {
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  const section = readme.slice(readme.indexOf("## Errors"));
  const rows = section.split("\n## ")[0].matchAll(/^\| `([a-z-]+)` \|/gm);
  assert.deepEqual(
    [...rows].map(([, code]) => code),
    [...ERROR_CODES],
  );
});

test("what the engine throws keeps its code, its message and itself as the cause", () => {
  const thrown = Object.assign(new Error("no tensor `embed`"), { code: "invalid-model" });
  const error = errorFromThrown(thrown);
  assert.equal(error.code, "invalid-model");
  assert.equal(error.message, "no tensor `embed`");
  assert.equal(error.cause, thrown);
  assert.equal(errorFromThrown(error), error);
});

test("a code that is not in the list is internal", () => {
  assert.equal(errorFromThrown(Object.assign(new Error("disk"), { code: "io" })).code, "internal");
  assert.equal(errorFromThrown("a string").code, "internal");
  assert.equal(errorFromThrown(null).code, "internal");
});

test("an error survives the way from the worker to the page", () => {
  const error = new OneFlowError("network", "gone", { retryable: false, cause: new Error("why") });
  const copy = errorFromRecord(structuredClone(recordFromError(error)));
  assert.deepEqual(
    [copy.code, copy.message, copy.retryable, copy.cause.message],
    ["network", "gone", false, "Error: why"],
  );
});
