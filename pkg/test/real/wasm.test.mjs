// The generated files: what they offer, and what they must not contain.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { test } from "node:test";
import { BUILD_ID } from "../../dist/build-id.js";
import * as bindings from "../../dist/wasm/oneflow_web.js";
import { ROOT } from "../../scripts/paths.mjs";

const wasm = readFileSync(new URL("../../dist/wasm/oneflow_web_bg.wasm", import.meta.url));

test("the bindings have what their declaration says", async () => {
  const { default: init, buildId, Loader, Engine, Run } = bindings;
  await init({ module_or_path: await WebAssembly.compile(wasm) });
  assert.equal(buildId(), BUILD_ID.slice(0, BUILD_ID.lastIndexOf(".")));
  const methods = { Loader, Engine, Run };
  const expected = {
    Loader: ["files", "push", "finishFile", "begin", "upload", "build", "free"],
    Engine: ["info", "start", "resume", "free"],
    Run: ["next", "snapshot", "free"],
  };
  for (const [name, list] of Object.entries(expected)) {
    for (const method of list) {
      assert.equal(typeof methods[name].prototype[method], "function", `${name}.${method}`);
    }
  }
});

test("the bindings name no file by themselves", () => {
  const source = readFileSync(new URL("../../dist/wasm/oneflow_web.js", import.meta.url), "utf8");
  assert.doesNotMatch(source, /new URL\(/);
});

test("no export runs the static constructors again", () => {
  const module = new WebAssembly.Module(wasm);
  const names = WebAssembly.Module.exports(module).map(({ name }) => name);
  assert.deepEqual(
    names.filter((name) => name.includes("command_export")),
    [],
  );
});

test("the wasm names no folder of the machine that built it", () => {
  for (const folder of [homedir(), ROOT.replace(/\/$/, "")]) {
    if (folder.length > 1) assert.equal(wasm.indexOf(`${folder}/`), -1, folder);
  }
});
