/**
 * The text as pieces that keep their identity while words come in between them, and the places of
 * the pictures. Plain data: it knows nothing of the page.
 *
 * A piece is what one edit brought, or what is left of it after a later edit or a picture cut it.
 * All offsets are in UTF-16 units.
 */

/**
 * @typedef {{ id: number, text: string, born: number }} Piece `born` is when it came, as given to
 *   `write`
 * @typedef {{ picture: number | null, pieces: Piece[] }} Panel the text up to a picture, and the
 *   picture; `null` after the last one
 */

export class Manuscript {
  /** @type {Piece[]} */
  #pieces = [];
  /** The place of each picture in the text, by index. @type {Map<number, number>} */
  #places = new Map();
  #nextId = 0;

  get text() {
    return this.#pieces.map((piece) => piece.text).join("");
  }

  /** The pictures in reading order. */
  get pictures() {
    return [...this.#places].sort(([i, a], [j, b]) => a - b || i - j).map(([index]) => index);
  }

  /**
   * Applies edits, each to the result of the one before. Where they do not lead to `text` (a run
   * that was taken up again starts from nothing, and this text does not), the difference is applied
   * instead.
   */
  write({ edits, text }, now) {
    const before = this.text;
    if (applied(before, edits) !== text) edits = before === text ? [] : [difference(before, text)];
    for (const edit of edits) this.#edit(edit, now);
  }

  placePicture(index, at) {
    this.#places.set(index, at);
  }

  /** @returns {Panel[]} the whole in reading order; the last panel has no picture */
  panels() {
    const panels = [];
    let from = 0;
    for (const picture of this.pictures) {
      const to = this.#cut(this.#places.get(picture));
      panels.push({ picture, pieces: this.#pieces.slice(from, to) });
      from = Math.max(from, to);
    }
    panels.push({ picture: null, pieces: this.#pieces.slice(from) });
    return panels;
  }

  #edit({ at, insert, remove = 0 }, now) {
    const from = this.#cut(at);
    const to = this.#cut(at + remove);
    const piece = { id: this.#nextId++, text: insert, born: now };
    this.#pieces.splice(from, to - from, ...(insert === "" ? [] : [piece]));
    for (const [index, place] of this.#places) {
      if (place < at) continue;
      // A word that comes where a picture stands goes before it, except for the next sentence,
      // which begins with a space. The picture's next event or the end of the run corrects a
      // wrong guess.
      const goesBehind =
        place === at && remove === 0 && /^\s/.test(insert) && this.#endsSentence(at);
      const kept = Math.max(at, place - remove);
      this.#places.set(index, goesBehind ? place : kept + insert.length);
    }
  }

  #endsSentence(at) {
    return /[.!?]["”’)]*$/.test(this.text.slice(0, at));
  }

  /** Makes `at` a border between two pieces; returns the index of the piece after it. */
  #cut(at) {
    let start = 0;
    for (const [index, piece] of this.#pieces.entries()) {
      if (at <= start) return index;
      const within = at - start;
      if (within < piece.text.length) {
        const rest = { ...piece, id: this.#nextId++, text: piece.text.slice(within) };
        piece.text = piece.text.slice(0, within);
        this.#pieces.splice(index + 1, 0, rest);
        return index + 1;
      }
      start += piece.text.length;
    }
    return this.#pieces.length;
  }
}

function applied(text, edits) {
  for (const { at, insert, remove = 0 } of edits) {
    text = text.slice(0, at) + insert + text.slice(at + remove);
  }
  return text;
}

/** One edit that makes `after` of `before`. */
function difference(before, after) {
  const most = Math.min(before.length, after.length);
  let head = 0;
  while (head < most && before[head] === after[head]) head++;
  let tail = 0;
  while (tail < most - head && before.at(-1 - tail) === after.at(-1 - tail)) tail++;
  const insert = after.slice(head, after.length - tail);
  return { at: head, insert, remove: before.length - tail - head };
}
