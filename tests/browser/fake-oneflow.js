/**
 * The public names of the package without a model behind them, for the tests of the demo: a story
 * of three sentences whose words come in a shuffled order, and pictures that come out of noise.
 *
 * The address of the page says how it behaves: `pace` is the milliseconds of a step, `load` those
 * of a piece of the download, `planned` the number of steps that the events speak of, and `fail=WHERE:CODE` fails once, where WHERE is `check`, `load`,
 * `generate` (at once) or `run` (in the middle of the story); `fail=check:unsupported` is an answer
 * of `check` and stays.
 */

const wishes = new URLSearchParams(globalThis.location?.search ?? "");
const PACE_MS = Number(wishes.get("pace") ?? 60);
/** Of how many steps the events speak; there are more where completion rounds follow. */
const PLANNED = Number(wishes.get("planned") ?? Infinity);
const LOAD_MS = Number(wishes.get("load") ?? 20);
const SIZE_PX = 64;
/** A longer word comes in two pieces. */
const LONGEST_TOKEN = 6;

let failure = wishes.get("fail");

export class OneFlowError extends Error {
  name = "OneFlowError";

  constructor(code, message, options) {
    super(message, options);
    this.code = code;
    this.retryable = code === "network" || code === "busy";
  }
}

export class OneFlow {
  info = {
    name: "storyworld-fake",
    version: "0.1.0",
    parameters: 3_100_000,
    imageSize: { width: SIZE_PX, height: SIZE_PX },
    sampling: { steps: 24, temperature: 0.8 },
    device: "cpu",
  };

  #atlas;

  constructor(atlas) {
    this.#atlas = atlas;
  }

  static async check() {
    if (failure === "check:unsupported") {
      const reasons = [
        { code: "wasm-simd-missing", message: "this browser has no WebAssembly SIMD" },
      ];
      return { status: "unsupported", device: "cpu", reasons };
    }
    failOnce("check");
    return {
      status: "downloadable",
      device: "cpu",
      precision: "f32",
      downloadBytes: 7e6,
      reasons: [],
    };
  }

  static async load({ onProgress = () => {} } = {}) {
    const totalBytes = 7_012_345;
    for (let part = 0; part <= 10; part++) {
      onProgress({ phase: "download", loadedBytes: (totalBytes * part) / 10, totalBytes });
      await sleep(LOAD_MS);
      if (part === 5) failOnce("load");
    }
    for (const phase of ["verify", "compile"]) {
      onProgress({ phase, loadedBytes: totalBytes, totalBytes });
      await sleep(LOAD_MS);
    }
    return new OneFlow(await readAtlas());
  }

  generate(options = {}) {
    failOnce("generate");
    const { seed = 1, prompt = "", steps = 24, from } = options;
    if (!Number.isSafeInteger(seed)) {
      throw new OneFlowError("invalid-option", "`seed` is NaN: give an integer from 0 to 2^53 - 1");
    }
    if (prompt.length > 2000) {
      throw new OneFlowError("invalid-prompt", `the prompt has ${prompt.length} UTF-16 units`);
    }
    const state = from
      ? JSON.parse(new TextDecoder().decode(from))
      : { prompt, seed, steps, step: 0 };
    return new Run(state, this.#atlas);
  }

  close() {}

  async [Symbol.asyncDispose]() {}
}

class Run {
  result;

  #state;
  #score;
  #atlas;
  #cancelled = null;
  #paused = false;
  #wake = () => {};

  constructor(state, atlas) {
    this.#state = state;
    this.#atlas = atlas;
    this.#score = composeScore(state);
    this.seed = state.seed;
  }

  pause() {
    this.#paused = true;
  }

  resume() {
    this.#paused = false;
    this.#wake();
  }

  cancel(reason = new DOMException("the run was cancelled", "AbortError")) {
    this.#cancelled ??= reason;
    this.#wake();
  }

  snapshot() {
    return new TextEncoder().encode(JSON.stringify(this.#state));
  }

  async *[Symbol.asyncIterator]() {
    const { elements, steps } = this.#score;
    let text = "";
    for (let step = this.#state.step + 1; step <= steps; step++) {
      while (this.#paused && !this.#cancelled) await new Promise((wake) => (this.#wake = wake));
      if (this.#cancelled) throw this.#cancelled;
      await sleep(PACE_MS); // A step in progress is not held up by a pause.
      if (this.#cancelled) throw this.#cancelled;
      if (step === 6) failOnce("run");
      const t = step / steps;
      const edits = editsOfStep(elements, step, text);
      for (const { at, insert } of edits) text = text.slice(0, at) + insert + text.slice(at);
      if (edits.length > 0) yield { type: "text", step, t, edits, text };
      for (const element of elements.filter(({ scene, arrival }) => scene && arrival <= step)) {
        const since = step - element.arrival;
        const clock = Math.min(1, since / element.duration);
        if (clock === 1 && since > element.duration) continue;
        const image = mix(element.noise, paintScene(element.scene, this.#atlas), clock);
        yield {
          type: "image",
          step,
          t: clock,
          index: element.index,
          at: placeOf(elements, element, step),
          bitmap: await createImageBitmap(image),
          final: clock === 1,
        };
      }
      this.#state.step = step;
      yield { type: "step", step, steps: Math.min(steps, PLANNED), t, ms: PACE_MS };
    }
    const { seed, prompt } = this.#state;
    const story = new Story(storyParts(elements, this.#atlas), prompt, seed);
    const tokens = elements.filter(({ token }) => token).length;
    const stats = { steps, rounds: 0, tokens, images: story.images.length, ms: steps * PACE_MS };
    yield { type: "done", story, seed, stats };
  }
}

class Story {
  constructor(parts, prompt, seed) {
    Object.assign(this, { parts, prompt, seed });
  }

  get text() {
    return this.parts.map(({ text = "" }) => text).join("");
  }

  get images() {
    return this.parts.flatMap(({ image }) => image ?? []);
  }

  toHTML({ title = this.prompt } = {}) {
    const parts = this.parts.map(({ text, image, alt }) =>
      image
        ? `<img src="${dataUrl(image)}" alt="${escape(alt)}">`
        : `<p>${escape(text.trim())}</p>`,
    );
    return `<!doctype html><html lang="en"><title>${escape(title)}</title><h1>${escape(title)}</h1>${parts.join("\n")}`;
  }
}

/** Who, where and when, and in which step each word and each picture comes. */
function composeScore({ prompt, seed, steps }) {
  const random = generator(seed);
  const scene = sceneOf(prompt);
  const elements = [];
  for (const [ordinal, [sentence, ...shown]] of sentencesOf(scene).entries()) {
    for (const token of tokensOf((ordinal > 0 ? " " : "") + sentence)) {
      elements.push({ token, arrival: 1 + Math.floor(random() ** 1.2 * steps * 0.75) });
    }
    const [other, mark] = shown;
    elements.push({
      scene: { ...scene, other, mark },
      index: 0,
      alt: `${capital(scene.who)} ${scene.place}${other ? ` with ${article(other)}` : ""} ${scene.when}.`,
      arrival: 2 + Math.floor(random() * steps * 0.35),
      duration: Math.max(1, Math.floor(steps * 0.55)),
      noise: noiseImage(random),
    });
  }
  const images = elements.filter(({ scene: shown }) => shown);
  images.sort((a, b) => a.arrival - b.arrival).forEach((image, index) => (image.index = index));
  return { elements, steps };
}

function sceneOf(prompt) {
  const find = (pattern, otherwise) => prompt.match(pattern)?.[0] ?? otherwise;
  const character = find(
    /fox|rabbit|bear|panda|koala|lion|frog|penguin|owl|dog|mouse|pig|tiger|monkey|hedgehog|duck|elephant|unicorn|dragon|turtle|robot|ghost|raccoon/,
    "rabbit",
  );
  return {
    character,
    who: `${find(/shy|brave|tiny|sleepy|curious|happy|clever|kind/, "curious")} ${character}`,
    place: find(/(in|on) the (meadow|forest|beach|snow|sea|cave|house|road)/, "in the meadow"),
    when: find(/on a sunny day|at sunset|at night|in the rain/, "on a sunny day"),
    count: /^(a picture of|draw|paint)/i.test(prompt) ? 1 : /short/.test(prompt) ? 2 : 3,
  };
}

/** Each with what its picture shows beside the character and above it. */
function sentencesOf({ character, who, place, when, count }) {
  const opening = {
    "on a sunny day": "One sunny morning",
    "at sunset": "One golden evening",
    "at night": "One starry night",
    "in the rain": "One rainy day",
  }[when];
  return [
    [`${opening} a ${who} loses its lantern ${place}.`],
    [`After a long hunt the lantern turns up right behind the ${character}.`, "lantern"],
    [
      `What a relief, and the ${character} hugs its lantern all the way home.`,
      "lantern",
      "red-heart",
    ],
  ].slice(0, count);
}

function tokensOf(sentence) {
  return sentence.match(/\s?[^\s.,!]+|[.,!]/g).flatMap((token) => {
    const half = Math.ceil(token.length / 2);
    return token.length > LONGEST_TOKEN ? [token.slice(0, half), token.slice(half)] : [token];
  });
}

/** From right to left; words that come side by side are one edit. */
function editsOfStep(elements, step, textBefore) {
  const isFirst = textBefore === "";
  const edits = [];
  let at = 0;
  let open = null;
  for (const { token, arrival } of elements) {
    const isNew = token && (isFirst ? arrival <= step : arrival === step);
    if (isNew && open) open.insert += token;
    else if (isNew) edits.push((open = { at, insert: token }));
    else if (arrival <= step) open = null;
    if (token && !isNew && arrival < step) at += token.length;
  }
  return edits.reverse();
}

function placeOf(elements, element, step) {
  const before = elements.slice(0, elements.indexOf(element));
  return before.reduce(
    (at, { token, arrival }) => (token && arrival <= step ? at + token.length : at),
    0,
  );
}

function storyParts(elements, atlas) {
  const parts = [];
  for (const { token, scene, alt } of elements) {
    if (scene) parts.push({ type: "image", image: paintScene(scene, atlas), alt });
    else if (parts.at(-1)?.type === "text") parts.at(-1).text += token;
    else parts.push({ type: "text", text: token });
  }
  return parts;
}

const SKIES = {
  "on a sunny day": ["#8fd0f5", "#dff3fb"],
  "at sunset": ["#f28d5b", "#fbd49a"],
  "at night": ["#16204a", "#3d4a86"],
  "in the rain": ["#7f8da0", "#b7c0ca"],
};
const GROUNDS = {
  meadow: "#7cc254",
  forest: "#3f7d3a",
  beach: "#efd59b",
  snow: "#eef4fa",
  sea: "#3a86c8",
  cave: "#6c5a50",
  house: "#b98556",
  road: "#8d8a86",
};

function paintScene({ character, place, when, other, mark }, atlas) {
  const context = new OffscreenCanvas(SIZE_PX, SIZE_PX).getContext("2d");
  const sky = context.createLinearGradient(0, 0, 0, 44);
  for (const [stop, color] of SKIES[when].entries()) sky.addColorStop(stop, color);
  context.fillStyle = sky;
  context.fillRect(0, 0, SIZE_PX, SIZE_PX);
  const ground = place.split(" ").at(-1);
  if (ground === "forest") {
    context.fillStyle = "#2c5c31";
    for (const x of [4, 14, 46, 58]) context.fillRect(x, 16, 5, 30);
    for (const x of [6, 16, 48, 60]) disc(context, x, 16, 8);
  }
  context.fillStyle = when === "at night" ? "#fdf4c7" : "#fff1b0";
  disc(context, 52, 10, 5);
  context.fillStyle = GROUNDS[ground];
  context.fillRect(0, 42, SIZE_PX, 22);
  atlas(context, character, other ? 5 : 16, 24, 34);
  if (other) atlas(context, "red-paper-lantern", 38, 33, 22);
  if (mark) atlas(context, mark, 24, 4, 16);
  return context.getImageData(0, 0, SIZE_PX, SIZE_PX);
}

function disc(context, x, y, radius) {
  context.beginPath();
  context.arc(x, y, radius, 0, 7);
  context.fill();
}

function noiseImage(random) {
  const image = new ImageData(SIZE_PX, SIZE_PX);
  for (let at = 0; at < image.data.length; at++) {
    image.data[at] = at % 4 === 3 ? 255 : 128 + (random() + random() + random() - 1.5) * 130;
  }
  return image;
}

function mix(noise, picture, t) {
  const image = new ImageData(SIZE_PX, SIZE_PX);
  for (let at = 0; at < image.data.length; at++) {
    image.data[at] = noise.data[at] * (1 - t) + picture.data[at] * t;
  }
  return image;
}

/** Draws sprites by name, or discs where the server has no sprites. */
async function readAtlas() {
  try {
    const folder = new URL("./assets/", import.meta.url);
    const { cell, columns, sprites } = await (await fetch(new URL("atlas.json", folder))).json();
    const sheet = await createImageBitmap(await (await fetch(new URL("atlas.png", folder))).blob());
    return (context, name, x, y, size) => {
      const index = sprites.findIndex((sprite) => sprite.name === name);
      const [column, row] = [index % columns, Math.floor(index / columns)];
      context.drawImage(sheet, column * cell, row * cell, cell, cell, x, y, size, size);
    };
  } catch {
    return (context, name, x, y, size) => {
      context.fillStyle = "#c2562f";
      disc(context, x + size / 2, y + size / 2, size / 2);
    };
  }
}

function dataUrl({ data, width, height }) {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width, height });
  canvas.getContext("2d").putImageData(new ImageData(data, width, height), 0, 0);
  return canvas.toDataURL();
}

function failOnce(where) {
  const [place, code] = failure?.split(":") ?? [];
  if (place !== where) return;
  failure = null;
  throw new OneFlowError(code, `a failure of the fake: ${where}`);
}

function generator(seed) {
  let state = (seed * 2654435761 + 12345) >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

function article(noun) {
  return `${/^[aeiou]/.test(noun) ? "an" : "a"} ${noun}`;
}

function capital(text) {
  return `${article(text)}`.replace(/^a/, "A");
}

function escape(text) {
  return text.replace(/[&<>"]/g, (letter) => `&#${letter.charCodeAt(0)};`);
}

function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
