// An import does nothing: it is safe on a server, where there is neither a page nor a model.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

const DIST = new URL("../dist/", import.meta.url);
const SOURCE = new URL("../src/", import.meta.url);

const sources = readdirSync(SOURCE)
  .filter((name) => name.endsWith(".ts"))
  .map((name) => [name, readFileSync(new URL(name, SOURCE), "utf8")]);

test("an import defines no globals, starts nothing and fetches nothing", async (t) => {
  const before = Object.getOwnPropertyNames(globalThis);
  const { fetch } = globalThis;
  globalThis.fetch = () => assert.fail("a request");
  globalThis.Worker = class {
    constructor() {
      assert.fail("a worker");
    }
  };
  t.after(() => {
    globalThis.fetch = fetch;
    delete globalThis.Worker;
  });
  const module = await import(new URL("index.js", DIST));
  const after = Object.getOwnPropertyNames(globalThis).filter((name) => name !== "Worker");
  assert.deepEqual(after, before);
  assert.deepEqual(Object.keys(module).sort(), [
    "ERROR_CODES",
    "OneFlow",
    "OneFlowError",
    "Story",
    "applyEdits",
  ]);
});

test("one file names the generated bindings", () => {
  const naming = sources.filter(([, text]) => text.includes("wasm/oneflow_web.js"));
  assert.deepEqual(
    naming.map(([name]) => name),
    ["wasm.ts"],
  );
});

test("model files, worker and wasm are each named once, in the form that bundlers follow", () => {
  const names = sources.flatMap(([, text]) =>
    [...text.matchAll(/new URL\("([^"]+)", import\.meta\.url\)/g)].map(([, name]) => name),
  );
  assert.deepEqual(names.sort(), [
    "../models/storyworld/config.json",
    "../models/storyworld/manifest.json",
    "../models/storyworld/model.safetensors",
    "../models/storyworld/tokenizer.json",
    "./wasm/oneflow_web_bg.wasm",
    "./worker.js",
  ]);
});

test("nothing is imported but the package itself", () => {
  for (const [name, text] of sources) {
    for (const [, from] of text.matchAll(/^(?:import|export)[^"]* from "([^"]+)"/gm)) {
      assert.match(from, /^\.\//, name);
    }
  }
});
