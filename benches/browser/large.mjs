// Loads a made-up model of a billion numbers, in blocks of 4 bits and 17 files, natively and in a
// headless Chromium onto the GPU, and says what memory that takes. Nothing is generated.
//
// node benches/browser/large.mjs [--save] [--quick] [--model DIR]
//
// --save keeps the results in benches/results/; --quick takes a tenth of the numbers; --model takes a
// folder that is there, and leaves the native part out. The package has to be built.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Complaint, main, run } from "../../pkg/scripts/command.mjs";
import { ROOT, TARGET } from "../../pkg/scripts/paths.mjs";
import { serve } from "../../pkg/scripts/serve.mjs";
import { setUpChromium, setUpNpm } from "../../pkg/scripts/setup.mjs";
import { launch } from "../../tests/browser/chromium.mjs";

const RESULT = join(ROOT, "benches", "results", "large-browser.json");
const PAGE = join(ROOT, "tests", "browser", "page");

await main(async () => {
  const flags = process.argv.slice(2);
  const at = flags.indexOf("--model");
  const [, given] = at < 0 ? [] : flags.splice(at, 2);
  const unknown = flags.find((flag) => !["--save", "--quick"].includes(flag));
  if (unknown) throw new Complaint(`There is no ${unknown}: choose from --save --quick --model.`);
  await setUpNpm();
  process.env.CHROMIUM_PATH = await setUpChromium();
  const folder = given ?? mkdtempSync(join(tmpdir(), "oneflow-large-"));
  try {
    if (!given) {
      const bench = ["bench", "--locked", "--features", "gpu", "--bench", "large", "--"];
      const env = { CARGO_TARGET_DIR: TARGET };
      await run("cargo", [...bench, "--out", folder, ...flags], { cwd: ROOT, env });
    }
    const measured = [];
    for (const cache of [false, true]) measured.push(await measure(folder, cache));
    if (flags.includes("--save")) writeFileSync(RESULT, `${JSON.stringify(measured, null, 2)}\n`);
  } finally {
    if (!given) rmSync(folder, { recursive: true });
  }
});

/** A load in a browser of its own. */
async function measure(folder, cache) {
  const server = await serve({ mounts: [["/large/", `${folder}/`], ["/test/", PAGE]] });
  const browser = await launch({ webgpu: true });
  try {
    const page = await browser.newPage();
    await page.goto(`${server.url}test/`);
    await page.waitForFunction(() => "oneflow" in globalThis);
    const before = await processes(browser);
    const loaded = await page.evaluate(load, cache);
    const after = await processes(browser);
    const result = { chromium: browser.version(), cache, ...loaded, before, after };
    print(result);
    return result;
  } finally {
    await browser.close();
    await server.close();
  }
}

/** Runs in the page. */
async function load(cache) {
  let memory;
  const { instantiate } = WebAssembly;
  WebAssembly.instantiate = async (...args) => {
    const result = await instantiate(...args);
    ({ memory } = (result.instance ?? result).exports);
    return result;
  };
  const begin = performance.now();
  const options = { model: "/large/", device: "webgpu" };
  const { gpuBytes } = await oneflow.OneFlow.check(options);
  const flow = await oneflow.OneFlow.load({ ...options, worker: false, cache });
  const seconds = (performance.now() - begin) / 1e3;
  const { parameters, device } = flow.info;
  // It cannot shrink, so what it has is the most that it had.
  const result = { device, parameters, seconds, gpuBytes, wasmBytes: memory.buffer.byteLength };
  globalThis.flow = flow;
  return result;
}

/** Resident memory of the browser's processes, now and at the most, in MB. */
async function processes(browser) {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  await session.detach();
  const all = {};
  for (const { type, id } of processInfo) {
    const status = readFileSync(`/proc/${id}/status`, "utf8");
    const megabytes = (field) => Math.round(/ (\d+) kB/.exec(status.split(`${field}:`)[1])[1] / 1024);
    const { resident = 0, peak = 0 } = all[type] ?? {};
    all[type] = { resident: resident + megabytes("VmRSS"), peak: peak + megabytes("VmHWM") };
  }
  return all;
}

function print({ cache, parameters, seconds, gpuBytes, wasmBytes, before, after }) {
  const megabytes = (bytes) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  console.log(`\n${cache ? "with" : "without"} the Cache API: ${parameters} numbers in ${seconds.toFixed(1)} s`);
  console.log(`the engine's memory: ${megabytes(wasmBytes)}; weights on the GPU: ${megabytes(gpuBytes)}`);
  for (const type of Object.keys(after)) {
    const { resident = 0 } = before[type] ?? {};
    console.log(`${type}: ${resident} MB before, ${after[type].resident} after, ${after[type].peak} at the most`);
  }
}
