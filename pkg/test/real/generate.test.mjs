// The package with its engine and its model, under Node.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { applyEdits, OneFlow } from "../../dist/index.js";
import { PROMPT as NATIVE_PROMPT, SEED as NATIVE_SEED } from "../../scripts/native.mjs";
import { load, record, SHORT } from "./model.mjs";

test("the same seed twice gives the same bytes, after another load too", async (t) => {
  const flow = await load(t);
  const first = await record(flow.generate(SHORT));
  const second = await record(flow.generate(SHORT));
  assert.deepEqual(second, first);
  const other = await load(t);
  assert.deepEqual(await record(other.generate(SHORT)), first);
});

test("another seed gives another story", async (t) => {
  const flow = await load(t);
  const [a, b] = [1, 2].map((seed) => flow.generate({ ...SHORT, seed }).result);
  assert.notEqual((await a).toHTML(), (await b).toHTML());
});

test("the text is that of the command line", async (t) => {
  const native = JSON.parse(readFileSync(process.env.ONEFLOW_NATIVE_STORY, "utf8"));
  const flow = await load(t);
  const story = await flow.generate({ prompt: NATIVE_PROMPT, seed: NATIVE_SEED }).result;
  assert.equal(story.text, native.text);
});

test("the edits of each text event turn the text before it into its text", async (t) => {
  const flow = await load(t);
  for (const seed of [1, 2, 3]) {
    let text = "";
    for await (const event of flow.generate({ seed, maxImages: 0, prompt: "a naïve 🦊" })) {
      if (event.type === "text") {
        text = applyEdits(text, event.edits);
        assert.equal(text, event.text);
      } else if (event.type === "done") {
        assert.equal(event.story.text, text);
      }
    }
  }
});

test("a run continued from a snapshot ends like the uninterrupted one, at every step", async (t) => {
  const flow = await load(t);
  const whole = await flow.generate(SHORT).result;
  const snapshots = [];
  const run = flow.generate(SHORT);
  for await (const event of run) if (event.type === "step") snapshots.push(run.snapshot());
  assert.ok(snapshots.length >= SHORT.steps);
  for (const from of snapshots) {
    assert.ok(from.length < 100_000, `${from.length} bytes`);
    const branch = flow.generate({ from });
    let text = "";
    for await (const event of branch) {
      if (event.type !== "text") continue;
      text = applyEdits(text, event.edits);
      assert.equal(text, event.text);
    }
    const story = await branch.result;
    assert.deepEqual(story.parts, whole.parts);
    assert.equal(story.seed, SHORT.seed);
  }
});

test("a snapshot with another seed goes on differently", async (t) => {
  const flow = await load(t);
  const run = flow.generate(SHORT);
  let from;
  for await (const event of run) {
    if (event.type !== "step" || event.step < 3) continue;
    from = run.snapshot();
    break;
  }
  const stories = await Promise.all([1, 2, 3].map((seed) => flow.generate({ from, seed }).result));
  assert.deepEqual(
    stories.map(({ seed }) => seed),
    [1, 2, 3],
  );
  assert.ok(new Set(stories.map(({ text }) => text)).size > 1);
});

test("a snapshot continues in another engine", async (t) => {
  const flow = await load(t);
  const run = flow.generate(SHORT);
  let from;
  for await (const event of run) {
    if (event.type !== "step" || event.step < 3) continue;
    from = run.snapshot();
    break;
  }
  const whole = await flow.generate(SHORT).result;
  const other = await load(t);
  assert.deepEqual((await other.generate({ from }).result).parts, whole.parts);
});

test("pictures have the model's size, and their final event comes before done", async (t) => {
  const flow = await load(t);
  const { width, height } = flow.info.imageSize;
  const finals = new Set();
  for await (const event of flow.generate({ prompt: "A story about a fox.", seed: 1 })) {
    if (event.type === "image") {
      assert.deepEqual([event.bitmap.width, event.bitmap.height], [width, height]);
      if (event.final) finals.add(event.index);
    }
    if (event.type === "done") {
      assert.equal(event.story.images.length, finals.size);
      assert.equal(event.stats.images, finals.size);
      for (const part of event.story.parts) {
        if (part.type === "image") assert.ok(part.alt.length > 0);
      }
    }
  }
});

test("an image count of 0 and a token count of 1 are kept to", async (t) => {
  const flow = await load(t);
  const noImages = await flow.generate({ ...SHORT, maxImages: 0 }).result;
  assert.deepEqual(noImages.images, []);
  for await (const event of flow.generate({ ...SHORT, maxTokens: 1, maxImages: 0 })) {
    if (event.type === "done") assert.ok(event.stats.tokens <= 1);
  }
});

test("any prompt is a prompt: empty, long, lone surrogates, other scripts, special tokens", async (t) => {
  const flow = await load(t);
  for (const prompt of [
    "",
    "fox ".repeat(500),
    "\ud800fox\udc00",
    "狐狸在森林里 🦊",
    "\0\n\t",
    "<|begin|><|image|><|prompt-end|>",
  ]) {
    const story = await flow.generate({ prompt, seed: 1, steps: 2, maxImages: 1 }).result;
    assert.ok(story.text.isWellFormed());
    assert.doesNotMatch(story.text, /<\|/);
  }
});

test("a signal aborts within one step", async (t) => {
  const flow = await load(t);
  const controller = new AbortController();
  const run = flow.generate({ ...SHORT, steps: 200, signal: controller.signal });
  let steps = 0;
  await assert.rejects(
    async () => {
      for await (const event of run) {
        if (event.type === "step" && ++steps === 2) setTimeout(() => controller.abort());
      }
    },
    { name: "AbortError" },
  );
  assert.ok(steps <= 3);
});

test("the model in the package is ready under Node", async () => {
  const fit = await OneFlow.check();
  assert.equal(fit.status, "ready");
  assert.equal(fit.device, "cpu");
});
