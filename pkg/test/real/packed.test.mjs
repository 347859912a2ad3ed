// What a stranger gets: the packed package in an empty project, and the first program of the README.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { PKG, ROOT } from "../../scripts/paths.mjs";

let project;
let packed;

before(() => {
  project = mkdtempSync(join(tmpdir(), "oneflow-"));
  const json = execFileSync("npm", ["pack", "--json", "--pack-destination", project], {
    cwd: PKG,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  [packed] = Object.values(JSON.parse(json));
  writeFileSync(join(project, "package.json"), '{ "private": true }');
  const install = ["install", `./${packed.filename}`, "--offline", "--no-audit", "--no-fund"];
  execFileSync("npm", install, { cwd: project, stdio: "ignore" });
});
after(() => rmSync(project, { recursive: true }));

for (const readme of [join(ROOT, "README.md"), join(PKG, "README.md")]) {
  test(`the first program of ${readme.slice(ROOT.length)} runs, word for word`, () => {
    const program = /^```js\n(.*?)^```/ms.exec(readFileSync(readme, "utf8"))?.[1];
    assert.ok(program, "there is a program");
    writeFileSync(join(project, "first.mjs"), program);
    const lines = execFileSync(process.execPath, ["first.mjs"], { cwd: project, encoding: "utf8" });
    assert.ok(lines.trim().split("\n").length > 1, lines);
  });
}

test("the package holds what it needs and nothing else", () => {
  const names = packed.files.map(({ path }) => path);
  for (const name of [
    "package.json",
    "README.md",
    "dist/index.js",
    "dist/index.d.ts",
    "dist/worker.js",
    "dist/wasm/oneflow_web.js",
    "dist/wasm/oneflow_web.d.ts",
    "dist/wasm/oneflow_web_bg.wasm",
    "dist/LICENSE-MIT",
    "dist/LICENSE-APACHE",
    "models/storyworld/manifest.json",
    "models/storyworld/config.json",
    "models/storyworld/tokenizer.json",
    "models/storyworld/model.safetensors",
  ]) {
    assert.ok(names.includes(name), name);
  }
  const strangers = names.filter(
    (name) => !/^(package\.json|README\.md|dist\/|models\/storyworld\/)/.test(name),
  );
  assert.deepEqual(strangers, []);
});

test("the declarations compile in strict mode without those of Node", () => {
  const program = `
    import { OneFlow, type FlowEvent, type Story } from "oneflow-web";
    await using flow = await OneFlow.load({ onProgress: ({ phase, loadedBytes }) => void [phase, loadedBytes] });
    const run = flow.generate({ prompt: "a fox", preview: { every: 2 } });
    for await (const event of run) {
      const same: FlowEvent = event;
      if (same.type === "image" && same.bitmap instanceof ImageBitmap) same.bitmap.close();
    }
    const story: Story = await run.result;
    export const html: string = story.toHTML();
  `;
  writeFileSync(join(project, "program.mts"), program);
  const compiler = join(PKG, "node_modules", "typescript", "bin", "tsc");
  const options = ["--strict", "--noEmit", "--module", "nodenext", "--target", "esnext"];
  const libraries = ["--lib", "esnext,dom,dom.iterable,dom.asynciterable", "--types", ""];
  execFileSync(process.execPath, [compiler, ...options, ...libraries, "program.mts"], {
    cwd: project,
    stdio: "pipe",
  });
});
