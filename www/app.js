/**
 * The page from opening to saving: one model, one story at a time, and the states between them.
 *
 *     checking > loading > ready > writing <> paused > done
 *                   |                 |                 |
 *                 error             stopped           writing, again
 *
 * Everything that is shown for a state is decided by `show`; the book shows the story itself.
 */

import { OneFlow } from "./oneflow-web/index.js";
import { Bar } from "./bar.js";
import { Book } from "./book.js";
import { Composer } from "./composer.js";
import { copyText, saveFile } from "./save.js";
import { Stopwatch } from "./stopwatch.js";
import { Trouble, troubleFromError, troubleFromFit } from "./trouble.js";

const bar = new Bar();
const book = new Book(document.getElementById("book"));
const composer = new Composer();
const trouble = new Trouble();
const stopwatch = new Stopwatch();

/** The loaded model, or `null`. */
let flow = null;
/** What computes, in a word for people. */
let device = "";
/** The run that the book shows; events of any other run are dropped. */
let run = null;
/** The finished story, for saving. */
let story = null;
/** Where a stopped run can be taken up again. */
let snapshot = null;
/** The line that the story was written from. */
let title = "";
/** The last step event. */
let progress = null;
/** Whether "Write" was pressed before the model was in. */
let wanted = false;

composer.onWrite = () => write();
bar.on("pause", () => (document.body.dataset.state === "paused" ? resume() : pause()));
bar.on("stop", stop);
bar.on("continue", () => begin(() => flow.generate({ from: snapshot }), { keep: true }));
bar.on("again", () => {
  composer.newSeed();
  write();
});
bar.on("copy", async () => {
  const copied = await copyText(book.text);
  bar.tell(
    copied
      ? "The text is copied."
      : "The browser did not let this page copy: select the text and copy it by hand.",
  );
});
bar.on("save", () => {
  const name = saveFile(story.toHTML(title ? { title } : {}), title);
  bar.tell(`Saved as ${name}.`);
});

book.blank();
await load();

async function load() {
  trouble.hide();
  show("checking");
  try {
    const fit = await OneFlow.check();
    if (fit.status === "unsupported") return fail(troubleFromFit(fit));
    device = fit.device === "webgpu" ? "GPU" : "CPU";
    show("loading");
    flow = await OneFlow.load({ onProgress: (at) => bar.loading(at) });
  } catch (error) {
    return fail(troubleFromError(error));
  }
  composer.suggest(flow.info?.sampling);
  describeModel(flow.info);
  show("ready");
  if (wanted) write();
  else bar.announce("Ready to write.");
}

/** Begins a story with what the composer holds; a story that is being written makes room. */
function write() {
  wanted = flow === null;
  if (wanted) {
    if (document.body.dataset.state === "error") load();
    else bar.announce("Writing starts when the model is in.");
    return;
  }
  begin(() => flow.generate(composer.options()), { keep: false });
}

async function begin(generate, { keep }) {
  const previous = run;
  run = null;
  previous?.cancel();
  trouble.hide();
  let mine;
  try {
    mine = generate();
  } catch (error) {
    return fail(troubleFromError(error));
  }
  run = mine;
  story = null;
  snapshot = null;
  progress = null;
  if (!keep) {
    stopwatch.reset();
    title = composer.prompt;
    book.clear();
  }
  stopwatch.start();
  show("writing");
  book.reveal();
  bar.announce(keep ? "Writing on." : "Writing.");
  try {
    for await (const event of mine) {
      if (mine === run) follow(event);
      else event.bitmap?.close();
    }
  } catch (error) {
    if (mine !== run) return;
    if (error?.name === "AbortError") stopped();
    else fail(troubleFromError(error));
  }
}

function follow(event) {
  switch (event.type) {
    case "text":
      return book.writeText(event);
    case "image":
      return book.paintImage(event);
    case "step":
      progress = event;
      return show(document.body.dataset.state); // The last step before a pause comes after it.
    case "done":
      return done(event);
  }
}

function done({ story: finished, stats }) {
  stopwatch.stop();
  run = null;
  story = finished;
  book.finish(finished);
  show("done");
  const pictures = finished.images.length;
  const words = finished.text.split(/\s+/).filter(Boolean).length;
  bar.finished({
    words,
    pictures,
    steps: stats.steps + stats.rounds,
    secs: stopwatch.secs,
    device,
  });
}

function pause() {
  run?.pause();
  stopwatch.stop();
  show("paused");
  bar.announce("Paused.");
}

function resume() {
  run?.resume();
  stopwatch.start();
  show("writing");
  bar.announce("Writing on.");
}

function stop() {
  const stopping = run;
  if (stopping === null) return;
  try {
    snapshot = stopping.snapshot();
  } catch {
    snapshot = null; // It was stopped before there was anything to go on from.
  }
  run = null;
  stopping.cancel();
  stopped();
}

function stopped() {
  run = null;
  stopwatch.stop();
  book.rest();
  show("stopped");
  bar.announce("Stopped.");
}

/** Shows what is wrong; the next step is on the button. */
function fail(problem) {
  const hadFocus = bar.element.contains(document.activeElement);
  run = null;
  wanted = false;
  stopwatch.stop();
  if (story === null) book.rest();
  show("error");
  if (problem.reload) {
    flow?.close();
    flow = null;
  }
  trouble.show(problem, () => {
    if (problem.next === "page") return location.reload();
    trouble.hide();
    if (problem.next === "settings") composer.reset();
    if (flow === null) return load();
    show(story === null ? "ready" : "done");
    if (problem.next === "prompt") composer.focusPrompt();
    if (problem.next === "again") write();
  });
  trouble.reveal({ focus: hadFocus });
  bar.announce(problem.text);
}

/** Makes the page fit a state. */
function show(state) {
  document.body.dataset.state = state;
  book.busy = state === "writing";
  bar.show(state, {
    step: progress,
    secs: stopwatch.secs,
    device,
    canContinue: snapshot !== null,
    hasText: book.text.trim() !== "",
  });
}

function describeModel(info) {
  if (!info) return;
  const line = document.getElementById("model-line");
  const millions = (info.parameters / 1e6).toFixed(1);
  line.textContent = `Model: ${info.name} ${info.version}, ${millions} million parameters, on the ${device}.`;
  line.hidden = false;
}
