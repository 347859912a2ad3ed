// The demo in a browser, as people use it.
//
// By default a fake stands in for the package (fake-oneflow.js), so that nothing has to be built
// and everything that can go wrong does. ONEFLOW_DEMO=package runs what depends on the engine with
// pkg/dist and the model in it. CHROMIUM_PATH names the browser; DEMO_SHOTS names a folder for
// screenshots.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { launch } from "./chromium.mjs";
import { serveDemo } from "./demo-server.mjs";

const FAKE = process.env.ONEFLOW_DEMO !== "package";
/** For tests of the page alone, which the real engine would only make slower. */
const testWithFake = FAKE ? test : () => {};
const SHOTS = process.env.DEMO_SHOTS;
/** For a machine with much else to do. */
const PATIENCE_MS = 90_000;
const WIDE = { width: 1280, height: 900 };
const PHONE = { width: 360, height: 740 };

let server;
let browser;
/** What the pages of the test complained about: the console, exceptions and the CSP. */
let complaints = [];
let contexts = [];

before(async () => {
  server = await serveDemo({ fake: FAKE });
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await server?.close();
});

beforeEach(() => {
  complaints = [];
});

afterEach(async () => {
  await Promise.all(contexts.map((context) => context.close()));
  contexts = [];
  assert.deepEqual(complaints, []);
});

describe("a story", () => {
  test("is written from the first line by one click, with words, pictures and their descriptions", async () => {
    const page = await open();
    await state(page, "ready");
    await page.getByRole("button", { name: "Write" }).click();
    await state(page, "done");
    const text = await bookText(page);
    assert.match(text, /fox/);
    assert.match(text, /[.!?]$/);
    const pictures = page.locator("#book").getByRole("img");
    assert.ok((await pictures.count()) >= 1);
    for (const picture of await pictures.all()) {
      assert.match(await picture.getAttribute("aria-label"), /\w+ \w+/);
      assert.doesNotMatch(await picture.getAttribute("aria-label"), /being painted/);
    }
    assert.match(await line(page), /^\d+ words, \d pictures? · \d+ steps · \d+\.\d\ss · CPU$/);
  });

  test("lights up the words that have just come, in the middle of those that were there", async () => {
    const page = await open("pace=120");
    await state(page, "ready");
    await page.evaluate(watchWords);
    await page.click("#write");
    await state(page, "done");
    const seen = await page.evaluate(() => globalThis.seen);
    assert.ok(seen.inside > 0, "no word came between two that stood there");
    assert.ok(seen.glowing > 0, "no word was lit");
    await page.waitForFunction(() => document.querySelectorAll("#book .new").length === 0);
  });

  test("shows each picture after its own sentence", async () => {
    const page = await open();
    await page.getByRole("button", { name: "A fox meets an owl" }).click();
    await state(page, "done");
    const panels = await page
      .locator("#book .panel")
      .evaluateAll((all) =>
        all.map((panel) => [...panel.children].map(({ tagName }) => tagName).join(" ")),
      );
    const texts = await page.locator("#book .panel p").allInnerTexts();
    for (const [index, text] of texts.entries()) {
      if (text.trim() === "") continue;
      assert.equal(panels[index], "P FIGURE");
      assert.match(text.trim(), /^[A-Z].*[.!?]$/);
    }
  });

  testWithFake("is the same for the same line and seed, and another for a new seed", async () => {
    const page = await open();
    const orders = [];
    for (const action of ["#write", "#write", "#again"]) {
      await state(page, action === "#again" ? "done" : "ready", "done");
      await page.evaluate(watchWords);
      await page.click(action);
      await state(page, "writing");
      await state(page, "done");
      orders.push(await page.evaluate(() => globalThis.seen.texts.join("|")));
    }
    assert.equal(orders[0], orders[1]);
    assert.notEqual(orders[0], orders[2]);
  });

  test("needs no network once the model is in", async () => {
    const page = await open();
    await state(page, "ready");
    const requests = server.requests.length;
    await page.context().setOffline(true);
    await page.click("#write");
    await state(page, "done");
    assert.equal(server.requests.length, requests);
  });

  testWithFake("asked for while the model loads, begins when it is in", async () => {
    const page = await open("load=60");
    await page.click("#write");
    await state(page, "done");
    assert.match(await bookText(page), /fox/);
  });

  testWithFake("makes room for the next one", async () => {
    const page = await open("pace=150");
    await page.getByRole("button", { name: "A fox meets an owl" }).click();
    await state(page, "writing");
    await page.locator("#book .panel p span").first().waitFor();
    await page.getByRole("button", { name: "A panda, painted" }).click();
    await state(page, "done");
    assert.match(await bookText(page), /panda/);
    assert.doesNotMatch(await bookText(page), /fox/);
  });
});

describe("steering", () => {
  testWithFake("steps beyond the planned ones are finishing touches", async () => {
    const page = await open("pace=40&planned=4");
    await state(page, "ready");
    await page.click("#write");
    await page.getByText(/step \d+, finishing touches/i).first().waitFor();
    await state(page, "done");
  });

  test("pause stands still, resume goes on to the same end", async () => {
    const page = await open("pace=60");
    await state(page, "ready");
    await page.click("#write");
    await page.locator("#book canvas").first().waitFor();
    await page.getByRole("button", { name: "Pause" }).click();
    await state(page, "paused");
    await page.waitForTimeout(FAKE ? 300 : 3000); // The step in progress ends.
    const text = await bookText(page);
    await page.waitForTimeout(FAKE ? 300 : 2000);
    assert.equal(await bookText(page), text);
    assert.match(await line(page), /^Paused at step \d+( of \d+|, finishing touches)$/);
    await page.getByRole("button", { name: "Resume" }).click();
    await state(page, "done");
    const paused = await bookText(page);
    await page.click("#write");
    await state(page, "writing");
    await state(page, "done");
    assert.equal(paused, await bookText(page));
  });

  test("stop ends at once, and the story can be continued from there", async () => {
    const page = await open("pace=60");
    await state(page, "ready");
    await page.click("#write");
    await page.locator("#book canvas").first().waitFor();
    await page.getByRole("button", { name: "Stop" }).click();
    await state(page, "stopped");
    const text = await bookText(page);
    await page.waitForTimeout(FAKE ? 300 : 2000);
    assert.equal(await bookText(page), text);
    assert.equal(await page.getByRole("button", { name: "Save" }).count(), 0);
    await page.getByRole("button", { name: "Continue from here" }).click();
    await state(page, "done");
    const continued = await bookText(page);
    await page.click("#write");
    await state(page, "writing");
    await state(page, "done");
    assert.equal(continued, await bookText(page));
  });

  testWithFake("steps and temperature go to the model only when somebody moves them", async () => {
    const page = await open();
    await state(page, "ready");
    await page.getByText("Advanced").click();
    await page.getByLabel("Steps").fill("12");
    assert.equal(await page.locator("#steps-value").textContent(), "12");
    await page.click("#write");
    await state(page, "done");
    assert.match(await line(page), FAKE ? / · 12 steps · / : / · 1[2-9] steps · /);
  });
});

describe("taking it along", () => {
  test("copy puts the text on the clipboard", async () => {
    const page = await open();
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    await page.click("#write");
    await state(page, "done");
    await page.getByRole("button", { name: "Copy text" }).click();
    await page.waitForFunction(() =>
      document.getElementById("line").textContent.includes("copied"),
    );
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    assert.equal(squeezed(copied), await bookText(page));
  });

  testWithFake("copy works without the clipboard interface, too", async () => {
    const page = await open();
    await page.addInitScript(() => {
      Object.defineProperty(navigator, "clipboard", { value: undefined });
      document.addEventListener("copy", () => {
        globalThis.copied = document.activeElement.value;
      });
    });
    await page.reload();
    await page.click("#write");
    await state(page, "done");
    await page.getByRole("button", { name: "Copy text" }).click();
    await page.waitForFunction(() => globalThis.copied !== undefined);
    assert.equal(squeezed(await page.evaluate(() => globalThis.copied)), await bookText(page));
  });

  test("save gives one HTML file with the text, and the pictures inside", async () => {
    const page = await open();
    await page.getByRole("button", { name: "A penguin’s kite" }).click();
    await state(page, "done");
    const pictures = await page.locator("#book").getByRole("img").count();
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: "Save as HTML" }).click(),
    ]);
    assert.match(
      download.suggestedFilename(),
      /^tell-me-a-short-story-about-a-tiny-penguin.*\.html$/,
    );
    const html = await readFile(await download.path(), "utf8");
    assert.equal(html.match(/<img[^>]* src="data:image\/png;base64,/g).length, pictures);
    assert.doesNotMatch(html, /<script|https?:/);
    const saved = await newPage();
    await saved.setContent(html);
    assert.ok(
      squeezed(await saved.locator("body").innerText()).includes(
        (await bookText(page)).slice(0, 20),
      ),
    );
  });
});

describe("for everybody", () => {
  test("works by keyboard alone", async () => {
    const page = await open("pace=100");
    await state(page, "ready");
    await page.keyboard.press("Tab");
    assert.equal(await focused(page), "prompt");
    await page.keyboard.press("Control+A");
    await page.keyboard.type("Tell me a story about a brave lion in the meadow at sunset.");
    await page.keyboard.press("Enter");
    await state(page, "writing");
    assert.equal(await focused(page), "prompt");
    await tabTo(page, "pause");
    await page.keyboard.press("Space");
    await state(page, "paused");
    assert.equal(await focused(page), "pause");
    await page.keyboard.press("Space");
    await state(page, "writing");
    await tabTo(page, "stop");
    await page.keyboard.press("Enter");
    await state(page, "stopped");
    assert.equal(await focused(page), "continue", "the focus goes where the buttons are");
    await page.keyboard.press("Enter");
    await state(page, "writing");
    assert.equal(await focused(page), "pause");
    await state(page, "done");
    assert.equal(await focused(page), "again");
    assert.match(await bookText(page), /lion/);
    await tabTo(page, "save");
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.keyboard.press("Enter"),
    ]);
    assert.match(download.suggestedFilename(), /lion/);
  });

  testWithFake("everything that has a focus shows it", async () => {
    const page = await open();
    await state(page, "ready");
    const ids = new Set();
    for (let press = 0; press < 14; press++) {
      await page.keyboard.press("Tab");
      const shown = await page.evaluate(() => {
        const element = document.activeElement;
        return element === document.body
          ? null
          : [element.id || element.textContent, getComputedStyle(element).outlineStyle];
      });
      if (shown === null) break;
      assert.equal(shown[1], "solid", `${shown[0]} has the focus and does not show it`);
      ids.add(shown[0]);
    }
    for (const id of ["prompt", "write", "seed", "new-seed"])
      assert.ok(ids.has(id), `${id} is out of reach`);
  });

  testWithFake("every control and picture has a name", async () => {
    const page = await open();
    await page.click("#write");
    await state(page, "done");
    await page.getByText("Advanced").click();
    const session = await page.context().newCDPSession(page);
    const { nodes } = await session.send("Accessibility.getFullAXTree");
    const roles = [
      "button",
      "textbox",
      "slider",
      "progressbar",
      "image",
      "img",
      "group",
      "region",
      "link",
    ];
    const named = nodes.filter(({ ignored, role }) => !ignored && roles.includes(role?.value));
    assert.ok(named.length > 15);
    for (const { role, name } of named) {
      if (role.value === "group" && !name?.value) continue; // A <details> needs none.
      assert.ok(name?.value, `a ${role.value} has no name`);
    }
  });

  testWithFake("a screen reader is told of the beginning and the end, and of no step", async () => {
    const page = await open();
    await state(page, "ready");
    await page.evaluate(() => {
      globalThis.said = [];
      const announcer = document.querySelector('[role="status"]');
      new MutationObserver(() => globalThis.said.push(announcer.textContent)).observe(announcer, {
        childList: true,
      });
    });
    await page.click("#write");
    await state(page, "done");
    const said = await page.evaluate(() => globalThis.said);
    assert.equal(said.length, 2);
    assert.equal(said[0], "Writing.");
    assert.match(said[1], /^The story is finished: \d+ words and \d pictures?\.$/);
    assert.equal(await page.locator('[aria-live], [role="alert"], [role="log"]').count(), 0);
  });

  for (const colorScheme of ["light", "dark"]) {
    for (const [name, viewport] of Object.entries({ wide: WIDE, phone: PHONE })) {
      testWithFake(`fits a ${name} ${colorScheme} screen in every state`, async () => {
        const page = await open("pace=60&load=30", { colorScheme, viewport });
        const look = async (moment) => {
          const wider = await page.evaluate(
            () => document.documentElement.scrollWidth - innerWidth,
          );
          assert.equal(wider, 0, `${moment} needs horizontal scrolling`);
          if (!SHOTS) return;
          const path = join(SHOTS, `${name}-${colorScheme}-${moment}.png`);
          await page.screenshot({ path, fullPage: true });
        };
        await look("loading");
        await state(page, "ready");
        await look("ready");
        await page.getByText("Advanced").click();
        await look("advanced");
        await page.getByText("Advanced").click();
        await page.click("#write");
        await page.locator("#book canvas").first().waitFor();
        await look("writing");
        await state(page, "done");
        await look("done");
        const paper = await page.evaluate(
          () => getComputedStyle(document.documentElement).backgroundColor,
        );
        const [red] = paper.match(/\d+/g).map(Number);
        assert.ok(colorScheme === "light" ? red > 180 : red < 60, paper);
        await page.fill("#seed", "nonsense");
        await page.click("#write");
        await state(page, "error");
        await look("error");
      });
    }
  }

  testWithFake("keeps still where motion is not wanted", async () => {
    const page = await open("pace=60", { reducedMotion: "reduce" });
    await state(page, "ready");
    await page.click("#write");
    await page.locator("#book .new").first().waitFor();
    const moving = await page.evaluate(() => document.getAnimations().length);
    assert.equal(moving, 0);
    await state(page, "done");
  });
});

describe("what is wrong", () => {
  testWithFake("a seed that is none leads back to the settings", async () => {
    const page = await open();
    await state(page, "ready");
    await page.fill("#seed", "-3");
    await page.click("#write");
    await trouble(page, /^One of the settings is out of its range/);
    await page.getByRole("button", { name: "Reset the settings" }).click();
    await state(page, "ready");
    assert.match(await page.inputValue("#seed"), /^\d+$/);
    await page.click("#write");
    await state(page, "done");
  });

  testWithFake("a line that is too long leads back to the line", async () => {
    const page = await open();
    await state(page, "ready");
    await page.fill("#prompt", "fox ".repeat(600));
    await page.click("#write");
    await trouble(page, /^This line cannot be used as a prompt/);
    await page.getByRole("button", { name: "Edit the line" }).click();
    assert.equal(await focused(page), "prompt");
  });
});

// What follows needs the fake, because it fails on demand.
if (FAKE) {
  describe("what goes wrong", () => {
    const CODES = [
      ...["invalid-manifest", "integrity", "invalid-model", "model-not-found", "network"],
      ...["unsupported", "version-mismatch", "out-of-memory", "internal"],
    ];
    for (const code of CODES) {
      test(`${code} is said in a sentence, with a next step that works`, async () => {
        const page = await open(`fail=load:${code}`);
        await trouble(page, /^[A-Z][^.]+\.$/);
        assert.ok((await page.locator("#trouble-detail").textContent()).startsWith(`${code}: `));
        await page.locator("#trouble-action").click();
        const reloads = ["integrity", "version-mismatch"].includes(code);
        await state(page, reloads ? "error" : "ready");
      });
    }

    test("an engine that stops in the middle of a story is started again", async () => {
      const page = await open("fail=run:internal");
      await page.click("#write");
      await trouble(page, /^The engine stopped in the middle of its work/);
      await page.getByRole("button", { name: "Try again" }).click();
      await state(page, "ready");
      await page.click("#write");
      await state(page, "done");
    });

    test("a browser without what the engine needs is told so before anything is loaded", async () => {
      const page = await open("fail=check:unsupported");
      await trouble(page, /^This browser lacks something/);
      assert.match(await page.locator("#trouble-detail").textContent(), /SIMD/);
    });

    test("a page whose parts did not arrive says so", async () => {
      const page = await newPage();
      await page.route("**/oneflow-web/index.js", (route) => route.abort());
      await page.goto(server.url);
      await trouble(page, /^A part of this page did not arrive/);
      complaints = complaints.filter((complaint) => !complaint.includes("net::ERR_FAILED"));
    });

    test("the load shows how far it is", async () => {
      const page = await open("load=150");
      await state(page, "loading");
      await page.waitForFunction(() =>
        /of 7\.0 MB$/.test(document.getElementById("line").textContent),
      );
      assert.ok((await page.locator("#progress").evaluate(({ value }) => value)) < 1);
      await state(page, "ready");
    });
  });
}

async function open(query = "", options = {}) {
  const page = await newPage(options);
  const wishes = /pace=/.test(query) ? query : `pace=15&${query}`;
  await page.goto(`${server.url}${FAKE ? `?${wishes}` : ""}`);
  return page;
}

async function newPage(options = {}) {
  const context = await browser.newContext({ viewport: WIDE, acceptDownloads: true, ...options });
  contexts.push(context);
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  page.on("pageerror", (error) => complaints.push(`exception: ${error.stack}`));
  page.on("console", (message) => {
    // The browser's own remark where it is asked for an adapter and has none; check() says so too.
    if (message.text() === "No available adapters.") return;
    if (["error", "warning"].includes(message.type())) complaints.push(message.text());
  });
  await page.exposeFunction("reportViolation", (directive) => complaints.push(`CSP: ${directive}`));
  await page.addInitScript(() => {
    addEventListener("securitypolicyviolation", (event) => {
      globalThis.reportViolation(`${event.effectiveDirective} ${event.blockedURI}`);
    });
  });
  return page;
}

async function state(page, ...states) {
  const selector = states.map((name) => `body[data-state="${name}"]`).join(", ");
  await page.waitForSelector(selector, { timeout: PATIENCE_MS });
}

async function trouble(page, sentence) {
  await state(page, "error");
  assert.equal(await page.locator("#trouble").isVisible(), true);
  const text = await page.locator("#trouble-text").textContent();
  assert.match(text, sentence);
  assert.equal(await page.locator('[role="status"]').textContent(), text);
}

async function tabTo(page, id) {
  for (let press = 0; press < 30; press++) {
    if ((await focused(page)) === id) return;
    await page.keyboard.press("Tab");
  }
  assert.fail(`${id} cannot be reached by Tab`);
}

function focused(page) {
  return page.evaluate(() => document.activeElement.id);
}

async function line(page) {
  return await page.locator("#line").textContent();
}

async function bookText(page) {
  const texts = await page.locator("#book .panel:not(.blank) p").allTextContents();
  return squeezed(texts.join(" "));
}

function squeezed(text) {
  return text.replace(/\s+/g, " ").trim();
}

/** Runs in the page: follows the text of the book as it grows. */
function watchWords() {
  const book = document.getElementById("book");
  const seen = { inside: 0, glowing: 0, texts: [] };
  globalThis.seen = seen;
  const known = new Set();
  globalThis.watcher?.disconnect();
  globalThis.watcher = new MutationObserver(() => {
    const words = [...book.querySelectorAll(".panel p span")];
    const fresh = words.filter((word) => !known.has(word));
    if (fresh.length === 0) return;
    seen.glowing += fresh.filter((word) => word.classList.contains("new")).length;
    const last = words.findLastIndex((word) => known.has(word));
    const first = words.findIndex((word) => known.has(word));
    seen.inside += fresh.filter(
      (word) => words.indexOf(word) < last && words.indexOf(word) > first,
    ).length;
    for (const word of words) known.add(word);
    seen.texts.push(words.map((word) => word.textContent).join(""));
  });
  globalThis.watcher.observe(book, { childList: true, subtree: true });
}
