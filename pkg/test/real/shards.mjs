// The weights of a model in several files, written by another program than ours.

import { createHash } from "node:crypto";

const INDEX = "model.safetensors.index.json";

/** The name of file `number`, counted from 1. */
export const shardName = (number, count) => {
  const digits = (value) => String(value).padStart(5, "0");
  return `model-${digits(number)}-of-${digits(count)}.safetensors`;
};

/**
 * The files of a model, with its weights dealt out to `count` files like cards, so that the tensors
 * of a file do not follow each other in the network.
 *
 * @param files the bytes of each file by name
 * @param change may move tensors: it is given the shards (a map from tensor to `{ info, bytes }`
 *   each) and the index's `weight_map`
 */
export function withShards(files, count, change = () => {}) {
  const { "model.safetensors": whole, "manifest.json": manifest, ...others } = files;
  const { metadata, tensors } = tensorsOf(whole);
  const shards = Array.from({ length: count }, () => new Map());
  const weightMap = {};
  for (const [at, [name, tensor]] of tensors.entries()) {
    shards[at % count].set(name, tensor);
    weightMap[name] = shardName((at % count) + 1, count);
  }
  change(shards, weightMap);
  const result = { ...others };
  shards.forEach((shard, at) => {
    result[shardName(at + 1, count)] = fileOf(shard, metadata);
  });
  result[INDEX] = Buffer.from(JSON.stringify({ metadata: {}, weight_map: weightMap }));
  const { format, name, version } = JSON.parse(manifest);
  const list = Object.entries(result).map(([file, bytes]) => ({
    name: file,
    size_bytes: bytes.length,
    sha256: createHash("sha256").update(bytes).digest("hex"),
  }));
  result["manifest.json"] = Buffer.from(JSON.stringify({ format, name, version, files: list }));
  return result;
}

function tensorsOf(file) {
  const start = 8 + Number(file.readBigUInt64LE(0));
  const { __metadata__: metadata, ...header } = JSON.parse(file.subarray(8, start));
  const tensors = Object.entries(header).map(([name, { dtype, shape, data_offsets: [from, to] }]) => [
    name,
    { info: { dtype, shape }, bytes: file.subarray(start + from, start + to) },
  ]);
  return { metadata, tensors };
}

function fileOf(tensors, metadata) {
  const header = metadata ? { __metadata__: metadata } : {};
  const parts = [];
  let at = 0;
  for (const [name, { info, bytes }] of tensors) {
    header[name] = { ...info, data_offsets: [at, at + bytes.length] };
    parts.push(bytes);
    at += bytes.length;
  }
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, ...parts]);
}
