// The golden files of an independent reference (tests/golden/), run by the wasm in the browser.
// tests/it/golden_files.rs runs the same files natively.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { openPage, useBrowser } from "./chromium.mjs";

const FOLDER = new URL("../golden/", import.meta.url);
const FILES = readdirSync(FOLDER).filter((name) => name.endsWith(".json"));

const shared = useBrowser();

/** What the wasm says of a golden file: its quantities, or the message of the error. */
async function check(page, name, json) {
  return await page.evaluate(
    async ([name, json]) => {
      const folder = new URL("/oneflow-web/wasm/", location.href);
      const { default: init, goldenCheck } = await import(new URL("oneflow_web.js", folder).href);
      const wasm = fetch(new URL("oneflow_web_bg.wasm", folder));
      await init({ module_or_path: await WebAssembly.compileStreaming(wasm) });
      try {
        return { quantities: goldenCheck(name, json) };
      } catch ({ code, message }) {
        return { code, message };
      }
    },
    [name, json],
  );
}

test("there is a golden file for each part of the process", () => {
  assert.deepEqual(FILES.map(nameOf).sort(), [
    "blocks",
    "forward",
    "losses",
    "noising",
    "rng",
    "sampler_step",
    "schedule",
  ]);
});

for (const file of FILES) {
  test(`${file} holds in the browser`, async (t) => {
    const { page } = await openPage(t, shared.browser);
    const { quantities, message } = await check(page, nameOf(file), read(file));
    assert.equal(message, undefined);
    assert.ok(quantities.length > 0);
    for (const { name, values, deviation, tolerance } of quantities) {
      t.diagnostic(`${name}: ${values} numbers, off by ${deviation} at the most`);
      assert.ok(values > 0 && deviation <= tolerance, name);
    }
  });
}

test("a changed number is found in the browser", async (t) => {
  const { page } = await openPage(t, shared.browser);
  const changed = JSON.parse(read("losses.json"));
  changed.text[0].tokens += 1e-3;
  const { code, message } = await check(page, "losses", JSON.stringify(changed));
  assert.equal(code, "internal");
  assert.match(message, /golden file losses\.json: `tokens`, number 0, is 2\.81341/);
});

function nameOf(file) {
  return file.replace(/\.json$/, "");
}

function read(file) {
  return readFileSync(new URL(file, FOLDER), "utf8");
}
