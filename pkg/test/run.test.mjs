import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { applyEdits } from "../dist/index.js";
import { control, live, reset } from "./fake/control.mjs";
import { loadFake } from "./fake/model.mjs";
import { useFakeWorker } from "./fake/worker.mjs";

afterEach(reset);

const aborted = { name: "AbortError" };

/** Every test of a run holds with and without a worker. */
function testBoth(name, body) {
  test(`${name} (this thread)`, body);
  test(`${name} (worker)`, async (t) => {
    useFakeWorker(t);
    await body(t);
  });
}

async function collect(run) {
  const events = [];
  for await (const event of run) events.push(event);
  return events;
}

testBoth("the edits of each text event turn the text before it into its text", async (t) => {
  const flow = await loadFake(t);
  for (let seed = 0; seed < 100; seed++) {
    let text = "";
    for (const event of await collect(flow.generate({ seed, steps: 12 }))) {
      if (event.type !== "text") continue;
      text = applyEdits(text, event.edits);
      assert.equal(text, event.text);
    }
  }
});

testBoth("iterator, callback, promise and stream tell the same story", async (t) => {
  const flow = await loadFake(t);
  const options = { seed: 3, preview: false };
  const iterated = await collect(flow.generate(options));
  const heard = [];
  const story = await flow.generate({ ...options, onStep: (event) => heard.push(event) }).result;
  const streamed = [];
  const reader = flow.generate(options).toReadableStream().getReader();
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    streamed.push(read.value);
  }
  const plain = (events) => JSON.stringify(events, (key, value) => (key === "ms" ? 0 : value));
  assert.equal(plain(heard), plain(iterated));
  assert.equal(plain(streamed), plain(iterated));
  assert.equal(story.toHTML(), iterated.at(-1).story.toHTML());
});

testBoth("events come in the order text, pictures, step; done is the last", async (t) => {
  const flow = await loadFake(t);
  const events = await collect(flow.generate({ seed: 3, steps: 4 }));
  assert.equal(events.at(-1).type, "done");
  const rank = { text: 0, image: 1, step: 2, done: 3 };
  for (let at = 1; at < events.length; at++) {
    const [before, now] = [events[at - 1], events[at]];
    if (now.type === "done") continue;
    assert.ok(now.step > before.step || rank[now.type] >= rank[before.type]);
  }
});

testBoth("the story has its parts, its pictures and its seed", async (t) => {
  const flow = await loadFake(t);
  const run = flow.generate({ seed: 9, prompt: "a fox" });
  assert.equal(run.seed, 9);
  const story = await run.result;
  assert.equal(story.seed, 9);
  assert.equal(story.prompt, "a fox");
  assert.deepEqual(
    story.parts.map(({ type }) => type),
    ["text", "image", "image"],
  );
  assert.equal(story.text, story.parts[0].text);
  assert.equal(story.images.length, 2);
  assert.equal(story.images[0].width, 2);
  assert.equal(story.images[0].data.length, 16);
  assert.deepEqual(
    story.parts.slice(1).map(({ alt }) => alt),
    ["a fox", "Picture 2 of the story"],
  );
});

testBoth("a random seed is reported and gives the same story again", async (t) => {
  const flow = await loadFake(t);
  const run = flow.generate();
  const first = await run.result;
  assert.equal(first.seed, run.seed);
  const second = await flow.generate({ seed: run.seed }).result;
  assert.equal(second.toHTML(), first.toHTML());
});

testBoth("step and done events say how long it took", async (t) => {
  control.stepMs = 5;
  const flow = await loadFake(t);
  const events = await collect(flow.generate({ steps: 3 }));
  const steps = events.filter(({ type }) => type === "step");
  assert.equal(steps.length, 3);
  for (const { ms } of steps) assert.ok(ms >= 4 && ms < 1000, `${ms} ms`);
  assert.ok(events.at(-1).stats.ms >= 12);
});

testBoth("preview: false shows finished pictures only", async (t) => {
  const flow = await loadFake(t);
  const events = await collect(flow.generate({ preview: false }));
  const images = events.filter(({ type }) => type === "image");
  assert.deepEqual(
    images.map(({ final, index }) => [final, index]),
    [
      [true, 0],
      [true, 1],
    ],
  );
});

testBoth("an image count of 0 gives text", async (t) => {
  const flow = await loadFake(t);
  const story = await flow.generate({ maxImages: 0 }).result;
  assert.deepEqual(story.images, []);
});

testBoth("leaving the loop cancels the run within one step", async (t) => {
  const flow = await loadFake(t);
  const { runs } = live;
  const run = flow.generate({ steps: 50 });
  for await (const event of run) if (event.type === "step") break;
  const { steps } = control;
  await assert.rejects(run.result, aborted);
  await sleep(20);
  assert.ok(control.steps - steps <= 1);
  assert.equal(live.runs, runs);
});

testBoth("a signal aborts the run with its own reason, within one step", async (t) => {
  const flow = await loadFake(t);
  const { runs } = live;
  const controller = new AbortController();
  const run = flow.generate({ steps: 50, signal: controller.signal });
  const reason = new Error("enough");
  let seen = 0;
  await assert.rejects(async () => {
    for await (const event of run) {
      if (event.type === "step" && ++seen === 2) controller.abort(reason);
      assert.ok(seen <= 2);
    }
  }, reason);
  await assert.rejects(run.result, reason);
  const { steps } = control;
  await sleep(20);
  assert.ok(control.steps - steps <= 1);
  assert.equal(live.runs, runs);
});

testBoth("a signal without a reason aborts with an AbortError", async (t) => {
  const flow = await loadFake(t);
  const controller = new AbortController();
  const run = flow.generate({ signal: controller.signal });
  controller.abort();
  await assert.rejects(run.result, (reason) => reason === controller.signal.reason);
  const late = flow.generate({ signal: controller.signal });
  await assert.rejects(late.result, aborted);
  await assert.rejects(collect(late), aborted);
});

testBoth("cancel rejects the promise and the iterator, and may be called twice", async (t) => {
  const flow = await loadFake(t);
  const run = flow.generate();
  const loop = collect(run);
  run.cancel();
  run.cancel();
  await assert.rejects(loop, aborted);
  await assert.rejects(run.result, aborted);
});

testBoth("cancelling the stream cancels the run", async (t) => {
  const flow = await loadFake(t);
  const run = flow.generate({ steps: 50 });
  const reader = run.toReadableStream().getReader();
  await reader.read();
  await reader.cancel();
  await assert.rejects(run.result, aborted);
});

testBoth("a finished run cannot be cancelled", async (t) => {
  const flow = await loadFake(t);
  const run = flow.generate();
  const story = await run.result;
  run.cancel();
  assert.equal(await run.result, story);
});

testBoth("a pause takes effect within one step and ends with resume", async (t) => {
  const flow = await loadFake(t);
  const run = flow.generate({ steps: 6 });
  const { result } = run;
  await sleep(5);
  run.pause();
  assert.equal(run.paused, true);
  await sleep(10);
  const { steps } = control;
  await sleep(30);
  assert.equal(control.steps, steps);
  run.resume();
  assert.equal(run.paused, false);
  await result;
  assert.equal(control.steps, 6);
});

testBoth("a paused run can be cancelled", async (t) => {
  const flow = await loadFake(t);
  const run = flow.generate();
  run.pause();
  await sleep(10);
  run.cancel();
  await assert.rejects(run.result, aborted);
});

testBoth("a run continued from a snapshot ends like the uninterrupted one", async (t) => {
  const flow = await loadFake(t);
  const options = { seed: 5, steps: 8 };
  const whole = await flow.generate(options).result;
  for (const at of [1, 4, 7]) {
    const run = flow.generate(options);
    let saved;
    for await (const event of run) {
      if (event.type !== "step" || event.step !== at) continue;
      saved = run.snapshot();
      break;
    }
    const branch = flow.generate({ from: saved });
    let text = "";
    for await (const event of branch) {
      if (event.type === "text") {
        text = applyEdits(text, event.edits);
        assert.equal(text, event.text);
      } else if (event.type === "step") {
        assert.ok(event.step > at);
      }
    }
    const story = await branch.result;
    assert.deepEqual(story.parts, whole.parts);
    assert.equal(story.seed, 5);
  }
});

testBoth("a snapshot belongs to the step that the reader saw last", async (t) => {
  const flow = await loadFake(t);
  const stepOf = (snapshot) => JSON.parse(new TextDecoder().decode(snapshot)).step;
  const run = flow.generate({ steps: 6 });
  for await (const event of run) {
    if (event.type !== "step") continue;
    await sleep(5); // The run goes on meanwhile.
    assert.equal(stepOf(run.snapshot()), event.step);
  }
  const watched = flow.generate({
    steps: 3,
    onStep: (event) => {
      if (event.type === "step") assert.equal(stepOf(watched.snapshot()), event.step);
    },
  });
  await watched.result;
});

testBoth("a run waits two steps ahead of its reader", async (t) => {
  const flow = await loadFake(t);
  const run = flow.generate({ steps: 50, maxImages: 0 });
  const iterator = run[Symbol.asyncIterator]();
  await iterator.next();
  await sleep(40);
  assert.ok(control.steps <= 4, `${control.steps} steps`);
  run.cancel();
});

testBoth("a run does not wait for a reader when its result is awaited", async (t) => {
  const flow = await loadFake(t);
  const run = flow.generate({ steps: 20 });
  await run[Symbol.asyncIterator]().next();
  await run.result;
  assert.equal(control.steps, 20);
});

testBoth("a slow reader misses previews, and neither text nor finished pictures", async (t) => {
  const flow = await loadFake(t);
  const whole = await collect(flow.generate({ seed: 2, steps: 10, preview: false }));
  const run = flow.generate({ seed: 2, steps: 10 });
  const iterator = run[Symbol.asyncIterator]();
  const first = await iterator.next();
  await run.result;
  const rest = await collect(run);
  const events = [first.value, ...rest];
  const previews = events.filter((event) => event.type === "image" && !event.final);
  assert.ok(previews.length <= 2, "at most the ones that were taken before");
  const kept = events.filter((event) => event.type !== "image" || event.final);
  const plain = (list) => JSON.stringify(list, (key, value) => (key === "ms" ? 0 : value));
  assert.equal(plain(kept), plain(whole));
});

testBoth("runs take turns", async (t) => {
  const flow = await loadFake(t);
  const order = [];
  const runs = [1, 2, 3].map((name) =>
    flow.generate({
      steps: 3,
      maxImages: 0,
      onStep: ({ type }) => type === "step" && order.push(name),
    }),
  );
  await Promise.all(runs.map(({ result }) => result));
  assert.deepEqual(order, [1, 1, 1, 2, 2, 2, 3, 3, 3]);
});

testBoth("a run inside the loop of another one does not wait forever", async (t) => {
  const flow = await loadFake(t);
  for await (const event of flow.generate({ steps: 12, seed: 1 })) {
    if (event.type !== "step" || event.step > 1) continue;
    await flow.generate({ steps: 2, seed: 1 }).result;
  }
});

testBoth("a waiting run can be cancelled, and the next one follows", async (t) => {
  const flow = await loadFake(t);
  const [first, second, third] = [flow.generate(), flow.generate(), flow.generate()];
  second.cancel();
  await assert.rejects(second.result, aborted);
  await first.result;
  await third.result;
});

testBoth("a run that nobody waits for fails without a word", async (t) => {
  const flow = await loadFake(t);
  let unhandled = null;
  const note = (reason) => (unhandled = reason);
  process.on("unhandledRejection", note);
  flow.generate().cancel();
  const { result: _ } = flow.generate({ signal: AbortSignal.abort() });
  await sleep(10);
  process.off("unhandledRejection", note);
  assert.equal(unhandled, null);
});

testBoth("an error in onStep ends the run with that error", async (t) => {
  const flow = await loadFake(t);
  const { runs } = live;
  const mistake = new Error("mine");
  const run = flow.generate({
    onStep() {
      throw mistake;
    },
  });
  await assert.rejects(run.result, mistake);
  await sleep(5);
  assert.equal(live.runs, runs);
});

testBoth("close during a run cancels it and frees everything", async (t) => {
  const flow = await loadFake(t);
  const run = flow.generate({ steps: 50 });
  await run[Symbol.asyncIterator]().next();
  const waiting = flow.generate();
  flow.close();
  flow.close();
  await assert.rejects(run.result, aborted);
  await assert.rejects(waiting.result, aborted);
  const { steps } = control;
  await sleep(20);
  assert.ok(control.steps - steps <= 1);
});

test("close frees the engine and its runs", async (t) => {
  const before = { ...live };
  const flow = await loadFake(t);
  const run = flow.generate({ steps: 50 });
  await run[Symbol.asyncIterator]().next();
  flow.close();
  await sleep(10);
  assert.deepEqual(live, before);
});

test("asyncDispose closes", async (t) => {
  const flow = await loadFake(t);
  await flow[Symbol.asyncDispose]();
  assert.throws(() => flow.generate(), { code: "closed" });
});

test("bitmaps under Node are shaped like ImageData and can be closed", async (t) => {
  const flow = await loadFake(t);
  for await (const event of flow.generate()) {
    if (event.type !== "image") continue;
    const { width, height, data } = event.bitmap;
    assert.equal(data.length, width * height * 4);
    event.bitmap.close();
  }
});
