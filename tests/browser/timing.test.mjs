// How long people wait, on a machine with two cores and no GPU. The limits are those of the release;
// the better of two runs counts, because the machine does other things too.

import assert from "node:assert/strict";
import { test } from "node:test";
import { PROMPT, SEED } from "../../pkg/scripts/native.mjs";
import { openPage, useBrowser } from "./chromium.mjs";

const LIMITS_MS = { load: Infinity, firstEvent: 1500, firstPreview: 3000, story: 15_000 };

const shared = useBrowser();

test("load to first event, first preview and whole story stay within their limits", async (t) => {
  const rounds = [];
  for (let round = 0; round < 2; round++) {
    // Each round has a new context, so nothing is in a cache.
    const { page } = await openPage(t, shared.browser);
    rounds.push(
      await page.evaluate(
        async ([prompt, seed]) => {
          const times = {};
          const begin = performance.now();
          const note = (name) => (times[name] ??= performance.now() - begin);
          return await withFlow({}, async (flow) => {
            note("load");
            for await (const event of flow.generate({ prompt, seed })) {
              note("firstEvent");
              if (event.type === "image") {
                note("firstPreview");
                event.bitmap.close();
              }
            }
            note("story");
            return times;
          });
        },
        [PROMPT, SEED],
      ),
    );
  }
  for (const [name, limit] of Object.entries(LIMITS_MS)) {
    const times = rounds.map((times) => times[name]);
    const best = Math.min(...times);
    const all = times.map((time) => time.toFixed(0)).join(", ");
    t.diagnostic(`${name}: ${all} ms${limit < Infinity ? ` (at most ${limit})` : ""}`);
    assert.ok(best <= limit, `${name}: ${all} ms, at most ${limit}`);
  }
});
