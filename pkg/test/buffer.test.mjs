import assert from "node:assert/strict";
import { test } from "node:test";
import { EventBuffer } from "../dist/buffer.js";

const text = (step) => ({ type: "text", step, edits: [], text: "" });
const step = (number) => ({ type: "step", step: number });

function image(number, index, final = false) {
  const bitmap = { closed: 0, close: () => (bitmap.closed += 1) };
  return { type: "image", step: number, index, final, bitmap };
}

async function drain(buffer) {
  const events = [];
  for (let next = await buffer.next(); !next.done; next = await buffer.next()) {
    events.push(next.value);
  }
  return events;
}

test("the latest preview of a picture wins, and the dropped one is closed", async () => {
  const buffer = new EventBuffer(true, () => {});
  const [old, other, latest] = [image(1, 0), image(1, 1), image(2, 0)];
  for (const event of [text(1), old, other, step(1), text(2), latest, step(2)]) {
    buffer.push(event, null);
  }
  buffer.finish();
  const events = await drain(buffer);
  assert.ok(!events.includes(old));
  assert.ok(events.includes(other) && events.includes(latest));
  assert.deepEqual([old.bitmap.closed, other.bitmap.closed, latest.bitmap.closed], [1, 0, 0]);
  assert.equal(events.filter(({ type }) => type === "text").length, 2);
});

test("a finished picture is never dropped", async () => {
  const buffer = new EventBuffer(true, () => {});
  const final = image(3, 0, true);
  buffer.push(final, null);
  buffer.push(image(4, 0), null);
  buffer.finish();
  assert.ok((await drain(buffer)).includes(final));
  assert.equal(final.bitmap.closed, 0);
});

test("a bitmap that somebody else has too is not closed", () => {
  const buffer = new EventBuffer(false, () => {});
  const old = image(1, 0);
  buffer.push(old, null);
  buffer.push(image(2, 0), null);
  buffer.fail(new Error("stop"));
  assert.equal(old.bitmap.closed, 0);
});

test("a failure drops what nobody took, closes its bitmaps and is told once", async () => {
  const buffer = new EventBuffer(true, () => {});
  const left = image(1, 0);
  buffer.push(left, null);
  const reason = new Error("stop");
  buffer.fail(reason);
  assert.equal(left.bitmap.closed, 1);
  await assert.rejects(buffer.next(), reason);
  assert.deepEqual(await buffer.next(), { done: true, value: undefined });
});

test("readers that wait are served in order", async () => {
  const buffer = new EventBuffer(true, () => {});
  const [first, second, third] = [buffer.next(), buffer.next(), buffer.next()];
  buffer.push(step(1), null);
  buffer.push(step(2), null);
  buffer.finish();
  assert.equal((await first).value.step, 1);
  assert.equal((await second).value.step, 2);
  assert.equal((await third).done, true);
});
