/**
 * A picture on the page: a canvas that shows the small picture enlarged and smooth, and slides from
 * one preview to the next.
 */

/** Pixels of the canvas; the browser enlarges what is smooth already as well as we could. */
const SIZE_PX = 384;
/** How one preview replaces the one before: in a few draws, because the engine needs the machine. */
const FADE_DRAWS = 4;
const FADE_MS = 240;

const calm = matchMedia("(prefers-reduced-motion: reduce)");

export class Picture {
  /** For the page. */
  element = document.createElement("figure");

  #canvas = document.createElement("canvas");
  #context;
  #final = false;
  /** The preview that is coming in. */
  #coming = null;
  #timer = 0;

  constructor() {
    this.element.className = "plate";
    this.#canvas.width = SIZE_PX;
    this.#canvas.height = SIZE_PX;
    this.#canvas.setAttribute("role", "img");
    this.#label("A picture that is being painted");
    this.element.append(this.#canvas);
    this.#context = this.#canvas.getContext("2d", { alpha: false });
    this.#context.imageSmoothingQuality = "high";
  }

  /** Shows a preview, or the finished picture, and closes it afterwards. */
  paint(bitmap, final) {
    const isFirst = this.#canvas.dataset.painted === undefined;
    this.#canvas.dataset.painted = "";
    this.#final = final;
    this.#drop();
    if (isFirst || calm.matches) {
      this.#draw(bitmap, 1);
      bitmap.close();
    } else {
      this.#coming = bitmap;
      this.#fade(1);
    }
  }

  /** Shows what every picture begins with. */
  noise() {
    const image = new ImageData(64, 64);
    for (let at = 0; at < image.data.length; at++) {
      const spread = Math.random() + Math.random() + Math.random() - 1.5;
      image.data[at] = at % 4 === 3 ? 255 : 128 + 130 * spread;
    }
    this.#draw(canvasFromImage(image), 1);
  }

  /** Shows the finished picture of the story. */
  finish(image, alt) {
    this.#drop();
    this.#draw(canvasFromImage(image), 1);
    this.#label(alt);
  }

  /** Nobody paints any more, though the picture is not finished. */
  rest() {
    this.#label(
      this.#final ? "A picture of the unfinished story" : "A picture that was not finished",
    );
  }

  /** To be called when the picture leaves the page. */
  close() {
    this.#drop();
  }

  /**
   * The `draw`-th draw of the coming preview over what is there. After it `draw / FADE_DRAWS` of the
   * preview shows; what is drawn with opacity `a` leaves `1 - a` of what was before.
   */
  #fade(draw) {
    this.#draw(this.#coming, 1 / (FADE_DRAWS - draw + 1));
    if (draw === FADE_DRAWS) return this.#drop();
    this.#timer = setTimeout(() => this.#fade(draw + 1), FADE_MS / FADE_DRAWS);
  }

  #draw(source, opacity) {
    this.#context.globalAlpha = opacity;
    this.#context.drawImage(source, 0, 0, SIZE_PX, SIZE_PX);
  }

  #label(text) {
    this.#canvas.setAttribute("aria-label", text);
  }

  /** Lets the coming preview go. */
  #drop() {
    clearTimeout(this.#timer);
    this.#coming?.close();
    this.#coming = null;
  }
}

function canvasFromImage(image) {
  const canvas = document.createElement("canvas");
  canvas.width = image.width;
  canvas.height = image.height;
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}
