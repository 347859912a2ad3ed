import assert from "node:assert/strict";
import { test } from "node:test";
import { OneFlow } from "../dist/index.js";
import { MAX_PROMPT_LENGTH, runRequestFromOptions } from "../dist/options.js";

const invalidOption = (pattern) => ({
  name: "OneFlowError",
  code: "invalid-option",
  message: pattern,
});
const invalidPrompt = (pattern) => ({
  name: "OneFlowError",
  code: "invalid-prompt",
  message: pattern,
});

const OUT_OF_RANGE = {
  steps: [0, 201, 1.5, "24", NaN, null],
  seed: [-1, 1.5, 2 ** 53, "7"],
  temperature: [0, -1, 2.1, Infinity, "1"],
  topP: [0, 1.01, NaN],
  textGuidance: [-0.1, 10.1, NaN],
  imageGuidance: [-0.1, 10.1, "2"],
  maxTokens: [0, 513, 2.5],
  maxImages: [-1, 9, 0.5],
};

for (const [name, values] of Object.entries(OUT_OF_RANGE)) {
  for (const value of values) {
    test(`${name}: ${value} is refused, and the message names the option and the range`, () => {
      const pattern = new RegExp(`^\`${name}\` is .*: give an? (integer|number) (from|above)`);
      assert.throws(() => runRequestFromOptions({ [name]: value }), invalidOption(pattern));
    });
  }
}

test("the ends of the ranges are allowed", () => {
  const low = { steps: 1, seed: 0, temperature: 0.01, topP: 0.01, maxTokens: 1, maxImages: 0 };
  const high = {
    steps: 200,
    seed: 2 ** 53 - 1,
    temperature: 2,
    topP: 1,
    maxTokens: 512,
    maxImages: 8,
  };
  for (const options of [
    { ...low, textGuidance: 0, imageGuidance: 0 },
    { ...high, textGuidance: 10, imageGuidance: 10 },
  ]) {
    const { options: start } = runRequestFromOptions(options);
    assert.deepEqual(start, { ...options, prompt: "", previewEvery: 1 });
  }
});

test("what is left out is left to the model, but for the seed, the prompt and the previews", () => {
  const { kind, options } = runRequestFromOptions({});
  assert.equal(kind, "start");
  assert.deepEqual(Object.keys(options).sort(), ["previewEvery", "prompt", "seed"]);
  assert.ok(Number.isSafeInteger(options.seed));
});

test("an option that is undefined is left out", () => {
  const { options } = runRequestFromOptions({
    steps: undefined,
    prompt: undefined,
    preview: undefined,
  });
  assert.ok(!("steps" in options));
});

test("random seeds differ", () => {
  const seeds = new Set(Array.from({ length: 8 }, () => runRequestFromOptions({}).options.seed));
  assert.ok(seeds.size > 4);
});

test("an unknown option is refused by name", () => {
  assert.throws(() => runRequestFromOptions({ stpes: 3 }), invalidOption(/unknown option `stpes`/));
  assert.throws(
    () => runRequestFromOptions({ preview: { size: 2 } }),
    invalidOption(/preview\.size/),
  );
});

test("options that are no object are refused", () => {
  assert.throws(() => runRequestFromOptions("a fox"), invalidOption(/give an object/));
  assert.throws(() => runRequestFromOptions(null), invalidOption(/give an object/));
});

test("a prompt that is no string is refused", () => {
  for (const prompt of [5, null, {}, ["a"], true]) {
    assert.throws(() => runRequestFromOptions({ prompt }), invalidPrompt(/give a string/));
  }
});

test("a prompt of 2,000 UTF-16 units is the longest", () => {
  const longest = "a".repeat(MAX_PROMPT_LENGTH);
  assert.equal(runRequestFromOptions({ prompt: longest }).options.prompt, longest);
  assert.throws(
    () => runRequestFromOptions({ prompt: `${longest}a` }),
    invalidPrompt(/2001 .*shorten/),
  );
  assert.throws(() => runRequestFromOptions({ prompt: "🦊".repeat(1001) }), invalidPrompt(/2002/));
});

test("an empty prompt is no prompt", () => {
  assert.equal(runRequestFromOptions({ prompt: "" }).options.prompt, "");
});

test("lone surrogates become replacement characters, pairs stay", () => {
  const { prompt } = runRequestFromOptions({ prompt: "a\ud800b🦊\udc00" }).options;
  assert.equal(prompt, "a\ufffdb🦊\ufffd");
});

test("previews: every n-th step, or none", () => {
  const every = (preview) => runRequestFromOptions({ preview }).options.previewEvery;
  assert.equal(every(false), 0);
  assert.equal(every({}), 1);
  assert.equal(every({ every: 3 }), 3);
  for (const preview of [true, 2, null, { every: 0 }, { every: 1.5 }, { every: "2" }]) {
    assert.throws(() => every(preview), invalidOption(/preview/));
  }
});

test("a snapshot goes with how the run is watched and with nothing else", () => {
  const from = Uint8Array.of(1, 2);
  const request = runRequestFromOptions({ from, preview: false, queue: true, onStep() {} });
  assert.deepEqual(request, { kind: "resume", snapshot: from, options: { previewEvery: 0 } });
  assert.notEqual(request.snapshot, from, "the caller may reuse the array");
  const branch = runRequestFromOptions({ from, seed: 3 });
  assert.deepEqual(branch.options, { previewEvery: 1, seed: 3 });
  for (const options of [{ prompt: "a" }, { temperature: 1 }, { steps: 4 }, { maxImages: 0 }]) {
    assert.throws(() => runRequestFromOptions({ from, ...options }), invalidOption(/snapshot/));
  }
  assert.throws(() => runRequestFromOptions({ from: [1, 2] }), invalidOption(/`from`/));
});

test("signal, onStep and queue have their types", () => {
  for (const options of [{ signal: 1 }, { signal: {} }, { onStep: 1 }, { queue: "no" }]) {
    assert.throws(() => runRequestFromOptions(options), invalidOption(/give/));
  }
});

test("load and check refuse what they do not know", async () => {
  for (const options of [
    { modle: "x" },
    { device: "gpu" },
    { precision: "f64" },
    { precision: "f16", device: "cpu" },
    { worker: 1 },
    { cache: "opfs" },
    { onProgress: {} },
    { signal: "abort" },
    { model: 5 },
    { model: "" },
    { workerUrl: 5 },
    { wasmUrl: {} },
    null,
  ]) {
    await assert.rejects(OneFlow.load(options), invalidOption(/./));
  }
  await assert.rejects(OneFlow.check({ onProgress() {} }), invalidOption(/onProgress/));
  await assert.rejects(OneFlow.check({ device: "npu" }), invalidOption(/device/));
});
