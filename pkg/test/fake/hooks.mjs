const FAKE = new URL("./oneflow_web.js", import.meta.url).href;

export function resolve(specifier, context, next) {
  if (specifier.endsWith("/wasm/oneflow_web.js")) return { url: FAKE, shortCircuit: true };
  return next(specifier, context);
}
