// npm test: sets up what the tests need, runs all of them, and ends in `N passed, N failed`.
//
// node scripts/test.mjs [suite…]   only these suites, out of: rust unit real browser firefox sizes

import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { build, buildTypeScript } from "./build.mjs";
import { Complaint, exitCode, main } from "./command.mjs";
import { writeNativeStory } from "./native.mjs";
import { BROWSER_TESTS, DIST, FIREFOX_TESTS, MODELS, PKG, ROOT, TARGET } from "./paths.mjs";
import {
  setUpChromium,
  setUpFirefox,
  setUpNativeFeatures,
  setUpNpm,
  setUpRust,
} from "./setup.mjs";

const SUITES = { rust, unit, real, browser, firefox, sizes };

let nPassed = 0;
let nFailed = 0;
/** The story of the command line, once it is asked for. */
let story = null;

await main(async () => {
  const chosen = process.argv.slice(2);
  const unknown = chosen.find((name) => !Object.hasOwn(SUITES, name));
  if (unknown !== undefined) {
    throw new Complaint(
      `There is no suite ${unknown}: choose from ${Object.keys(SUITES).join(" ")}.`,
    );
  }
  for (const [name, suite] of Object.entries(SUITES)) {
    if (chosen.length > 0 && !chosen.includes(name)) continue;
    console.log(`\n== ${name}`);
    try {
      await suite();
    } catch (error) {
      // What could not be set up or built counts as one failed test.
      console.error(error instanceof Complaint ? error.message : error);
      nFailed += 1;
    }
  }
});
console.log(`\n${nPassed} passed, ${nFailed} failed`);
if (nFailed > 0) process.exitCode = 1;

/** Everything that cargo tests. */
async function rust() {
  await setUpRust();
  let nBefore = nFailed;
  const features = await setUpNativeFeatures();
  const code = await exitCode(
    "cargo",
    ["test", "--locked", "--release", "--features", features, "--no-fail-fast"],
    {
      cwd: ROOT,
      env: { CARGO_TARGET_DIR: TARGET },
      onLine(line) {
        const counts = /^test result: \w+\. (\d+) passed; (\d+) failed/.exec(line);
        if (counts) count(Number(counts[1]), Number(counts[2]));
      },
    },
  );
  if (code !== 0 && nFailed === nBefore) nFailed += 1;
}

/** The TypeScript with a fake engine, and the scripts. */
async function unit() {
  await buildTypeScript();
  await nodeTests(testFiles(join(PKG, "test")), ["--import", "./test/fake/register.mjs"]);
}

/** The package with its engine and its model, under Node. */
async function real() {
  await buildAll();
  const env = { ONEFLOW_NATIVE_STORY: await nativeStory() };
  await nodeTests(testFiles(join(PKG, "test", "real")), ["--expose-gc"], env);
}

/** The package and the demo in a Chromium. */
async function browser() {
  await buildAll();
  const env = {
    CHROMIUM_PATH: await setUpChromium(),
    ONEFLOW_NATIVE_STORY: await nativeStory(),
  };
  await nodeTests(testFiles(BROWSER_TESTS), [], env);
}

/** The package in a Firefox, whose WebGPU is not Chromium's. */
async function firefox() {
  const path = await setUpFirefox();
  if (path === null) {
    console.log("There is no Firefox with a Vulkan driver, so its tests are left out.");
    return;
  }
  await buildAll();
  await nodeTests(testFiles(FIREFOX_TESTS), [], { FIREFOX_PATH: path });
}

/** The limits of what is downloaded. */
async function sizes() {
  await buildAll();
  const code = await exitCode(process.execPath, [join(PKG, "scripts", "sizes.mjs"), "--check"]);
  count(code === 0 ? 1 : 0, code === 0 ? 0 : 1);
}

async function buildAll() {
  await setUpNpm();
  await build();
  for (const file of [
    join(DIST, "wasm", "oneflow_web_bg.wasm"),
    join(MODELS, "storyworld", "manifest.json"),
  ]) {
    if (!existsSync(file)) throw new Complaint(`${file} is missing, so these tests cannot run.`);
  }
}

function nativeStory() {
  return (story ??= writeNativeStory());
}

async function nodeTests(files, options, env = {}) {
  const nBefore = nFailed;
  const runner = ["--test", "--test-concurrency=1", "--test-reporter=spec"];
  const code = await exitCode(process.execPath, [...options, ...runner, ...files], {
    cwd: PKG,
    env,
    onLine(line) {
      const counts = /^ℹ (pass|fail|cancelled) (\d+)$/.exec(line.trim());
      if (!counts) return;
      const number = Number(counts[2]);
      if (counts[1] === "pass") count(number, 0);
      else count(0, number);
    },
  });
  if (code !== 0 && nFailed === nBefore) nFailed += 1;
}

function testFiles(folder) {
  return readdirSync(folder)
    .filter((name) => name.endsWith(".test.mjs"))
    .sort()
    .map((name) => join(folder, name));
}

function count(passed, failed) {
  nPassed += passed;
  nFailed += failed;
}
