/**
 * Illustrated stories from a OneFlow model, in this browser tab.
 *
 * ```js
 * import { OneFlow } from "oneflow-web";
 * const flow = await OneFlow.load();
 * const story = await flow.generate({ prompt: "A shy fox in the forest at night." }).result;
 * ```
 */

export { OneFlow, type FlowInfo } from "./oneflow.js";
export type { Fit, Reason } from "./check.js";
export type { CheckOptions, GenerateOptions, LoadOptions, LoadProgress } from "./options.js";
export type { Run } from "./run.js";
export {
  applyEdits,
  type Bitmap,
  type DoneEvent,
  type Edit,
  type FlowEvent,
  type ImageEvent,
  type PictureData,
  type RunStats,
  type StepEvent,
  type TextEvent,
} from "./events.js";
export {
  Story,
  type StoryImage,
  type StoryPart,
  type StoryPicture,
  type StoryText,
} from "./story.js";
export { ERROR_CODES, OneFlowError, type OneFlowErrorCode } from "./errors.js";
export type { Device, DeviceReason, Precision } from "./device.js";
export type { HostInfo, ModelInfo } from "./host.js";
