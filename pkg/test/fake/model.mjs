// A model for the fake engine: on the disk, and behind a server that can be told to misbehave.

import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { OneFlow } from "../../dist/index.js";

/** The smallest wasm that compiles. */
const EMPTY_WASM = Buffer.from([0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]);

export const wasmUrl = `data:application/wasm;base64,${EMPTY_WASM.toString("base64")}`;

export const modelFiles = {
  "config.json": Buffer.from('{"d_model": 8}'),
  "tokenizer.json": Buffer.from("{}"),
  "model.safetensors": Buffer.alloc(50_000, 7),
};

export function makeManifest(files = modelFiles, changes = {}) {
  const list = Object.entries(files).map(([name, bytes]) => ({
    name,
    size_bytes: bytes.length,
    sha256: createHash("sha256").update(bytes).digest("hex"),
  }));
  const manifest = { format: "oneflow-web/1", name: "fake", version: "0.1.0", files: list };
  return JSON.stringify({ ...manifest, ...changes });
}

/** Writes a model folder that goes away with the test, and returns its URL. */
export function modelFolder(t, files = modelFiles, manifest = makeManifest(files)) {
  const folder = mkdtempSync(join(tmpdir(), "oneflow-"));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder, name), bytes);
  writeFileSync(join(folder, "manifest.json"), manifest);
  return pathToFileURL(`${folder}/`).href;
}

/** Loads the fake model; it is closed with the test. */
export async function loadFake(t, options = {}) {
  const flow = await OneFlow.load({ model: modelFolder(t), wasmUrl, ...options });
  t.after(() => flow.close());
  return flow;
}

/**
 * Serves a model.
 *
 * @param answers what is answered by file name: bytes, or a function of request and response
 */
export async function modelServer(t, answers = {}) {
  const requests = [];
  const all = { "manifest.json": makeManifest(), ...modelFiles, ...answers };
  const server = createServer((request, response) => {
    const name = request.url.slice(1).split("?")[0];
    requests.push(name);
    const answer = all[name];
    if (typeof answer === "function") return answer(request, response);
    if (answer === undefined) return response.writeHead(404).end("not found");
    response.end(answer);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${server.address().port}/`, requests };
}
