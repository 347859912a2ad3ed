// A model in several files: the same model, held one file at a time, and refused where they disagree.

import assert from "node:assert/strict";
import { test } from "node:test";
import { OneFlow } from "../../dist/index.js";
import { folderOf, load, modelFiles, record, SHORT } from "./model.mjs";
import { shardName, withShards } from "./shards.mjs";

const COUNT = 6;
const INDEX = "model.safetensors.index.json";

test("a model in six files tells the story of the same model in one", async (t) => {
  const model = folderOf(t, withShards(modelFiles(), COUNT));
  const [one, many] = [await load(t), await load(t, { model })];
  assert.equal(many.info.parameters, one.info.parameters);
  assert.deepEqual(await record(many.generate(SHORT)), await record(one.generate(SHORT)));
});

/** A model whose shards were changed on their way is refused; the message tells file and tensor. */
async function refuses(t, change, message) {
  const model = folderOf(t, withShards(modelFiles(), COUNT, change));
  await assert.rejects(OneFlow.load({ model }), { code: "invalid-model", message });
}

const firstOf = (shard) => shard.entries().next().value;

test("files that disagree are refused, and file and tensor are named", async (t) => {
  const [one, two] = [shardName(1, COUNT), shardName(2, COUNT)];
  await refuses(
    t,
    (shards) => shards[1].set(...firstOf(shards[0])),
    new RegExp(`^${two} .*tensor .* is in ${one}, too`),
  );
  await refuses(
    t,
    (shards, weightMap) => {
      const [name] = firstOf(shards[0]);
      weightMap[name] = two;
    },
    new RegExp(`^${one} .*tensor .* is in ${two}, says ${INDEX}`),
  );
  await refuses(
    t,
    (shards) => shards[1].delete(firstOf(shards[1])[0]),
    new RegExp(`^${two} .*tensor .* is missing, and ${INDEX} says that it is here`),
  );
  await refuses(
    t,
    (shards, weightMap) => delete weightMap[firstOf(shards[1])[0]],
    new RegExp(`^${two} .*tensor .* is not in ${INDEX}`),
  );
  await refuses(
    t,
    (shards, weightMap) => {
      const [name] = firstOf(shards[2]);
      shards[2].delete(name);
      delete weightMap[name];
    },
    new RegExp(`^${INDEX} .*tensor .* is missing`),
  );
  await refuses(
    t,
    (shards, weightMap) => (weightMap[firstOf(shards[2])[0]] = shardName(7, 7)),
    new RegExp(`^${INDEX} .*which is no file of this model`),
  );
});

test("a changed, cut or missing shard is refused as any file is", async (t) => {
  const name = shardName(3, COUNT);
  const files = withShards(modelFiles(), COUNT);
  const flipped = Buffer.from(files[name]);
  flipped[flipped.length - 1] ^= 1;
  const { [name]: shard, ...without } = files;
  for (const [damaged, code] of [
    [{ ...files, [name]: flipped }, "integrity"],
    [{ ...files, [name]: shard.subarray(1) }, "integrity"],
    [without, "model-not-found"],
  ]) {
    await assert.rejects(OneFlow.load({ model: folderOf(t, damaged) }), ({ code: found, message }) => {
      assert.equal(found, code);
      assert.ok(message.includes(name), message);
      return true;
    });
  }
});

test("a manifest without the index or one of the shards is refused", async (t) => {
  for (const missing of [INDEX, shardName(3, COUNT)]) {
    const files = withShards(modelFiles(), COUNT);
    const manifest = JSON.parse(files["manifest.json"]);
    manifest.files = manifest.files.filter(({ name }) => name !== missing);
    files["manifest.json"] = Buffer.from(JSON.stringify(manifest));
    await assert.rejects(OneFlow.load({ model: folderOf(t, files) }), ({ code, message }) => {
      assert.equal(code, "invalid-manifest");
      assert.ok(message.includes(`does not list ${missing}`), message);
      return true;
    });
  }
});
