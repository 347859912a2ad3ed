// Runs the package on both devices and sends the server what it found.

const GOLDEN = "/golden/forward.json";
const STORY = { prompt: "A shy fox in the forest.", seed: 5, steps: 4, maxTokens: 12, maxImages: 1 };

async function golden() {
  const folder = new URL("/oneflow-web/wasm/", location.href);
  const { default: init, Gpu } = await import(new URL("oneflow_web.js", folder).href);
  const wasm = fetch(new URL("oneflow_web_bg.wasm", folder));
  await init({ module_or_path: await WebAssembly.compileStreaming(wasm) });
  const json = await (await fetch(GOLDEN)).text();
  const products = {};
  for (const [name, precision] of [["tiled", "f32"], ["direct", "f32"], ["tiled", "f16"], ["direct", "f16"]]) {
    const gpu = await Gpu.open(name, precision);
    const deviation = await gpu.selfTest();
    // The file's tolerances are those of f32.
    const quantities = precision === "f32" ? await gpu.goldenForward(json) : [];
    products[`${name} ${precision}`] = { deviation, quantities, info: gpu.info() };
    gpu.free();
  }
  return products;
}

async function story(device, worker, precision = "auto") {
  const { OneFlow } = await import("/oneflow-web/index.js");
  const flow = await OneFlow.load({ device, worker, precision });
  const { parts, text } = await flow.generate(STORY).result;
  const images = parts.filter(({ type }) => type === "image").map(({ image }) => Array.from(image.data));
  const { info } = flow;
  flow.close();
  return { text, images, device: info.device, precision: info.precision };
}

async function everything() {
  return {
    agent: navigator.userAgent,
    golden: await golden(),
    cpu: await story("cpu", true),
    webgpu: await story("webgpu", true),
    page: await story("webgpu", false),
    f16: await story("webgpu", true, "f16"),
  };
}

const found = await everything().catch((error) => ({ error: `${error}\n${error?.stack}` }));
await fetch("/report", { method: "POST", body: JSON.stringify(found) });
