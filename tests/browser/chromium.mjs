// A headless Chromium, and a page under the strict policy that has the package.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { after, before } from "node:test";
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

export async function launch({ webgpu = false } = {}) {
  const executablePath = process.env.CHROMIUM_PATH ?? "/usr/bin/chromium";
  const args = [...FLAGS, ...(webgpu ? WEBGPU_FLAGS : NO_GPU_FLAGS)];
  return await chromium.launch({ executablePath, args });
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
 */
export async function openPage(t, browser, { handle, mounts = [] } = {}) {
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
  const context = await browser.newContext();
  const page = await context.newPage();
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  t.after(async () => {
    await context.close();
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
