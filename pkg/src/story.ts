/** The finished story: its parts in reading order, and the same as one HTML file. */

import type { PictureData } from "./events.js";
import { dataUrlFromPng, pngFromPixels } from "./png.js";

export type StoryPart = StoryText | StoryImage;

export interface StoryText {
  type: "text";
  text: string;
}

export interface StoryImage {
  type: "image";
  /** An `ImageData` in a browser, a {@link PictureData} elsewhere. */
  image: StoryPicture;
  /** What the picture shows, in words. */
  alt: string;
}

export type StoryPicture = ImageData | PictureData;

export class Story {
  /** Text and pictures in reading order. */
  readonly parts: readonly StoryPart[];
  /** What was asked for; empty where nothing was, or where the run continued a snapshot. */
  readonly prompt: string;
  /** The seed that gives this story again. */
  readonly seed: number;

  constructor(parts: readonly StoryPart[], prompt: string, seed: number) {
    this.parts = parts;
    this.prompt = prompt;
    this.seed = seed;
  }

  /** The text without the pictures. */
  get text(): string {
    return this.parts.map((part) => (part.type === "text" ? part.text : "")).join("");
  }

  /** The pictures without the text. */
  get images(): StoryPicture[] {
    return this.parts.flatMap((part) => (part.type === "image" ? [part.image] : []));
  }

  /**
   * The story as one HTML file that needs nothing else: the pictures are inside, there are no
   * scripts, and everything that comes from the prompt or the model is escaped.
   *
   * @param options.title stands above the story; by default the prompt
   * @param options.lang the language of the text; by default "en"
   */
  toHTML(options: { title?: string; lang?: string } = {}): string {
    const title = (options.title ?? this.prompt.trim()) || "A story";
    return `<!doctype html>
<html lang="${escapeHTML(options.lang ?? "en")}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHTML(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${escapeHTML(title)}</h1>
${this.parts.map(htmlFromPart).filter(Boolean).join("\n")}
</main>
</body>
</html>
`;
  }
}

const STYLE = `
:root { color-scheme: light dark; }
body { margin: 0; font: 1.125rem/1.6 Georgia, serif; }
main { max-width: 34rem; margin: 0 auto; padding: 2rem 1rem; }
h1 { font-size: 1.5rem; line-height: 1.3; }
figure { margin: 1.5rem 0; }
img { display: block; width: min(100%, 20rem); height: auto; border-radius: 0.5rem; }
`;

function htmlFromPart(part: StoryPart): string {
  if (part.type === "text") {
    const text = part.text.trim();
    return text && `<p>${escapeHTML(text)}</p>`;
  }
  const { image, alt } = part;
  const source = dataUrlFromPng(pngFromPixels(image));
  return `<figure><img src="${source}" width="${image.width}" height="${image.height}" alt="${escapeHTML(alt)}"></figure>`;
}

const ENTITIES: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function escapeHTML(text: string): string {
  return text.replace(/[&<>"']/g, (letter) => ENTITIES[letter] ?? "");
}
