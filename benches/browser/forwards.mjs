// A forward of this package's engine beside ONNX Runtime Web's, by turns, on each device and at each
// of three shapes.

import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Complaint, exitCode, output, run } from "../../pkg/scripts/command.mjs";
import { ROOT } from "../../pkg/scripts/paths.mjs";
import { median, readJson, round } from "./numbers.mjs";

const HERE = import.meta.dirname;
export const BUILD = join(HERE, ".build");
export const ORT = join(HERE, "node_modules", "onnxruntime-web");
const ONNX = "onnx==1.23.2";

/** The default model's network; the others differ from it in these numbers. */
const { model: NANO } = readJson(join(ROOT, "configs", "storyworld-nano.json"));
const network = (changes) => ({ ...NANO, network: { ...NANO.network, ...changes } });
const D256 = { d_model: 256, n_heads: 8, n_layers: 4, d_mlp: 704, vocab_size: 4096 };
const D384 = { d_model: 384, n_heads: 12, n_layers: 8, d_mlp: 1024, vocab_size: 4096 };

/** A picture is 16 rows, and one among the text: 91, 96 and 160 rows. */
const SHAPES = {
  nano: { config: NANO, nTokens: 40, nImages: 3 },
  d256: { config: network(D256), nTokens: 62, nImages: 2 },
  d384: { config: network(D384), nTokens: 109, nImages: 3 },
};

const OURS = "oneflow-web";
const GRAPHS = ["plain", "fused"];

/** Openings in a new context each; rounds, and forwards in each. WebGPU may well be a software adapter. */
const DEVICES = {
  cpu: { nOpenings: 3, nRounds: 9, nPerRound: 5, tolerance: 1e-4 },
  webgpu: { nOpenings: 2, nRounds: 5, nPerRound: 1, tolerance: 1e-3 },
};
const QUICK = { nOpenings: 1, nRounds: 1, nPerRound: 1 };

/** ONNX Runtime Web, and the graphs for it. */
export async function setUpGraphs() {
  const { dependencies } = readJson(join(HERE, "package.json"));
  const installed = join(ORT, "package.json");
  if (!existsSync(installed) || readJson(installed).version !== dependencies["onnxruntime-web"]) {
    const quiet = ["--no-save", "--no-package-lock", "--no-audit", "--no-fund"];
    if (output("npm", ["install", ...quiet], { cwd: HERE }) === null) {
      throw new Complaint("ONNX Runtime Web cannot be installed: try `npm install` in benches/browser.");
    }
  }
  const python = await setUpPython();
  for (const [name, { config, nTokens, nImages }] of Object.entries(SHAPES)) {
    const folder = join(BUILD, name);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "config.json"), JSON.stringify(config));
    const sizes = ["--tokens", String(nTokens), "--images", String(nImages)];
    const files = ["--config", join(folder, "config.json"), "--out", folder];
    await run(python, [join(HERE, "make_onnx.py"), ...sizes, ...files]);
  }
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

/** What every engine takes on every device at every shape, by shape and device. */
export async function measureForwards(openPage, { quick, say, devices }) {
  const measured = {};
  for (const shape of Object.keys(SHAPES)) {
    measured[shape] = {};
    for (const device of devices) {
      measured[shape][device] = await measure(openPage, { shape, device, quick, say });
    }
  }
  return measured;
}

async function measure(openPage, { shape, device, quick, say }) {
  const { nOpenings, nRounds, nPerRound, tolerance } = { ...DEVICES[device], ...(quick && QUICK) };
  const names = [OURS, ...GRAPHS];
  const byName = () => Object.fromEntries(names.map((name) => [name, []]));
  const [first, times] = [byName(), byName()];
  let page, opened;
  for (let i = 0; i < nOpenings; i++) {
    await page?.context().close();
    page = await openPage();
    opened = await page.evaluate((args) => openForwards(...args), [
      device,
      SHAPES[shape],
      Object.fromEntries(GRAPHS.map((name) => [name, `/bench/graphs/${shape}/${name}.onnx`])),
    ]);
    for (const name of names) {
      first[name].push(opened.first[name]);
    }
  }
  // A graph that a device computes wrongly is shown and not compared with.
  const isRight = (name) => opened.differences[name] <= tolerance;
  if (!isRight(OURS) || !GRAPHS.some(isRight)) {
    const off = JSON.stringify(opened.differences);
    throw new Complaint(`The answers of ${device} are not our CPU's, as shares of the largest: ${off}.`);
  }
  for (let round = quick ? 0 : -1; round < nRounds; round++) {
    for (const name of names) {
      const some = await page.evaluate((args) => timeForwards(...args), [name, nPerRound]);
      // The first round is for the compilers to wake up.
      if (round >= 0) times[name].push(...some);
    }
  }
  await page.context().close();
  return report({ shape, device, opened, first, times, isRight, say });
}

function report({ shape, device, opened, first, times, isRight, say }) {
  const { nTokens, nImages } = SHAPES[shape];
  const engines = {};
  say(`\n${shape} on ${device}${opened.adapter ? ` (${opened.adapter})` : ""}: a forward of ${nTokens} tokens and ${nImages} pictures\n`);
  say("| engine | median | fastest | first | off by |");
  say("|---|---:|---:|---:|---:|");
  for (const [name, all] of Object.entries(times)) {
    const [typical, fastest, start] = [median(all), Math.min(...all), median(first[name])];
    say(`| ${name} | ${typical.toFixed(1)} ms | ${fastest.toFixed(1)} ms | ${start.toFixed(0)} ms | ${opened.differences[name].toExponential(0)} |`);
    engines[name] = {
      median_ms: round(typical),
      first_ms: round(start),
      times_ms: all.map(round),
      first_times_ms: first[name].map(round),
      difference: opened.differences[name],
      is_right: isRight(name),
    };
  }
  return { n_tokens: nTokens, n_images: nImages, adapter: opened.adapter, engines };
}

/** Ours over the fastest of theirs that is right: `webgpu_vs_ort`, `webgpu_first_vs_ort` and so on, by shape. */
export function ratios(measured) {
  const ratio = (engines, time) => {
    const theirs = GRAPHS.map((name) => engines[name]).filter((engine) => engine.is_right);
    return round(engines[OURS][time] / Math.min(...theirs.map((engine) => engine[time])));
  };
  return Object.fromEntries(
    Object.entries(measured).map(([shape, devices]) => [
      shape,
      Object.fromEntries(
        Object.entries(devices).flatMap(([device, { engines }]) => [
          [`${device}_vs_ort`, ratio(engines, "median_ms")],
          [`${device}_first_vs_ort`, ratio(engines, "first_ms")],
        ]),
      ),
    ]),
  );
}
