// Damaged files of the real model, and what the engine says to them.

import assert from "node:assert/strict";
import { test } from "node:test";
import { OneFlow } from "../../dist/index.js";
import { copyOfModel, load, SHORT } from "./model.mjs";

const flip = (at) => (bytes) => {
  bytes[at < 0 ? bytes.length + at : at] ^= 1;
  return bytes;
};
const cut = (bytes) => bytes.subarray(0, bytes.length - 1);
const text = (content) => () => Buffer.from(content);

async function refuses(t, changes, code, options) {
  const loading = OneFlow.load({ model: copyOfModel(t, changes, options) });
  await assert.rejects(loading, (error) => {
    assert.equal(error.code, code, `${Object.keys(changes)}: ${error.message}`);
    assert.ok(error.message.length > 20);
    return true;
  });
}

for (const name of ["config.json", "tokenizer.json", "model.safetensors"]) {
  test(`${name}: a missing, cut or changed file is refused`, async (t) => {
    await refuses(t, { [name]: () => null }, "model-not-found");
    await refuses(t, { [name]: cut }, "integrity");
    await refuses(t, { [name]: flip(0) }, "integrity");
    await refuses(t, { [name]: flip(-1) }, "integrity");
    await refuses(t, { [name]: (bytes) => Buffer.concat([bytes, bytes]) }, "integrity");
  });

  test(`${name}: a file that is what the manifest says, and still no part of a model`, async (t) => {
    const honest = { honest: true };
    await refuses(t, { [name]: text("") }, "invalid-model", honest);
    await refuses(t, { [name]: text("null") }, "invalid-model", honest);
    await refuses(t, { [name]: text("{}") }, "invalid-model", honest);
    await refuses(t, { [name]: cut }, "invalid-model", honest);
    await refuses(t, { [name]: () => Buffer.alloc(64, 0xff) }, "invalid-model", honest);
  });
}

test("a header that promises more than the file has is refused", async (t) => {
  const grow = (bytes) => {
    bytes.writeBigUInt64LE(BigInt(bytes.length) * 2n, 0);
    return bytes;
  };
  await refuses(t, { "model.safetensors": grow }, "invalid-model", { honest: true });
});

test("a manifest without a file that the model needs is refused", async (t) => {
  const without = (bytes) => {
    const manifest = JSON.parse(bytes);
    manifest.files = manifest.files.filter(({ name }) => name !== "tokenizer.json");
    return Buffer.from(JSON.stringify(manifest));
  };
  const loading = OneFlow.load({ model: copyOfModel(t, { "manifest.json": without }) });
  await assert.rejects(loading, ({ code }) => ["invalid-manifest", "invalid-model"].includes(code));
});

test("damaged snapshots are refused, and the engine goes on", async (t) => {
  const flow = await load(t);
  const run = flow.generate(SHORT);
  let saved;
  for await (const event of run) {
    if (event.type !== "step") continue;
    saved = run.snapshot();
    break;
  }
  const damaged = [
    new Uint8Array(0),
    Uint8Array.of(1, 2, 3),
    saved.slice(0, saved.length - 1),
    saved.slice(0, saved.length / 2),
    Uint8Array.of(...saved, 0),
    flip(0)(saved.slice()),
    new Uint8Array(saved.length).fill(0xff),
  ];
  for (const from of damaged) {
    await assert.rejects(flow.generate({ from }).result, { code: "invalid-snapshot" });
  }
  // Any single flipped bit either is refused or continues to some story: nothing traps.
  for (let at = 0; at < saved.length; at += Math.ceil(saved.length / 24)) {
    await flow.generate({ from: flip(at)(saved.slice()) }).result.catch((error) => {
      assert.equal(error.code, "invalid-snapshot", `byte ${at}: ${error.message}`);
    });
  }
  await flow.generate({ from: saved }).result;
});
