// The same story from the command line, for the tests that compare.

import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Complaint, output, run } from "./command.mjs";
import { MODELS, ROOT, TARGET } from "./paths.mjs";
import { setUpNativeFeatures } from "./setup.mjs";

export const PROMPT = "A story about a shy fox in the forest at night.";
export const SEED = 7;

/** Writes `{"text": …}` to a file and returns its path. */
export async function writeNativeStory() {
  const env = { CARGO_TARGET_DIR: TARGET };
  const features = ["--features", await setUpNativeFeatures()];
  await run("cargo", ["build", "--locked", "--release", ...features, "--bin", "oneflow"], {
    cwd: ROOT,
    env,
  });
  const model = join(MODELS, "storyworld");
  const args = ["generate", PROMPT, "--seed", String(SEED), "--model", model, "--json"];
  const json = output(join(TARGET, "release", "oneflow"), args, { maxBuffer: 1 << 26 });
  if (json === null) throw new Complaint("`oneflow generate --json` failed.");
  const file = join(mkdtempSync(join(tmpdir(), "oneflow-")), "story.json");
  writeFileSync(file, json);
  return file;
}
