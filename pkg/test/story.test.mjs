import assert from "node:assert/strict";
import { test } from "node:test";
import { inflateSync } from "node:zlib";
import { Story } from "../dist/index.js";
import { pngFromPixels } from "../dist/png.js";

const EVIL = `<img src=x onerror="alert('1')"> & </title><script>alert(1)</script>`;
const pixel = { width: 1, height: 1, data: Uint8ClampedArray.of(1, 2, 3, 255) };

function story(changes = {}) {
  const { text = "A fox.", alt = "a fox", prompt = "a fox" } = changes;
  return new Story(
    [
      { type: "text", text },
      { type: "image", image: pixel, alt },
      { type: "text", text: " It sleeps." },
    ],
    prompt,
    7,
  );
}

test("text joins the text parts, images are the pictures", () => {
  assert.equal(story().text, "A fox. It sleeps.");
  assert.deepEqual(story().images, [pixel]);
});

test("the HTML is one file with the parts in order", () => {
  const html = story().toHTML();
  assert.match(html, /^<!doctype html>\n<html lang="en">/);
  assert.match(html, /<title>a fox<\/title>/);
  assert.match(
    html,
    /<p>A fox\.<\/p>\n<figure><img src="data:image\/png;base64,[^"]+" width="1" height="1" alt="a fox"><\/figure>\n<p>It sleeps\.<\/p>/,
  );
  assert.doesNotMatch(html, /https?:/);
  assert.doesNotMatch(html, /<script/);
});

test("whatever comes from outside is escaped in the HTML", () => {
  for (const html of [
    story({ text: EVIL }).toHTML(),
    story({ alt: EVIL }).toHTML(),
    story({ prompt: EVIL }).toHTML(),
    story().toHTML({ title: EVIL }),
    story().toHTML({ lang: EVIL }),
  ]) {
    assert.doesNotMatch(html, /<script|<img src=x|onerror="/);
    assert.match(html, /&lt;script&gt;/);
    assert.match(html, /&quot;alert\(&#39;1&#39;\)&quot;&gt; &amp;/);
    assert.equal(html.match(/<img /g).length, 1);
  }
});

test("title and language can be given, and there is always a title", () => {
  assert.match(
    story().toHTML({ title: "Fuchs", lang: "de" }),
    /<html lang="de">[^]*<h1>Fuchs<\/h1>/,
  );
  assert.match(story({ prompt: " " }).toHTML(), /<title>A story<\/title>/);
});

test("a PNG decodes to the pixels that went in", () => {
  const [width, height] = [300, 130]; // More than one stored block.
  const data = Uint8ClampedArray.from({ length: width * height * 4 }, (_, at) => (at * 31) % 251);
  const png = pngFromPixels({ width, height, data });
  const view = new DataView(png.buffer);
  assert.equal(view.getUint32(16), width);
  assert.equal(view.getUint32(20), height);
  const start = 33;
  const size = view.getUint32(start);
  assert.equal(Buffer.from(png.subarray(start + 4, start + 8)).toString(), "IDAT");
  const raw = inflateSync(png.subarray(start + 8, start + 8 + size)); // Checks Adler-32 as well.
  assert.equal(raw.length, height * (1 + width * 3));
  for (const [x, y] of [
    [0, 0],
    [299, 0],
    [17, 60],
    [299, 129],
  ]) {
    const from = (y * width + x) * 4;
    const at = y * (1 + width * 3) + 1 + x * 3;
    assert.deepEqual([...raw.subarray(at, at + 3)], [...data.subarray(from, from + 3)]);
  }
  assert.equal(view.getUint32(png.length - 4), 0xae426082, "the CRC of an empty IEND chunk");
});
