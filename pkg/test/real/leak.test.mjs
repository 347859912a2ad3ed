// 50 loads and closes: the engine's memory is one `WebAssembly.Memory`, which cannot shrink, so what
// leaks makes it grow.

import assert from "node:assert/strict";
import { test } from "node:test";
import { OneFlow } from "../../dist/index.js";

let memory;
const { instantiate } = WebAssembly;
WebAssembly.instantiate = async (...args) => {
  const result = await instantiate(...args);
  ({ memory } = (result.instance ?? result).exports);
  return result;
};

async function rounds(count) {
  for (let round = 0; round < count; round++) {
    const flow = await OneFlow.load();
    const run = flow.generate({ prompt: "A fox.", seed: round, steps: 2, maxImages: 1 });
    if (round % 2 === 0) await run.result;
    else await run[Symbol.asyncIterator]().next(); // Closed in the middle of the run.
    flow.close();
  }
  // A step in progress frees its run when it is over.
  await new Promise((resolve) => setTimeout(resolve, 50));
  gc();
  return { wasm: memory.buffer.byteLength, heap: process.memoryUsage().heapUsed };
}

test("50 loads and closes leak nothing measurable", async () => {
  const before = await rounds(5);
  const after = await rounds(50);
  // One leaked model would be several megabytes, 50 of them hundreds; pages are 64 KiB.
  assert.ok(after.wasm - before.wasm <= 1 << 20, `wasm grew by ${after.wasm - before.wasm} bytes`);
  assert.ok(after.heap - before.heap <= 4 << 20, `heap grew by ${after.heap - before.heap} bytes`);
});
