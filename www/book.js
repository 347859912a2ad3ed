/**
 * The story on the page: a folding book with a panel for each picture. A panel holds the text up to
 * its picture, then the picture (the style sheet puts it on top); the last panel holds the text
 * after the last picture, if there is any.
 *
 * New words light up for a while. An element that has to move goes on glowing from where it was, so
 * that only what is new draws the eye.
 */

import { Manuscript } from "./manuscript.js";
import { Picture } from "./picture.js";

/** How long a new word glows; the style sheet has the same number. */
const GLOW_MS = 1800;

/** What stands on the panels before the first story; a phone shows the first panel only. */
const BLANK = [
  ["Write a line,", " choose a seed, and watch."],
  ["choose a seed,", ""],
  ["and watch.", ""],
];

const calm = matchMedia("(prefers-reduced-motion: reduce)");

export class Book {
  #root;
  #manuscript = new Manuscript();
  /** @type {Map<number, Picture>} */
  #pictures = new Map();
  /** The panel of each picture; the one of the last words is at `null`. */
  #panels = new Map();
  /** The element of each piece of text, by id. */
  #words = new Map();
  /** Ends the glow of the youngest words. */
  #timer = 0;

  constructor(root) {
    this.#root = root;
  }

  get text() {
    return this.#manuscript.text;
  }

  set busy(busy) {
    this.#root.setAttribute("aria-busy", String(busy));
  }

  /** Noise and no words yet, before there is a story. */
  blank() {
    this.clear();
    const panels = BLANK.map(([words, more]) => {
      const { element, text, plate } = createPanel();
      element.classList.add("blank");
      element.setAttribute("aria-hidden", "true");
      const narrow = document.createElement("span");
      narrow.className = "narrow-only";
      narrow.textContent = more;
      text.append(words, narrow);
      const picture = new Picture();
      picture.noise();
      plate.replaceWith(picture.element);
      return element;
    });
    this.#root.replaceChildren(...panels);
  }

  clear() {
    clearTimeout(this.#timer);
    for (const picture of this.#pictures.values()) picture.close();
    this.#manuscript = new Manuscript();
    this.#pictures.clear();
    this.#panels.clear();
    this.#words.clear();
    this.#root.replaceChildren();
    this.#root.classList.remove("finished");
    this.#lay();
  }

  /** Comes into view, if most of it is out of view. */
  reveal() {
    if (this.#root.getBoundingClientRect().top < innerHeight * 0.55) return;
    this.#root.scrollIntoView({ behavior: calm.matches ? "auto" : "smooth" });
  }

  writeText(event) {
    this.#manuscript.write(event, performance.now());
    this.#lay();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#fadeOut(), GLOW_MS);
  }

  paintImage({ index, at, bitmap, final }) {
    this.#manuscript.placePicture(index, at);
    const isNew = !this.#pictures.has(index);
    if (isNew) this.#pictures.set(index, new Picture());
    this.#lay();
    this.#pictures.get(index).paint(bitmap, final);
  }

  /** Puts everything where the story has it: its text, and each picture after its sentence. */
  finish(story) {
    this.#manuscript.write({ edits: [], text: story.text }, performance.now());
    const order = this.#manuscript.pictures;
    let at = 0;
    let ordinal = 0;
    for (const part of story.parts) {
      if (part.type === "text") {
        at += part.text.length;
        continue;
      }
      const index = order[ordinal] ?? ordinal;
      ordinal += 1;
      if (!this.#pictures.has(index)) this.#pictures.set(index, new Picture());
      this.#manuscript.placePicture(index, at);
      this.#pictures.get(index).finish(part.image, part.alt);
    }
    this.#lay();
    this.#root.classList.add("finished");
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#join(), GLOW_MS);
  }

  /** Nobody writes any more, though the story is not finished. */
  rest() {
    for (const picture of this.#pictures.values()) picture.rest();
  }

  /** Makes the page equal to the manuscript, touching only what differs. */
  #lay() {
    const panels = this.#manuscript.panels();
    const before = positions(this.#root);
    const elements = panels.map(({ picture, pieces }) => {
      const panel = this.#panelOf(picture);
      place(
        panel.text,
        pieces.map((piece) => this.#wordOf(piece)),
      );
      panel.element.classList.toggle(
        "wordless",
        pieces.every(({ text }) => text.trim() === ""),
      );
      return panel.element;
    });
    place(this.#root, elements);
    slide(this.#root, before);
  }

  #panelOf(picture) {
    let panel = this.#panels.get(picture);
    if (panel) return panel;
    panel = createPanel();
    if (picture === null) panel.element.classList.add("last");
    else panel.plate.replaceWith(this.#pictures.get(picture).element);
    this.#panels.set(picture, panel);
    return panel;
  }

  #wordOf({ id, text, born }) {
    let word = this.#words.get(id);
    if (!word) {
      word = document.createElement("span");
      word.className = "new";
      word.born = born;
      this.#words.set(id, word);
      age(word);
    }
    if (word.textContent !== text) word.textContent = text;
    return word;
  }

  /** Makes plain text of the pieces, which some screen readers would read one by one. */
  #join() {
    for (const { text } of this.#panels.values()) text.textContent = text.textContent.trim();
    this.#words.clear();
  }

  #fadeOut() {
    const now = performance.now();
    for (const word of this.#words.values()) {
      if (now - word.born >= GLOW_MS) word.classList.remove("new");
    }
  }
}

function createPanel() {
  const element = document.createElement("div");
  element.className = "panel";
  const text = document.createElement("p");
  const plate = document.createElement("div");
  plate.className = "plate";
  element.append(text, plate);
  return { element, text, plate };
}

/** Gives `parent` these children in this order, and moves only those that stand elsewhere. */
function place(parent, children) {
  for (const [index, child] of children.entries()) {
    const there = parent.childNodes[index];
    if (there === child) continue;
    parent.insertBefore(child, there ?? null);
    age(child);
  }
  while (parent.childNodes.length > children.length) parent.lastChild.remove();
}

/** A move starts an animation again; this starts it at the word's true age. */
function age(word) {
  if (word.born !== undefined) word.style.animationDelay = `${word.born - performance.now()}ms`;
}

function positions(root) {
  return new Map([...root.children].map((panel) => [panel, panel.offsetLeft]));
}

/** Lets panels that made room for a new one slide there. */
function slide(root, before) {
  if (calm.matches) return;
  for (const panel of root.children) {
    const from = before.get(panel);
    const distance = from === undefined ? 0 : from - panel.offsetLeft;
    if (distance === 0 || from === 0) continue;
    panel.animate([{ transform: `translateX(${distance}px)` }, { transform: "none" }], {
      duration: 320,
      easing: "cubic-bezier(0.2, 0.7, 0.2, 1)",
    });
  }
}
