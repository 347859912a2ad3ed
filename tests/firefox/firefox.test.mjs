// The package in a headless Firefox, on the CPU and on WebGPU, whose adapter here computes in software
// and binds no more than 128 MiB. Nothing drives the browser: the page runs by itself and reports.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { serve } from "../../pkg/scripts/serve.mjs";

const folder = (path) => fileURLToPath(new URL(path, import.meta.url));

/** Without these there is no WebGPU on an adapter in software. */
const PREFERENCES = {
  "dom.webgpu.enabled": true,
  "gfx.webgpu.ignore-blocklist": true,
  "browser.shell.checkDefaultBrowser": false,
  "datareporting.policy.dataSubmissionEnabled": false,
};

const TIMEOUT_MS = 300_000;

let found;

before(async () => {
  const profile = mkdtempSync(join(tmpdir(), "oneflow-firefox-"));
  const lines = Object.entries(PREFERENCES).map(
    ([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`,
  );
  writeFileSync(join(profile, "user.js"), lines.join(""));
  let report;
  const reported = new Promise((resolve) => (report = resolve));
  const server = await serve({
    mounts: [
      ["/test/", folder("page/")],
      ["/golden/", folder("../golden/")],
    ],
    handle(request, response) {
      if (request.url !== "/report") return false;
      let body = "";
      request.setEncoding("utf8");
      request.on("data", (text) => (body += text));
      request.on("end", () => {
        response.end();
        report(JSON.parse(body));
      });
      return true;
    },
  });
  const args = ["--headless", "--no-remote", "--profile", profile, `${server.url}test/`];
  const firefox = spawn(process.env.FIREFOX_PATH, args, { stdio: "ignore" });
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error("the page did not report")), TIMEOUT_MS);
    firefox.on("error", reject);
  });
  try {
    found = await Promise.race([reported, late]);
  } finally {
    clearTimeout(timer);
    const gone = new Promise((resolve) => firefox.once("exit", resolve));
    firefox.kill();
    await gone;
    await server.close();
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}, { timeout: TIMEOUT_MS + 30_000 });

test("the page runs to its end", (t) => {
  assert.equal(found.error, undefined);
  t.diagnostic(found.agent);
  assert.match(found.agent, /Firefox/);
});

for (const products of ["tiled", "direct"]) {
  test(`the golden forward holds on WebGPU with ${products} products, and the self-test passes`, (t) => {
    const { deviation, quantities, info } = found.golden[`${products} f32`];
    t.diagnostic(`self-test: off by ${deviation}; ${JSON.stringify(info)}`);
    assert.equal(info.kernels, `${products}/${products}`);
    assert.ok(deviation < 1e-4);
    for (const { name, values, deviation, tolerance } of quantities) {
      t.diagnostic(`${name}: ${values} numbers, off by ${deviation} at the most`);
      assert.ok(values > 0 && deviation <= tolerance, name);
    }
  });
}

for (const products of ["tiled", "direct"]) {
  test(`in f16 with ${products} products the self-test passes, by what 11 bits are off`, (t) => {
    const { deviation, info } = found.golden[`${products} f16`];
    t.diagnostic(`self-test: off by ${deviation}; ${JSON.stringify(info)}`);
    assert.equal(info.precision, "f16");
    assert.ok(deviation > 1e-4 && deviation < 1e-2);
  });
}

/** Texts may differ where a draw falls between the two, and then so do the pictures. */
test("a story in f16 is told to its end, with as many pictures as the CPU's", (t) => {
  const { f16, cpu } = found;
  assert.deepEqual([f16.device, f16.precision, cpu.precision], ["webgpu", "f16", "f32"]);
  t.diagnostic(f16.text === cpu.text ? "the same text" : `${f16.text} / ${cpu.text}`);
  assert.ok(f16.text.length > 10);
  assert.equal(f16.images.length, cpu.images.length);
});

for (const where of ["webgpu", "page"]) {
  test(`a story on WebGPU is the CPU's (${where === "page" ? "in the page" : "in a worker"})`, (t) => {
    assert.equal(found.cpu.device, "cpu");
    assert.equal(found[where].device, "webgpu");
    assert.ok(found.cpu.text.length > 10);
    assert.equal(found[where].text, found.cpu.text);
    assert.equal(found[where].images.length, found.cpu.images.length);
    for (const [i, image] of found.cpu.images.entries()) {
      const off = image.reduce((sum, value, at) => sum + Math.abs(value - found[where].images[i][at]), 0);
      t.diagnostic(`picture ${i}: off by ${off / image.length} of 255 in the mean`);
      assert.ok(off / image.length <= 1);
    }
  });
}
