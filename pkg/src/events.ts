/**
 * What a run tells while it works. The events of one step come together and in this order: the
 * text, the pictures, the step; the last step ends in `done`.
 *
 * Time `t` runs from 0 (empty, noise) to 1 (finished).
 */

import type { Story } from "./story.js";

export type FlowEvent = TextEvent | ImageEvent | StepEvent | DoneEvent;

/** The text grew. */
export interface TextEvent {
  type: "text";
  /** The step that wrote, counted from 1. */
  step: number;
  t: number;
  /**
   * Changes to the text of the previous text event (the empty text before the first), in the order
   * in which to apply them: from right to left, so that no edit moves the place of the next.
   */
  edits: Edit[];
  /** The whole text after the edits. */
  text: string;
}

/** One change of a text. Offsets are in UTF-16 units, as everywhere in JavaScript. */
export interface Edit {
  at: number;
  /** What stands at `at` afterwards. */
  insert: string;
  /** How many units at `at` go first; only where a character arrived in pieces. */
  remove?: number;
}

/** A picture appeared, became clearer, or is finished. */
export interface ImageEvent {
  type: "image";
  step: number;
  /** The picture's own time, which begins when the picture is called for. */
  t: number;
  /** Which picture, counted from 0 in the order of appearance. */
  index: number;
  /** Where it stands in the text, in UTF-16 units. */
  at: number;
  /** Yours: `close()` it when you have drawn it. */
  bitmap: Bitmap;
  /** Whether this is the finished picture and no preview. */
  final: boolean;
}

/** An `ImageBitmap` in a browser, a {@link PictureData} elsewhere. */
export type Bitmap = ImageBitmap | PictureData;

/** A picture as numbers, in the shape of `ImageData`, for places that have no `ImageBitmap`. */
export interface PictureData {
  readonly width: number;
  readonly height: number;
  /** Red, green, blue, alpha; row by row from the top. */
  readonly data: Uint8ClampedArray<ArrayBuffer>;
  readonly colorSpace: "srgb";
  /** Does nothing; here so that the same program runs everywhere. */
  close(): void;
}

/** A step is complete. */
export interface StepEvent {
  type: "step";
  /** Counted from 1. */
  step: number;
  /** How many steps are scheduled; what the story then still needs comes on top of them. */
  steps: number;
  t: number;
  /** How long the engine worked on this step, in milliseconds. */
  ms: number;
}

/** The story is finished. */
export interface DoneEvent {
  type: "done";
  story: Story;
  seed: number;
  stats: RunStats;
}

export interface RunStats {
  /** All steps, also those after the scheduled ones. */
  steps: number;
  /** Rounds of completion among them. */
  rounds: number;
  tokens: number;
  images: number;
  /** How long the engine worked on all steps together, in milliseconds. */
  ms: number;
}

/** Applies the edits of a text event to the text before it. */
export function applyEdits(text: string, edits: readonly Edit[]): string {
  for (const { at, insert, remove = 0 } of edits) {
    text = text.slice(0, at) + insert + text.slice(at + remove);
  }
  return text;
}
