// Parts of different builds refuse each other.

import assert from "node:assert/strict";
import { test } from "node:test";
import { BUILD_ID } from "../dist/build-id.js";
import { serve } from "../dist/service.js";
import { expectSameBuild } from "../dist/wasm.js";

test("a worker refuses a page of another build", async () => {
  const port = new EventTarget();
  const answer = new Promise((resolve) => (port.postMessage = resolve));
  serve(port);
  const data = { type: "load", id: 1, buildId: "0.0.9+other", request: null };
  port.dispatchEvent(Object.assign(new Event("message"), { data }));
  const { type, id, error } = await answer;
  assert.deepEqual([type, id, error.code], ["failed", 1, "version-mismatch"]);
  assert.match(error.message, /0\.0\.9\+other/);
});

test("a package refuses wasm of another build", () => {
  expectSameBuild("wasm", BUILD_ID.slice(0, BUILD_ID.lastIndexOf(".")));
  for (const found of ["0.0.9+other", "", BUILD_ID.slice(0, 4), "0.1.0"]) {
    assert.throws(() => expectSameBuild("wasm", found), { code: "version-mismatch" });
  }
});
