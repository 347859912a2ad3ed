// What goes wrong in browsers: files that are missing or changed, and policies that are too strict.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { CONTENT_SECURITY_POLICY, securityHeaders } from "../../pkg/scripts/serve.mjs";
import { expectNoWorkers, openPage, useBrowser } from "./chromium.mjs";

const shared = useBrowser();

const WEIGHTS = new URL("../../pkg/models/storyworld/model.safetensors", import.meta.url);
const PAGE_ANSWER = "<!doctype html><title>The start page</title>";

/** Answers the paths that end in `suffix` in another way. */
const instead = (suffix, answer) => (request, response) => {
  if (!request.url.endsWith(suffix)) return false;
  answer(response);
  return true;
};
const status = (code) => (response) => response.writeHead(code, securityHeaders()).end();
const html = (response) => {
  response.writeHead(200, { ...securityHeaders(), "content-type": "text/html" }).end(PAGE_ANSWER);
};
const flipped = (response) => {
  const bytes = readFileSync(WEIGHTS);
  bytes[bytes.length >> 1] ^= 1;
  response.writeHead(200, securityHeaders()).end(bytes);
};
const truncated = (response) => {
  const bytes = readFileSync(WEIGHTS);
  response.writeHead(200, { ...securityHeaders(), "content-length": bytes.length });
  response.write(bytes.subarray(0, 1000), () => setTimeout(() => response.destroy(), 50));
};

const FAULTS = [
  ["a manifest that is not there", instead("manifest.json", status(404)), "model-not-found"],
  ["HTML for the manifest", instead("manifest.json", html), "invalid-manifest"],
  ["HTML for the weights", instead(".safetensors", html), "model-not-found"],
  ["weights with one changed bit", instead(".safetensors", flipped), "integrity"],
  ["weights that stop in the middle", instead(".safetensors", truncated), "network"],
  ["a server that is overloaded", instead(".safetensors", status(503)), "network"],
  ["wasm that is not there", instead(".wasm", status(404)), "network"],
  ["HTML for the wasm", instead(".wasm", html), "network"],
];

for (const worker of [true, false]) {
  for (const [what, handle, code] of FAULTS) {
    test(`${what}: ${code} (${worker ? "worker" : "page"})`, async (t) => {
      const { page, complaints } = await openPage(t, shared.browser, { handle });
      const failure = await page.evaluate(
        (worker) => failureOf(oneflow.OneFlow.load({ worker })),
        worker,
      );
      assert.equal(failure.code, code, failure.message);
      assert.ok(failure.message.length > 20);
      assert.deepEqual(complaints, []);
      await expectNoWorkers(page);
    });
  }
}

test("a worker's script that is not there says so", async (t) => {
  const handle = instead("worker.js", status(404));
  const { page } = await openPage(t, shared.browser, { handle });
  const failure = await page.evaluate(() => failureOf(oneflow.OneFlow.load()));
  assert.equal(failure.code, "network");
  assert.match(failure.message, /worker/);
});

test("a worker of another build is refused", async (t) => {
  const handle = (request, response) => {
    const fromWorker = request.headers.referer?.endsWith("worker.js");
    if (!request.url.endsWith("build-id.js") || !(fromWorker || handle.seen)) {
      handle.seen ||= request.url.endsWith("build-id.js");
      return false;
    }
    const headers = { ...securityHeaders(), "content-type": "text/javascript" };
    response.writeHead(200, headers).end('export const BUILD_ID = "0.0.9+old.old";');
    return true;
  };
  const { page } = await openPage(t, shared.browser, { handle });
  const failure = await page.evaluate(() => failureOf(oneflow.OneFlow.load()));
  assert.equal(failure.code, "version-mismatch", failure.message);
  assert.match(failure.message, /0\.0\.9\+old/);
});

/** Serves everything under another policy. */
const under = (policy) => (_request, response) => {
  const { writeHead } = response;
  response.writeHead = (code, headers) =>
    writeHead.call(response, code, { ...headers, "content-security-policy": policy });
  return false;
};

test("a policy that forbids wasm is named in the message", async (t) => {
  const policy = CONTENT_SECURITY_POLICY.replace(" 'wasm-unsafe-eval'", "");
  for (const worker of [true, false]) {
    const { page } = await openPage(t, shared.browser, { handle: under(policy) });
    const failure = await page.evaluate(
      (worker) => failureOf(oneflow.OneFlow.load({ worker })),
      worker,
    );
    assert.equal(failure.code, "unsupported", failure.message);
    assert.match(failure.message, /wasm-unsafe-eval/);
  }
});

test("a policy that forbids workers is named in the message, and worker: false works", async (t) => {
  const policy = CONTENT_SECURITY_POLICY.replace("worker-src 'self'", "worker-src 'none'");
  const { page } = await openPage(t, shared.browser, { handle: under(policy) });
  const failure = await page.evaluate(() => failureOf(oneflow.OneFlow.load()));
  assert.ok(["network", "unsupported"].includes(failure.code), failure.code);
  assert.match(failure.message, /worker: false/);
  await page.evaluate(async () => (await oneflow.OneFlow.load({ worker: false })).close());
});

test("generate after close is refused, and close ends the worker", async (t) => {
  const { page } = await openPage(t, shared.browser);
  const failure = await page.evaluate(async () => {
    const flow = await oneflow.OneFlow.load();
    const run = flow.generate({ steps: 100 });
    await run[Symbol.asyncIterator]().next();
    flow.close();
    const during = await failureOf(run.result);
    const after = await failureOf((async () => flow.generate())());
    return [during.name, after.code];
  });
  assert.deepEqual(failure, ["AbortError", "closed"]);
  await expectNoWorkers(page);
});
