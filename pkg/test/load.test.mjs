// Loading: where the files come from, what is told meanwhile, and every way in which it can fail.

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { OneFlow } from "../dist/index.js";
import { control, live, reset } from "./fake/control.mjs";
import {
  loadFake,
  makeManifest,
  modelFiles,
  modelFolder,
  modelServer,
  wasmUrl,
} from "./fake/model.mjs";
import { FakeWorker, useFakeWorker } from "./fake/worker.mjs";

afterEach(reset);

const load = (model, options = {}) => OneFlow.load({ model, wasmUrl, ...options });
const failure = (code, message = /./) => ({ name: "OneFlowError", code, message });

/** Answers a few bytes at a time, and stops answering at half of the file until the test ends. */
function stall(bytes) {
  return (_request, response) => {
    response.writeHead(200, { "content-length": bytes.length });
    response.write(bytes.subarray(0, bytes.length / 2));
  };
}

// The first tests: the wasm is compiled once a thread, so they have to come before all others.

test("an abort while the wasm is on its way takes effect at once", async (t) => {
  const controller = new AbortController();
  const { url } = await modelServer(t, { "engine.wasm": () => controller.abort() });
  const loading = load(url, { wasmUrl: `${url}engine.wasm`, signal: controller.signal });
  await assert.rejects(loading, { name: "AbortError" });
});

test("a wasm that is not there, or is a web page, says what to do", async (t) => {
  const page = (_request, response) => {
    response.writeHead(200, { "content-type": "text/html" }).end("<!doctype html>");
  };
  const { url } = await modelServer(t, { "page.wasm": page });
  for (const name of ["missing.wasm", "page.wasm"]) {
    const loading = load(url, { wasmUrl: url + name });
    await assert.rejects(loading, { ...failure("network", /wasmUrl/), retryable: false });
  }
});

test("a wasm that does not compile is unsupported", async (t) => {
  const bytes = Buffer.from([0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, 0xff]);
  const { url } = await modelServer(t, { "bad.wasm": bytes });
  await assert.rejects(
    load(url, { wasmUrl: `${url}bad.wasm` }),
    failure("unsupported", /wasm-unsafe-eval/),
  );
});

test("a model loads over http and tells what is in it", async (t) => {
  const { url, requests } = await modelServer(t);
  const flow = await load(url);
  t.after(() => flow.close());
  assert.equal(flow.info.name, "fake");
  assert.equal(flow.info.device, "cpu");
  assert.equal(flow.info.precision, "f32");
  assert.equal(flow.info.worker, false);
  assert.match(flow.info.buildId, /^0\.1\.0\+/);
  assert.equal(flow.info.sampling.steps, 6);
  assert.deepEqual(requests, ["manifest.json", ...Object.keys(modelFiles)]);
});

test("the model may be named by its folder, its manifest, a URL or a path", async (t) => {
  const folder = modelFolder(t);
  const path = relative(process.cwd(), fileURLToPath(folder));
  for (const model of [
    folder,
    folder.slice(0, -1),
    `${folder}manifest.json`,
    new URL(folder),
    path,
  ]) {
    (await load(model)).close();
  }
});

test("a query at the model's address stays on its files", async (t) => {
  const queries = [];
  const note = (bytes) => (request, response) => {
    queries.push(request.url.split("?")[1]);
    response.end(bytes);
  };
  const files = { "manifest.json": makeManifest(), ...modelFiles };
  const answers = Object.fromEntries(
    Object.entries(files).map(([name, bytes]) => [name, note(bytes)]),
  );
  const { url } = await modelServer(t, answers);
  (await load(`${url}?key=1`)).close();
  assert.deepEqual(queries, ["key=1", "key=1", "key=1", "key=1"]);
});

for (const worker of [false, true]) {
  const where = worker ? "worker" : "this thread";

  test(`progress is one number that only grows, from 0 to the total (${where})`, async (t) => {
    if (worker) useFakeWorker(t);
    const told = [];
    await loadFake(t, { onProgress: (progress) => told.push(progress) });
    const total = Object.values(modelFiles).reduce((sum, { length }) => sum + length, 0);
    assert.ok(told.every(({ totalBytes }) => totalBytes === total));
    assert.equal(told[0].loadedBytes, 0);
    assert.equal(told.at(-1).loadedBytes, total);
    for (let at = 1; at < told.length; at++) {
      assert.ok(told[at].loadedBytes >= told[at - 1].loadedBytes);
    }
    const phases = [...new Set(told.map(({ phase }) => phase))];
    assert.deepEqual(phases, ["download", "verify", "compile"]);
  });

  for (const phase of ["download", "verify", "compile"]) {
    test(`an abort in the phase ${phase} rejects with the signal's reason (${where})`, async (t) => {
      if (worker) useFakeWorker(t);
      const before = { ...live };
      const controller = new AbortController();
      const reason = new Error("changed my mind");
      const phases = [];
      const loading = loadFake(t, {
        signal: controller.signal,
        onProgress(progress) {
          phases.push(progress.phase);
          if (progress.phase === phase) controller.abort(reason);
        },
      });
      await assert.rejects(loading, reason);
      assert.equal(phases.filter((told) => told === phase).length, 1, "nothing is told afterwards");
      assert.equal(phases.at(-1), phase);
      await sleep(10);
      if (!worker) assert.deepEqual(live, before);
    });
  }

  test(`an abort in the middle of a slow download rejects at once (${where})`, async (t) => {
    if (worker) useFakeWorker(t);
    const { url } = await modelServer(t, {
      "model.safetensors": stall(modelFiles["model.safetensors"]),
    });
    const signal = AbortSignal.timeout(60);
    const begin = performance.now();
    await assert.rejects(load(url, { signal }), { name: "TimeoutError" });
    assert.ok(performance.now() - begin < 1000);
  });

  test(`an aborted signal loads nothing (${where})`, async (t) => {
    if (worker) useFakeWorker(t);
    const { url, requests } = await modelServer(t);
    await assert.rejects(load(url, { signal: AbortSignal.abort() }), { name: "AbortError" });
    assert.deepEqual(requests, []);
  });

  test(`an error in onProgress rejects the load (${where})`, async (t) => {
    if (worker) useFakeWorker(t);
    const { ended, started } = FakeWorker;
    const mistake = new Error("mine");
    const onProgress = () => {
      throw mistake;
    };
    await assert.rejects(loadFake(t, { onProgress }), (error) => error === mistake);
    assert.equal(FakeWorker.started - started, FakeWorker.ended - ended);
  });

  test(`every fault of a server has its code (${where})`, async (t) => {
    if (worker) useFakeWorker(t);
    const weights = modelFiles["model.safetensors"];
    const flipped = Buffer.from(weights);
    flipped[777] ^= 1;
    const page = Buffer.from("<!DOCTYPE html>\n<title>App</title>");
    const status = (code) => (_request, response) => response.writeHead(code).end();
    const truncate = (_request, response) => {
      response.writeHead(200, { "content-length": weights.length });
      response.write(weights.subarray(0, 100), () => response.destroy());
    };
    const one = (name, answer) => ({ [name]: answer });
    const cases = [
      [one("manifest.json", status(404)), "model-not-found", /manifest\.json \(404\)/],
      [one("tokenizer.json", status(404)), "model-not-found", /tokenizer\.json/],
      [one("manifest.json", page), "invalid-manifest", /HTML, not JSON/],
      [one("manifest.json", "{"), "invalid-manifest", /not JSON/],
      [one("manifest.json", "[]"), "invalid-manifest", /not an object/],
      [
        one("manifest.json", makeManifest(modelFiles, { format: "other/2" })),
        "invalid-manifest",
        /"other\/2"/,
      ],
      [one("manifest.json", makeManifest({})), "invalid-manifest", /lists no files/],
      [one("manifest.json", Buffer.alloc((1 << 20) + 1, 32)), "invalid-manifest", /larger/],
      [one("model.safetensors", page), "model-not-found", /web page/],
      [one("model.safetensors", flipped), "integrity", /SHA-256/],
      [one("model.safetensors", weights.subarray(1)), "integrity", /49999 bytes/],
      [one("model.safetensors", Buffer.concat([weights, weights])), "integrity", /larger/],
      [one("model.safetensors", truncate), "network", /in the middle/],
      [one("model.safetensors", status(503)), "network", /503/],
      [one("model.safetensors", status(403)), "network", /403/],
    ];
    for (const [answers, code, message] of cases) {
      const { url } = await modelServer(t, answers);
      await assert.rejects(load(url), failure(code, message), `${Object.keys(answers)} ${code}`);
    }
  });

  test(`a server that is not there is worth another try (${where})`, async (t) => {
    if (worker) useFakeWorker(t);
    const loading = load("http://127.0.0.1:9/");
    await assert.rejects(loading, { ...failure("network", /try again/), retryable: true });
  });

  test(`50 loads and closes leave nothing behind (${where})`, async (t) => {
    if (worker) useFakeWorker(t);
    const before = { ...live };
    const { started, ended } = FakeWorker;
    const model = modelFolder(t);
    for (let round = 0; round < 50; round++) {
      const flow = await load(model);
      flow.close();
    }
    if (worker) assert.equal(FakeWorker.ended - ended, FakeWorker.started - started);
    else assert.deepEqual(live, before);
  });
}

test("a manifest that lies about its files is refused before anything is fetched", async (t) => {
  const file = { name: "config.json", size_bytes: 1, sha256: "0".repeat(64) };
  const lists = [
    [{ ...file, name: "../config.json" }],
    [{ ...file, name: "https://example.org/config.json" }],
    [{ ...file, name: "" }],
    [{ ...file, name: 5 }],
    [{ ...file, size_bytes: -1 }],
    [{ ...file, size_bytes: 1.5 }],
    [{ ...file, size_bytes: "1" }],
    [{ ...file, sha256: "xyz" }],
    [{ ...file, sha256: null }],
    [file, file],
    ["config.json"],
    {},
  ];
  for (const files of lists) {
    const { url, requests } = await modelServer(t, {
      "manifest.json": makeManifest(modelFiles, { files }),
    });
    await assert.rejects(load(url), failure("invalid-manifest"), JSON.stringify(files));
    assert.deepEqual(requests, ["manifest.json"]);
  }
});

test("a failed load frees its loader", async (t) => {
  const before = { ...live };
  for (const name of Object.keys(modelFiles)) {
    const { url } = await modelServer(t, { [name]: undefined });
    await assert.rejects(load(url), failure("model-not-found"));
  }
  const foreign = { ...modelFiles, "model.safetensors": Buffer.from("not a model") };
  await assert.rejects(load(modelFolder(t, foreign)), failure("invalid-model"));
  assert.deepEqual(live, before);
});

test("a missing file on the disk is model-not-found", async (t) => {
  await assert.rejects(load("file:///nowhere/at/all/"), failure("model-not-found", /no file/));
});

test("after the load there are no more requests", async (t) => {
  const { url, requests } = await modelServer(t);
  const flow = await load(url);
  t.after(() => flow.close());
  const before = requests.length;
  const { fetch } = globalThis;
  globalThis.fetch = () => assert.fail("a request");
  t.after(() => (globalThis.fetch = fetch));
  await flow.generate().result;
  assert.equal(requests.length, before);
});

test("a worker whose script does not load says so", async (t) => {
  t.after(() => delete globalThis.Worker);
  globalThis.Worker = class extends FakeWorker {
    postMessage() {
      setImmediate(() => this.dispatchEvent(new Event("error")));
    }
  };
  await assert.rejects(loadFake(t), failure("network", /worker-src 'self'/));
});

test("a worker that cannot be made says so", async (t) => {
  t.after(() => delete globalThis.Worker);
  globalThis.Worker = class {
    constructor() {
      throw new DOMException("no", "SecurityError");
    }
  };
  await assert.rejects(loadFake(t), failure("unsupported", /worker: false/));
});

test("a worker that stops rejects the run", async (t) => {
  useFakeWorker(t);
  let worker;
  globalThis.Worker = class extends FakeWorker {
    constructor(...args) {
      super(...args);
      worker = this;
    }
  };
  const flow = await loadFake(t);
  const run = flow.generate({ steps: 100 });
  await run[Symbol.asyncIterator]().next();
  worker.dispatchEvent(Object.assign(new Event("error"), { message: "out of luck" }));
  await assert.rejects(run.result, failure("internal", /out of luck/));
  await assert.rejects(flow.generate().result, failure("internal"));
});

test("workerUrl names the worker", async (t) => {
  let url;
  globalThis.Worker = class extends FakeWorker {
    constructor(...args) {
      super(...args);
      ({ url } = this);
    }
  };
  t.after(() => delete globalThis.Worker);
  await loadFake(t, { workerUrl: "https://example.org/worker.js" });
  assert.equal(url, "https://example.org/worker.js");
  await loadFake(t);
  assert.match(url, /\/dist\/worker\.js$/);
  const flow = await loadFake(t, { worker: false });
  assert.equal(flow.info.worker, false);
});
