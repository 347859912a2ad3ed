// The model in the package, whole and damaged.

import { createHash } from "node:crypto";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { OneFlow } from "../../dist/index.js";

export const PROMPT = "A shy fox in the forest at night.";

/** Few steps are enough to see whether two runs are the same. */
export const SHORT = { prompt: PROMPT, seed: 11, steps: 6, maxImages: 2, maxTokens: 48 };

const MODEL = fileURLToPath(new URL("../../models/storyworld/", import.meta.url));

/** Loads the model in the package; it is closed with the test. */
export async function load(t, options = {}) {
  const flow = await OneFlow.load(options);
  t.after(() => flow.close());
  return flow;
}

/**
 * A copy of the model with some files changed; goes away with the test.
 *
 * @param changes by file name, a function from the bytes to the new bytes
 * @param options.honest whether the manifest tells the sizes and hashes of the changed files
 */
export function copyOfModel(t, changes, { honest = false } = {}) {
  const folder = mkdtempSync(join(tmpdir(), "oneflow-"));
  t.after(() => rmSync(folder, { recursive: true }));
  cpSync(MODEL, folder, { recursive: true });
  for (const [name, change] of Object.entries(changes)) {
    const path = join(folder, name);
    const bytes = change(readFileSync(path));
    if (bytes === null) rmSync(path);
    else writeFileSync(path, bytes);
    if (honest && bytes) updateManifest(folder, name, bytes);
  }
  return pathToFileURL(`${folder}/`).href;
}

/** The bytes of the files of the model in the package, by name. */
export function modelFiles() {
  const names = ["manifest.json", "config.json", "tokenizer.json", "model.safetensors"];
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(MODEL, name))]));
}

/** Writes files to a folder that goes away with the test, and returns its URL. */
export function folderOf(t, files) {
  const folder = mkdtempSync(join(tmpdir(), "oneflow-"));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder, name), bytes);
  return pathToFileURL(`${folder}/`).href;
}

function updateManifest(folder, name, bytes) {
  const path = join(folder, "manifest.json");
  const manifest = JSON.parse(readFileSync(path, "utf8"));
  const file = manifest.files.find((entry) => entry.name === name);
  file.size_bytes = bytes.length;
  file.sha256 = createHash("sha256").update(bytes).digest("hex");
  writeFileSync(path, JSON.stringify(manifest));
}

/** All that a run tells, in a form that can be compared. */
export async function record(run) {
  const events = [];
  for await (const event of run) {
    if (event.type === "image") {
      const { bitmap, ...rest } = event;
      events.push({ ...rest, pixels: Buffer.from(bitmap.data).toString("base64") });
    } else if (event.type === "step") {
      events.push({ ...event, ms: 0 });
    } else if (event.type === "done") {
      events.push({ type: "done", html: event.story.toHTML(), seed: event.seed });
    } else {
      events.push(event);
    }
  }
  return events;
}
