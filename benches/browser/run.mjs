// Measures in a headless Chromium, one run of it:
//
// 1. a forward of this package's engine and of ONNX Runtime Web (wasm, one thread) on the same graph,
//    the same weights and the same input, by turns;
// 2. how long a person waits for the package: load, first event, first picture, whole story.
//
// node benches/browser/run.mjs [--save] [--quick] [forward] [story]
//
// --save keeps the result in benches/results/browser.json, --quick only shows that it runs. The
// package has to be built (npm --prefix pkg run build); the rest is set up on the first run.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { cpus, totalmem, type } from "node:os";
import { join } from "node:path";
import { launch } from "../../tests/browser/chromium.mjs";
import { Complaint, exitCode, main, output, run } from "../../pkg/scripts/command.mjs";
import { PROMPT } from "../../pkg/scripts/native.mjs";
import { DIST, MODELS, PKG, ROOT } from "../../pkg/scripts/paths.mjs";
import { serve } from "../../pkg/scripts/serve.mjs";
import { setUpChromium, setUpNpm } from "../../pkg/scripts/setup.mjs";

const HERE = import.meta.dirname;
const BUILD = join(HERE, ".build");
const ORT = join(HERE, "node_modules", "onnxruntime-web");
const CONFIG = join(ROOT, "configs", "storyworld-nano.json");
const RESULT = join(ROOT, "benches", "results", "browser.json");

/** As in benches/support. */
const N_TOKENS = 40;
const N_IMAGES = 3;

const OURS = "oneflow-web";
const GRAPHS = { "ORT Web, plain": "plain.onnx", "ORT Web, fused": "fused.onnx" };
const ONNX = "onnx==1.23.2";
/** f32 sums in another order, through six layers. */
const TOLERANCE = 1e-4;

const LIMITS_MS = { load: null, firstEvent: 1500, firstPreview: 3000, story: 15_000 };

await main(async () => {
  const flags = process.argv.slice(2);
  const unknown = flags.find((flag) => !["--save", "--quick", "forward", "story"].includes(flag));
  if (unknown) throw new Complaint(`There is no ${unknown}: choose from --save --quick forward story.`);
  const quick = flags.includes("--quick");
  const parts = ["forward", "story"].filter((part) => flags.includes(part));
  const wants = (part) => parts.length === 0 || parts.includes(part);

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
  const browser = await launch();
  const openPage = async () => {
    const page = await (await browser.newContext()).newPage();
    await page.goto(`${server.url}bench/`);
    await page.waitForFunction(() => "timeStory" in globalThis);
    return page;
  };
  const chromium = browser.version();
  const measured = {};
  try {
    if (wants("forward")) measured.forward = await measureForwards(openPage, quick);
    if (wants("story")) measured.story = await measureStories(openPage, quick);
  } finally {
    await browser.close();
    await server.close();
  }
  if (flags.includes("--save")) save(measured, chromium);
});

/** ONNX Runtime Web, and the graphs for it. */
async function setUpGraphs() {
  const { dependencies } = readJson(join(HERE, "package.json"));
  const installed = join(ORT, "package.json");
  if (!existsSync(installed) || readJson(installed).version !== dependencies["onnxruntime-web"]) {
    const quiet = ["--no-save", "--no-package-lock", "--no-audit", "--no-fund"];
    await run("npm", ["install", ...quiet], { cwd: HERE });
  }
  const sizes = ["--tokens", String(N_TOKENS), "--images", String(N_IMAGES)];
  const args = [join(HERE, "make_onnx.py"), "--config", CONFIG, ...sizes, "--out", BUILD];
  await run(await setUpPython(), args);
}

/** A Python that has `onnx`. */
async function setUpPython() {
  const own = join(BUILD, "venv", "bin", "python");
  for (const python of [own, "python3"]) {
    if (output(python, ["-c", "import onnx"], { stdio: "pipe" }) !== null) return python;
  }
  mkdirSync(BUILD, { recursive: true });
  const steps = [
    ["python3", ["-m", "venv", join(BUILD, "venv")]],
    [own, ["-m", "pip", "install", "--quiet", ONNX]],
  ];
  for (const [program, args] of steps) {
    if ((await exitCode(program, args)) !== 0) {
      throw new Complaint(`The graphs need Python 3 with its package ${ONNX}: install it and run this again.`);
    }
  }
  return own;
}

async function measureForwards(openPage, quick) {
  const page = await openPage();
  const graphs = Object.fromEntries(
    Object.entries(GRAPHS).map(([name, file]) => [name, `/bench/graphs/${file}`]),
  );
  const { model } = readJson(CONFIG);
  const differences = await page.evaluate((args) => openForwards(...args), [
    model,
    N_TOKENS,
    N_IMAGES,
    graphs,
  ]);
  for (const [name, difference] of Object.entries(differences)) {
    if (!(difference <= TOLERANCE)) {
      throw new Complaint(`${name} answers otherwise than we do, by ${difference} of the largest answer.`);
    }
  }
  const [nRounds, nPerRound] = quick ? [2, 2] : [15, 10];
  const times = Object.fromEntries([OURS, ...Object.keys(GRAPHS)].map((name) => [name, []]));
  for (let round = -1; round < nRounds; round++) {
    for (const [name, all] of Object.entries(times)) {
      const some = await page.evaluate((args) => timeForwards(...args), [name, nPerRound]);
      // The first round is for the compilers to wake up.
      if (round >= 0) all.push(...some);
    }
  }
  await page.context().close();

  const ours = median(times[OURS]);
  const engines = {};
  console.log(`\na forward of ${N_TOKENS} tokens and ${N_IMAGES} pictures, ${nRounds} × ${nPerRound} by turns\n`);
  console.log("| engine | median | fastest | ours / this |");
  console.log("|---|---:|---:|---:|");
  for (const [name, all] of Object.entries(times)) {
    const [typical, fastest] = [median(all), Math.min(...all)];
    const ratio = ours / typical;
    console.log(`| ${name} | ${typical.toFixed(1)} ms | ${fastest.toFixed(1)} ms | ${ratio.toFixed(2)} |`);
    engines[name] = {
      median_ms: round(typical),
      min_ms: round(fastest),
      n: all.length,
      ours_over_this: round(ratio),
      difference: differences[name],
    };
  }
  return { n_tokens: N_TOKENS, n_images: N_IMAGES, engines };
}

async function measureStories(openPage, quick) {
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
  console.log(`\na story ("${PROMPT}"), ${runs.length} seeds, everything since before the load\n`);
  console.log("| until | median | slowest | limit |");
  console.log("|---|---:|---:|---:|");
  for (const [name, limit] of Object.entries(LIMITS_MS)) {
    // A story without a picture has no first preview.
    const all = runs.map((run) => run.times[name]).filter((time) => time !== undefined);
    const [typical, slowest] = [median(all), Math.max(...all)];
    console.log(`| ${name} | ${typical.toFixed(0)} ms | ${slowest.toFixed(0)} ms | ${limit ?? "-"} |`);
    times[name] = { median_ms: round(typical), max_ms: round(slowest), n: all.length };
  }
  const step = median(runs.flatMap((run) => run.steps));
  const typical = (name) => median(runs.map((run) => run.stats[name]));
  const stats = { steps: typical("steps"), tokens: typical("tokens"), images: typical("images") };
  console.log(`\na step: ${step.toFixed(1)} ms (median)`);
  console.log(`a story: ${stats.steps} steps, ${stats.tokens} tokens, ${stats.images} pictures (medians)`);
  const { name, version, buildId, worker } = runs[0].info;
  return { prompt: PROMPT, model: { name, version }, buildId, worker, times, step_ms: round(step), stats };
}

function save(measured, chromium) {
  const versionOf = (folder) => readJson(join(folder, "package.json")).version;
  const processors = cpus();
  const result = {
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
    measured,
  };
  mkdirSync(join(RESULT, ".."), { recursive: true });
  writeFileSync(RESULT, `${JSON.stringify(result, null, 2)}\n`);
  console.log("\nwritten to benches/results/browser.json");
}

function readJson(file) {
  return JSON.parse(readFileSync(file, "utf8"));
}

function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Three digits behind the point: more is noise. */
function round(value) {
  return Math.round(value * 1e3) / 1e3;
}
