// What the fake engine does on demand, and what it has that is not freed.

const defaults = {
  buildId: null,
  pushError: null,
  gpuOpenError: null,
  selfTestError: null,
  uploadError: null,
  /** How many files of weights went to a device. */
  uploads: 0,
  /** The most bytes of files that loaders held at once. */
  peakBytes: 0,
  /** What the GPU was last opened with. */
  precision: null,
  /** Which kernels it was asked for, load by load; it chooses for itself where that is undefined. */
  kernels: [],
  stepMs: 0,
  failAtStep: null,
  stepError: null,
  /** How many steps were taken. */
  steps: 0,
};

export const control = { ...defaults };
export const live = { loaders: 0, bytes: 0, gpus: 0, engines: 0, runs: 0 };

export function reset() {
  Object.assign(control, defaults, { kernels: [] });
}
