/** Pictures for whoever looks at them: `ImageBitmap` and `ImageData` where they exist. */

import type { Bitmap, PictureData } from "./events.js";
import type { StoryPicture } from "./story.js";

/** A picture as it leaves the engine. */
export interface Rgba {
  width: number;
  height: number;
  rgba: Uint8ClampedArray<ArrayBuffer>;
}

/** For an image event; made in the worker, so that the page has nothing to decode. */
export async function bitmapFromRgba({ width, height, rgba }: Rgba): Promise<Bitmap> {
  if (typeof createImageBitmap !== "function" || typeof ImageData !== "function") {
    return new Pixels(width, height, rgba.slice());
  }
  const image = new ImageData(rgba, width, height);
  return await createImageBitmap(image, {
    premultiplyAlpha: "none",
    colorSpaceConversion: "none",
  });
}

/** For a story. */
export function storyPictureFromRgba({ width, height, rgba }: Rgba): StoryPicture {
  return typeof ImageData === "function"
    ? new ImageData(rgba, width, height)
    : new Pixels(width, height, rgba);
}

class Pixels implements PictureData {
  readonly colorSpace = "srgb";

  constructor(
    readonly width: number,
    readonly height: number,
    readonly data: Uint8ClampedArray<ArrayBuffer>,
  ) {}

  close(): void {}
}
