// What run.mjs asks of the page: forwards of this package's engine and of ONNX Runtime Web on the
// same numbers, and stories by the package's public names.

/** Each engine's forward, by name. */
const forwards = new Map();

/**
 * Opens the engine of this package and a session of ONNX Runtime Web for each graph, on a device.
 * Gives the adapter, how long each took from the numbers to its first answer (compilers and devices
 * are awake before), and how far its answers are from our CPU's, as a share of the largest.
 */
async function openForwards(device, { config, nTokens, nImages }, graphs) {
  const bindings = await import("../oneflow-web/wasm/oneflow_web.js");
  const wasm = await fetch("../oneflow-web/wasm/oneflow_web_bg.wasm");
  await bindings.default({ module_or_path: await WebAssembly.compileStreaming(wasm) });
  if (!bindings.ForwardBench) throw new Error("this wasm has no ForwardBench: build the package");
  const network = new TextEncoder().encode(JSON.stringify(config));
  const numbers = new bindings.ForwardBench(network, nTokens, nImages);
  const expected = await numbers.forward();
  const values = numbers.weights();
  const [first, differences] = [{}, {}];
  const note = async (name, open) => {
    const begin = performance.now();
    const { forward, parts } = await open();
    const answers = parts(await forward());
    first[name] = performance.now() - begin;
    differences[name] = difference(expected, answers);
    forwards.set(name, forward);
  };

  const isGpu = device === "webgpu";
  const gpu = isGpu ? await bindings.Gpu.open() : undefined;
  const adapter = gpu?.info().adapter;
  await note("oneflow-web", async () => {
    const bench = new bindings.ForwardBench(network, nTokens, nImages, gpu, values);
    return { forward: () => bench.forward(), parts: (answers) => [answers] };
  });

  const ort = await import(isGpu ? "../ort/ort.webgpu.min.mjs" : "../ort/ort.wasm.min.mjs");
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmPaths = new URL("../ort/", import.meta.url).href;
  const executionProviders = [isGpu ? "webgpu" : "wasm"];
  const read = async (url) => new Uint8Array(await (await fetch(url)).arrayBuffer());
  const ready = await read(new URL("ready.onnx", new URL(Object.values(graphs)[0], location.href)));
  const session = await ort.InferenceSession.create(ready, { executionProviders });
  await session.run({ x: new ort.Tensor("float32", new Float32Array(1), [1]) });
  const weights = new Uint8Array(values.buffer);
  const feeds = feedsFromInputs(ort, numbers.inputs());
  for (const [name, url] of Object.entries(graphs)) {
    const graph = await read(url);
    await note(name, async () => {
      const session = await ort.InferenceSession.create(graph, {
        executionProviders,
        graphOptimizationLevel: "all",
        externalData: [{ path: "weights.bin", data: weights }],
      });
      const parts = ({ gate, images, token_logits }) => [gate.data, images.data, token_logits.data];
      return { forward: () => session.run(feeds), parts };
    });
  }
  return { adapter, first, differences };
}

/** The tensors of a session's inputs. */
function feedsFromInputs(ort, inputs) {
  const ids = (values) => new ort.Tensor("int32", Int32Array.from(values), [values.length]);
  const reals = (values, nRows) =>
    new ort.Tensor("float32", values, [nRows, values.length / nRows]);
  const nRows = inputs.keyBias.length;
  const nPictures = inputs.timeFeatures.length / 32;
  const nPictureRows = nRows - inputs.tokens.length;
  return {
    tokens: ids(inputs.tokens),
    segments: ids(inputs.segments),
    latents: reals(inputs.latents, nPictureRows),
    time_features: reals(inputs.timeFeatures, nPictures),
    cos: reals(inputs.cos, nRows),
    sin: reals(inputs.sin, nRows),
    key_bias: reals(inputs.keyBias, 1),
    slot_rows: ids(inputs.slotRows),
    token_slots: ids(inputs.tokenSlots),
  };
}

/** The largest difference as a share of the largest answer. */
function difference(expected, parts) {
  const found = parts.flatMap((part) => Array.from(part));
  if (found.length !== expected.length) return Infinity;
  const largest = (values) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return largest(found.map((value, at) => value - expected[at])) / largest(expected);
}

/** How long each of `n` forwards takes, in milliseconds. */
async function timeForwards(name, n) {
  const forward = forwards.get(name);
  const times = [];
  for (let i = 0; i < n; i++) {
    const start = performance.now();
    await forward();
    times.push(performance.now() - start);
  }
  return times;
}

/** Loads the package's model and tells a story; times in milliseconds since before the load. */
async function timeStory(prompt, seed) {
  const { OneFlow } = await import("../oneflow-web/index.js");
  const times = {};
  const steps = [];
  const begin = performance.now();
  const note = (name) => (times[name] ??= performance.now() - begin);
  const flow = await OneFlow.load();
  note("load");
  let stats;
  for await (const event of flow.generate({ prompt, seed })) {
    note("firstEvent");
    if (event.type === "image") {
      note("firstPreview");
      event.bitmap.close();
    }
    if (event.type === "step") steps.push(event.ms);
    if (event.type === "done") stats = event.stats;
  }
  note("story");
  const { info } = flow;
  flow.close();
  return { times, steps, stats, info };
}

Object.assign(globalThis, { openForwards, timeForwards, timeStory });
