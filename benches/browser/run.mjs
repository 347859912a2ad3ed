// Measures in a headless Chromium:
//
// 1. a forward of this package's engine and of ONNX Runtime Web, on the CPU (wasm, one thread) and on
//    the same WebGPU adapter, on the same graph, the same weights and the same input, by turns;
// 2. how long a person waits for the package: load, first event, first picture, whole story.
//
// node benches/browser/run.mjs [--json] [--save] [--quick] [--cpu] [--webgpu] [forward] [story]
//
// --cpu and --webgpu leave the other device out of the forwards; --json prints the result, ratios first, and nothing else; --save keeps it in
// benches/results/browser.json; --quick only shows that it runs. The package has to be built
// (npm --prefix pkg run build); the rest is set up on the first run.

import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { cpus, totalmem, type } from "node:os";
import { join } from "node:path";
import { Complaint, main } from "../../pkg/scripts/command.mjs";
import { PROMPT } from "../../pkg/scripts/native.mjs";
import { DIST, MODELS, PKG, ROOT } from "../../pkg/scripts/paths.mjs";
import { serve } from "../../pkg/scripts/serve.mjs";
import { setUpChromium, setUpNpm } from "../../pkg/scripts/setup.mjs";
import { launch } from "../../tests/browser/chromium.mjs";
import { BUILD, ORT, measureForwards, ratios, setUpGraphs } from "./forwards.mjs";
import { median, readJson, round } from "./numbers.mjs";

const HERE = import.meta.dirname;
const RESULT = join(ROOT, "benches", "results", "browser.json");

const LIMITS_MS = { load: null, firstEvent: 1500, firstPreview: 3000, story: 15_000 };

await main(async () => {
  const flags = process.argv.slice(2);
  const known = ["--json", "--save", "--quick", "forward", "story", "--cpu", "--webgpu"];
  const unknown = flags.find((flag) => !known.includes(flag));
  if (unknown) throw new Complaint(`There is no ${unknown}: choose from ${known.join(" ")}.`);
  const [quick, json] = [flags.includes("--quick"), flags.includes("--json")];
  const parts = ["forward", "story"].filter((part) => flags.includes(part));
  const wants = (part) => parts.length === 0 || parts.includes(part);
  const only = ["cpu", "webgpu"].filter((device) => flags.includes(`--${device}`));
  const devices = only.length > 0 ? only : ["cpu", "webgpu"];
  const say = json ? () => {} : console.log;

  if (!existsSync(join(DIST, "wasm", "oneflow_web_bg.wasm"))) {
    throw new Complaint("The package is not built: `npm --prefix pkg run build`.");
  }
  await setUpNpm();
  process.env.CHROMIUM_PATH = await setUpChromium();
  if (wants("forward")) await setUpGraphs();

  const server = await serve({
    mounts: [
      ["/bench/graphs/", BUILD],
      ["/bench/", HERE],
      ["/ort/", join(ORT, "dist")],
    ],
  });
  let chromium;
  const withBrowser = async (options, measure) => {
    const browser = await launch(options);
    chromium = browser.version();
    const openPage = async () => {
      const page = await (await browser.newContext()).newPage();
      await page.goto(`${server.url}bench/`);
      await page.waitForFunction(() => "timeStory" in globalThis);
      return page;
    };
    try {
      return await measure(openPage, { quick, say, devices });
    } finally {
      await browser.close();
    }
  };
  const measured = {};
  try {
    if (wants("forward")) measured.forward = await withBrowser({ webgpu: true }, measureForwards);
    if (wants("story")) measured.story = await withBrowser({}, measureStories);
  } finally {
    await server.close();
  }
  const result = resultOf(measured, chromium);
  if (json) console.log(JSON.stringify(result, null, 2));
  if (flags.includes("--save")) save(result, say);
});

async function measureStories(openPage, { quick, say }) {
  if (!existsSync(join(MODELS, "storyworld", "manifest.json"))) {
    throw new Complaint("There is no model in pkg/models/storyworld.");
  }
  const runs = [];
  for (let seed = 1; seed <= (quick ? 1 : 7); seed++) {
    // A new context each time, so nothing is in a cache.
    const page = await openPage();
    runs.push(await page.evaluate((args) => timeStory(...args), [PROMPT, seed]));
    await page.context().close();
  }
  const times = {};
  say(`\na story ("${PROMPT}"), ${runs.length} seeds, everything since before the load\n`);
  say("| until | median | slowest | limit |");
  say("|---|---:|---:|---:|");
  for (const [name, limit] of Object.entries(LIMITS_MS)) {
    // A story without a picture has no first preview.
    const all = runs.map((run) => run.times[name]).filter((time) => time !== undefined);
    const [typical, slowest] = [median(all), Math.max(...all)];
    say(`| ${name} | ${typical.toFixed(0)} ms | ${slowest.toFixed(0)} ms | ${limit ?? "-"} |`);
    times[name] = { median_ms: round(typical), max_ms: round(slowest), n: all.length };
  }
  const step = median(runs.flatMap((run) => run.steps));
  const typical = (name) => median(runs.map((run) => run.stats[name]));
  const stats = { steps: typical("steps"), tokens: typical("tokens"), images: typical("images") };
  say(`\na step: ${step.toFixed(1)} ms (median)`);
  say(`a story: ${stats.steps} steps, ${stats.tokens} tokens, ${stats.images} pictures (medians)`);
  const { name, version, buildId, worker } = runs[0].info;
  return { prompt: PROMPT, model: { name, version }, buildId, worker, times, step_ms: round(step), stats };
}

function resultOf(measured, chromium) {
  const versionOf = (folder) => readJson(join(folder, "package.json")).version;
  const processors = cpus();
  return {
    benchmark: "browser",
    command: ["node benches/browser/run.mjs", ...process.argv.slice(2)].join(" "),
    machine: {
      os: type(),
      arch: process.arch,
      cpu: processors[0]?.model,
      threads: processors.length,
      memory_gib: round(totalmem() / 2 ** 30),
    },
    versions: {
      "oneflow-web": versionOf(PKG),
      "onnxruntime-web": measured.forward && versionOf(ORT),
      chromium,
      node: process.versions.node,
    },
    forward: measured.forward && ratios(measured.forward),
    measured,
  };
}

function save(result, say) {
  mkdirSync(join(RESULT, ".."), { recursive: true });
  writeFileSync(RESULT, `${JSON.stringify(result, null, 2)}\n`);
  say("\nwritten to benches/results/browser.json");
}
