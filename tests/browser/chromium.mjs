// A headless Chromium, and a page under the strict policy that has the package.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { after, before } from "node:test";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { serve } from "../../pkg/scripts/serve.mjs";

// Its packages are in pkg/, because the repository itself is no npm package.
const { chromium } = createRequire(new URL("../../pkg/package.json", import.meta.url))(
  "playwright-core",
);

const PAGE = fileURLToPath(new URL("page/", import.meta.url));
const MODEL = fileURLToPath(new URL("../../pkg/models/storyworld/", import.meta.url));

/** Without a GPU there is no WebGPU; with these flags there is a software adapter, SwiftShader. */
const WEBGPU_FLAGS = ["--enable-unsafe-webgpu"];
const NO_GPU_FLAGS = ["--disable-gpu"];

const FLAGS = [
  "--no-sandbox",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** A story that is soon told, even by an adapter in software. */
export const SHORT = {
  prompt: "A shy fox in the forest.",
  seed: 5,
  steps: 3,
  maxTokens: 12,
  maxImages: 1,
};

const EXECUTABLE = process.env.CHROMIUM_PATH ?? "/usr/bin/chromium";

function flags(webgpu) {
  return [...FLAGS, ...(webgpu ? WEBGPU_FLAGS : NO_GPU_FLAGS)];
}

export async function launch({ webgpu = false } = {}) {
  return await chromium.launch({ executablePath: EXECUTABLE, args: flags(webgpu) });
}

/**
 * A context whose pages are hidden while another is in front. Playwright's own are told that they
 * have the focus, so this is a browser that it did not start.; it ends with the test.
 */
export async function launchTabs(t, { webgpu = false } = {}) {
  const profile = mkdtempSync(join(tmpdir(), "oneflow-tabs-"));
  const own = ["--headless=new", "--remote-debugging-port=0", `--user-data-dir=${profile}`];
  const process = spawn(EXECUTABLE, [...flags(webgpu), ...own, "about:blank"]);
  const ended = new Promise((resolve) => process.on("exit", resolve));
  t.after(async () => {
    process.kill();
    await ended;
    // Its other processes end, and write, a little later.
    await rm(profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  });
  const address = await new Promise((resolve, reject) => {
    let said = "";
    process.stderr.on("data", (data) => {
      said += data;
      const found = /DevTools listening on (ws:\S+)/.exec(said);
      if (found) resolve(found[1]);
    });
    ended.then(() => reject(new Error(`Chromium ended: ${said}`)));
  });
  const browser = await chromium.connectOverCDP(address, { noDefaults: true });
  return browser.contexts()[0];
}

/** One browser for all tests of a file. */
export function useBrowser(options) {
  const shared = {};
  before(async () => (shared.browser = await launch(options)));
  after(() => shared.browser?.close());
  return shared;
}

/**
 * Opens a page that has the package as `oneflow`; it goes away with the test. The model lies at
 * /copy/ a second time, as one that did not come with the package.
 *
 * @param options.handle is asked first for every request, as in serve.mjs
 * @param options.mounts more folders by path
 * @param options.context where the page is opened, and stays open; without it a context of its own
 */
export async function openPage(t, browser, { handle, mounts = [], context: given } = {}) {
  const requests = [];
  const server = await serve({
    mounts: [
      ...mounts,
      ["/test/", PAGE],
      ["/copy/", MODEL],
    ],
    handle(request, response) {
      requests.push(request.url);
      return handle?.(request, response);
    },
  });
  const context = given ?? (await browser.newContext());
  const page = await context.newPage();
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  t.after(async () => {
    await (given ? page : context).close();
    await server.close();
  });
  await page.goto(`${server.url}test/`);
  await page.waitForFunction(() => "oneflow" in globalThis);
  return { page, context, server, requests, complaints };
}

/** Waits until something holds; a worker that was ended is gone only a little later. */
async function eventually(holds, what) {
  for (let attempt = 0; attempt < 100 && !holds(); attempt++) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.ok(holds(), what);
}

export async function expectNoWorkers(page) {
  await eventually(() => page.workers().length === 0, "a worker is left");
}
