// The server of `npm start`.

import assert from "node:assert/strict";
import { request } from "node:http";
import { test } from "node:test";
import { CONTENT_SECURITY_POLICY, serve } from "../scripts/serve.mjs";

/** Asks for a path as it is, which `fetch` would tidy up. */
function ask(base, path, method = "GET") {
  return new Promise((resolve, reject) => {
    request(new URL(base), { path, method }, (response) => {
      response.resume().on("end", () => resolve(response));
    })
      .on("error", reject)
      .end();
  });
}

test("the package is under /oneflow-web/, with its type and the strict policy", async (t) => {
  const { url, close } = await serve();
  t.after(close);
  const { statusCode, headers } = await ask(url, "/oneflow-web/index.js");
  assert.equal(statusCode, 200);
  assert.equal(headers["content-type"], "text/javascript; charset=utf-8");
  assert.equal(
    headers["content-security-policy"],
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; " +
      "connect-src 'self'; img-src 'self' blob: data:; style-src 'self'",
  );
  assert.equal(headers["content-security-policy"], CONTENT_SECURITY_POLICY);
});

test("nothing outside of the folders is served", async (t) => {
  const { url, close } = await serve();
  t.after(close);
  for (const path of [
    "/oneflow-web/../package.json",
    "/oneflow-web/%2e%2e/package.json",
    "/oneflow-web/..%2fpackage.json",
    "/oneflow-web/..%5cpackage.json",
    "/../Cargo.toml",
    "/oneflow-web/%00",
    "/%ff",
  ]) {
    const { statusCode } = await ask(url, path);
    assert.ok([400, 404].includes(statusCode), `${path}: ${statusCode}`);
  }
});

test("what is not there is 404, what is not GET is 405, what is unchanged is 304", async (t) => {
  const { url, close } = await serve();
  t.after(close);
  assert.equal((await ask(url, "/oneflow-web/nothing.js")).statusCode, 404);
  assert.equal((await ask(url, "/oneflow-web/index.js", "POST")).statusCode, 405);
  const { headers } = await ask(url, "/oneflow-web/index.js");
  const again = await fetch(`${url}oneflow-web/index.js`, {
    headers: { "if-none-match": headers.etag },
  });
  assert.equal(again.status, 304);
});
