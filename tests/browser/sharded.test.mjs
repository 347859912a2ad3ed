// A model in several files, in a Chromium: on both devices the story of the same model in one, and
// no more of its files in memory than two.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { modelFiles } from "../../pkg/test/real/model.mjs";
import { shardName, withShards } from "../../pkg/test/real/shards.mjs";
import { openPage, SHORT, useBrowser } from "./chromium.mjs";

const shared = useBrowser({ webgpu: true });

const COUNT = 8;
const FILES = withShards(modelFiles(), COUNT);
const LARGEST = Math.max(
  ...Object.entries(FILES).map(([name, { length }]) => (/of-/.test(name) ? length : 0)),
);

let folder;
before(() => {
  folder = mkdtempSync(join(tmpdir(), "oneflow-"));
  for (const [name, bytes] of Object.entries(FILES)) writeFileSync(join(folder, name), bytes);
});
after(() => rmSync(folder, { recursive: true }));

const open = (t, options) =>
  openPage(t, shared.browser, { ...options, mounts: [["/sharded/", `${folder}/`]] });

/** Counts, in the page, buffers that live and the most bytes that the engine's memory had. */
const COUNTING = () => {
  const devices = new Map();
  globalThis.live = {
    get buffers() {
      return [...devices.values()].reduce((sum, buffers) => sum + buffers.size, 0);
    },
    get bytes() {
      const sizes = [...devices.values()].flatMap((buffers) => [...buffers.values()]);
      return sizes.reduce((sum, size) => sum + size, 0);
    },
  };
  const { createBuffer, destroy: destroyDevice } = GPUDevice.prototype;
  const { destroy } = GPUBuffer.prototype;
  GPUDevice.prototype.createBuffer = function (descriptor) {
    const buffer = createBuffer.call(this, descriptor);
    if (!devices.has(this)) devices.set(this, new Map());
    devices.get(this).set(buffer, descriptor.size);
    return buffer;
  };
  GPUBuffer.prototype.destroy = function () {
    for (const buffers of devices.values()) buffers.delete(this);
    return destroy.call(this);
  };
  // A device takes its buffers with it.
  GPUDevice.prototype.destroy = function () {
    devices.delete(this);
    return destroyDevice.call(this);
  };
  const { instantiate } = WebAssembly;
  WebAssembly.instantiate = async (...args) => {
    const result = await instantiate(...args);
    globalThis.memory = (result.instance ?? result).exports.memory;
    return result;
  };
};

for (const [device, worker] of [
  ["cpu", true],
  ["cpu", false],
  ["webgpu", true],
]) {
  test(`${COUNT} files tell the story of one (${device}, ${worker ? "worker" : "page"})`, async (t) => {
    const { page, complaints } = await open(t);
    const stories = await page.evaluate(
      async ([device, worker, options]) => {
        const stories = [];
        for (const model of [undefined, "/sharded/"]) {
          await withFlow({ model, worker, device }, async (flow) => {
            const { text, images } = await flow.generate({ ...options, preview: false }).result;
            stories.push({ device: flow.info.device, text, pixels: images.map(({ data }) => [...data]) });
          });
        }
        return stories;
      },
      [device, worker, SHORT],
    );
    assert.equal(stories[0].device, device);
    assert.ok(stories[0].text.length > 0);
    assert.deepEqual(stories[1], stories[0]);
    assert.deepEqual(complaints, []);
  });
}

test("while a model goes to the GPU, the engine holds no more than two of its files", async (t) => {
  const { page } = await open(t);
  await page.evaluate(COUNTING);
  const { before, after, bytes, file, gpuBytes } = await page.evaluate(async () => {
    const load = async (model) => {
      const flow = await oneflow.OneFlow.load({ model, worker: false, device: "webgpu" });
      const { bytes } = live;
      flow.close();
      return bytes;
    };
    const { openWasm } = await import(new URL("/oneflow-web/wasm.js", location.href).href);
    await openWasm(null, new AbortController().signal);
    const { byteLength: before } = memory.buffer;
    const { gpuBytes } = await oneflow.OneFlow.check({ model: "/sharded/", device: "webgpu" });
    const bytes = await load("/sharded/");
    const { byteLength: after } = memory.buffer;
    await load(undefined);
    return { before, after, bytes, gpuBytes, file: memory.buffer.byteLength };
  });
  t.diagnostic(`the engine's memory: ${before} bytes, ${after} after ${COUNT} files of ${LARGEST} at most, ${file} after one`);
  t.diagnostic(`on the GPU: ${bytes} bytes; check said ${gpuBytes} for the weights`);
  // Besides them there are tokenizer and codec, and what the self-test computes at that time. All of
  // the files would be 6.6 MB.
  assert.ok(after - before <= 2 * LARGEST + (3 << 20), `${before} to ${after}`);
  assert.ok(file > after, "a whole file takes more");
  // Buffers of the self-test are there as well.
  assert.ok(bytes > 0.9 * gpuBytes && bytes < gpuBytes + (4 << 20));
});

test("a changed file in the middle is refused and leaves no buffer", async (t) => {
  const name = shardName(5, COUNT);
  const handle = (request, response) => {
    if (!request.url.endsWith(name)) return false;
    const bytes = Buffer.from(FILES[name]);
    bytes[bytes.length >> 1] ^= 1;
    response.writeHead(200, { "content-type": "application/octet-stream" }).end(bytes);
    return true;
  };
  const { page } = await open(t, { handle });
  await page.evaluate(COUNTING);
  const { failure, buffers } = await page.evaluate(async () => {
    const options = { model: "/sharded/", worker: false, device: "webgpu" };
    const failure = await failureOf(oneflow.OneFlow.load(options));
    return { failure, buffers: live.buffers };
  });
  assert.equal(failure.code, "integrity", failure.message);
  assert.ok(failure.message.includes(name), failure.message);
  assert.equal(buffers, 0);
});

test("a download that was interrupted goes on at the file", async (t) => {
  const name = shardName(6, COUNT);
  let broken = true;
  const handle = (request, response) => {
    if (!broken || !request.url.endsWith(name)) return false;
    response.writeHead(200, { "content-length": FILES[name].length });
    response.write(FILES[name].subarray(0, 1000), () => setTimeout(() => response.destroy(), 50));
    return true;
  };
  const { page, requests } = await open(t, { handle });
  const load = () =>
    page.evaluate(async () => {
      const told = [];
      const onProgress = ({ loadedBytes }) => told.push(loadedBytes);
      const failure = await failureOf(
        oneflow.OneFlow.load({ model: "/sharded/", device: "cpu", onProgress }).then((flow) => flow.close()),
      );
      return { code: failure?.code, told };
    });
  assert.equal((await load()).code, "network");
  broken = false;
  requests.length = 0;
  const { code, told } = await load();
  assert.equal(code, undefined);
  const fetched = requests.filter((url) => url.startsWith("/sharded/"));
  const rest = [6, 7, 8].map((number) => `/sharded/${shardName(number, COUNT)}`);
  assert.deepEqual(fetched, ["/sharded/manifest.json", ...rest]);
  const total = Object.entries(FILES).reduce(
    (sum, [file, { length }]) => sum + (file === "manifest.json" ? 0 : length),
    0,
  );
  assert.equal(told.at(-1), total);
  assert.ok(told.every((bytes, at) => at === 0 || bytes >= told[at - 1]));
});
