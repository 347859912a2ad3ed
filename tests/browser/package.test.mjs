// The package in a page under the strict policy: it loads, generates, and asks for nothing more.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { PROMPT, SEED } from "../../pkg/scripts/native.mjs";
import { openPage, useBrowser } from "./chromium.mjs";

const shared = useBrowser();

const SHORT = { prompt: "A shy fox in the forest at night.", seed: 11, steps: 6, maxTokens: 48 };

for (const worker of [true, false]) {
  const where = worker ? "worker" : "page";

  test(`a story is made under the strict policy (${where})`, async (t) => {
    const { page, complaints } = await openPage(t, shared.browser);
    const { events, info, violations } = await page.evaluate(
      async ([worker, options]) => {
        const flow = await oneflow.OneFlow.load({ worker });
        const events = await record(flow.generate(options));
        flow.close();
        return { events, info: flow.info, violations };
      },
      [worker, SHORT],
    );
    assert.equal(info.worker, worker);
    assert.deepEqual(violations, []);
    assert.deepEqual(complaints, []);
    const done = events.at(-1);
    assert.equal(done.type, "done");
    assert.equal(done.seed, SHORT.seed);
    assert.ok(done.text.length > 0);
    assert.ok(events.some(({ type }) => type === "text"));
    assert.equal(events.filter(({ type, final }) => type === "image" && final).length, done.images);
  });

  test(`the text is that of the command line (${where})`, async (t) => {
    const native = JSON.parse(readFileSync(process.env.ONEFLOW_NATIVE_STORY, "utf8"));
    const { page } = await openPage(t, shared.browser);
    const text = await page.evaluate(
      async ([worker, prompt, seed]) => {
        return await withFlow({ worker }, async (flow) => {
          return (await flow.generate({ prompt, seed, preview: false }).result).text;
        });
      },
      [worker, PROMPT, SEED],
    );
    assert.equal(text, native.text);
  });

  test(`the network can be cut after the load (${where})`, async (t) => {
    const { page, context, server, requests } = await openPage(t, shared.browser);
    await page.evaluate(async (worker) => {
      globalThis.flow = await oneflow.OneFlow.load({ worker });
    }, worker);
    const before = requests.length;
    const late = [];
    context.on("request", (request) => late.push(request.url()));
    await context.route("**", (route) => route.abort());
    await context.setOffline(true);
    await server.close();
    const text = await page.evaluate(
      async (options) => (await flow.generate(options).result).text,
      SHORT,
    );
    assert.ok(text.length > 0);
    assert.deepEqual(late, []);
    assert.equal(requests.length, before);
  });
}

test("the same bytes twice, in a worker and without, and after another load", async (t) => {
  const { page } = await openPage(t, shared.browser);
  const records = await page.evaluate(async (options) => {
    const all = [];
    for (const worker of [true, false]) {
      const flow = await oneflow.OneFlow.load({ worker });
      // The story's bytes do not depend on how many previews the reader had time for.
      for (let round = 0; round < 2; round++) {
        all.push(await record(flow.generate({ ...options, preview: false })));
      }
      flow.close();
    }
    return all;
  }, SHORT);
  for (const other of records.slice(1)) assert.deepEqual(other, records[0]);
});

test("previews and finished pictures are bitmaps of the model's size, ours to close", async (t) => {
  const { page } = await openPage(t, shared.browser);
  const seen = await page.evaluate(async () => {
    return await withFlow({}, async (flow) => {
      const seen = [];
      for await (const event of flow.generate({
        prompt: "A story about a fox.",
        seed: 1,
        steps: 8,
      })) {
        if (event.type !== "image") continue;
        const { bitmap, final } = event;
        const before = [bitmap instanceof ImageBitmap, bitmap.width, bitmap.height];
        bitmap.close();
        seen.push({ final, before, after: bitmap.width });
      }
      return { seen, size: flow.info.imageSize };
    });
  });
  const { width, height } = seen.size;
  assert.ok(seen.seen.some(({ final }) => final) && seen.seen.some(({ final }) => !final));
  for (const { before, after } of seen.seen) {
    assert.deepEqual([before, after], [[true, width, height], 0]);
  }
});

test("a run goes on from a snapshot to the same story", async (t) => {
  const { page } = await openPage(t, shared.browser);
  const [whole, branch] = await page.evaluate(async (options) => {
    return await withFlow({}, async (flow) => {
      const run = flow.generate(options);
      let from;
      for await (const event of run) {
        if (event.type === "step" && event.step === 3) from = run.snapshot();
      }
      const whole = await run.result;
      const branch = await flow.generate({ from }).result;
      // The prompt is the title of the file, and the snapshot does not tell it.
      return [whole, branch].map((story) => story.toHTML({ title: "A story" }));
    });
  }, SHORT);
  assert.equal(branch, whole);
});

test("the story as a file shows its pictures and breaks no policy of its own", async (t) => {
  const { page, context } = await openPage(t, shared.browser);
  const html = await page.evaluate(async (options) => {
    return await withFlow({}, async (flow) => {
      return (await flow.generate(options).result).toHTML();
    });
  }, SHORT);
  const saved = await context.newPage();
  const complaints = [];
  saved.on("console", (message) => complaints.push(message.text()));
  await saved.setContent(html, { waitUntil: "load" });
  const images = await saved.evaluate(() =>
    Promise.all(
      Array.from(document.images, async (image) => {
        await image.decode();
        return [image.naturalWidth === image.width || image.naturalWidth > 0, image.alt.length > 0];
      }),
    ),
  );
  assert.ok(images.length > 0);
  for (const image of images) assert.deepEqual(image, [true, true]);
  assert.deepEqual(complaints, []);
});

test("check answers before anything is loaded, and fetches the manifest only", async (t) => {
  const { page, requests } = await openPage(t, shared.browser);
  const before = requests.length;
  const fit = await page.evaluate(() => oneflow.OneFlow.check());
  assert.equal(fit.status, "downloadable");
  assert.equal(fit.device, "cpu");
  assert.ok(fit.downloadBytes > 1e5);
  assert.deepEqual(requests.slice(before), ["/models/storyworld/manifest.json"]);
});

test("a model from elsewhere is kept, and a damaged entry is fetched again", async (t) => {
  const { page, requests } = await openPage(t, shared.browser);
  const load = () =>
    page.evaluate(async () => (await oneflow.OneFlow.load({ model: "/copy/" })).close());
  const files = () => requests.splice(0).filter((url) => url.startsWith("/copy/"));
  await load();
  assert.equal(files().length, 4);
  await load();
  assert.deepEqual(files(), ["/copy/manifest.json"]);
  const fit = await page.evaluate(() => oneflow.OneFlow.check({ model: "/copy/" }));
  assert.deepEqual([fit.status, fit.downloadBytes], ["ready", 0]);
  await page.evaluate(async () => {
    const cache = await caches.open("oneflow-web/1");
    for (const request of await cache.keys()) {
      if (!request.url.includes("config.json")) continue;
      await cache.put(request, new Response("{}"));
    }
  });
  requests.length = 0;
  await load();
  assert.deepEqual(files(), ["/copy/manifest.json", "/copy/config.json"]);
});
