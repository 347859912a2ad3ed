// WebGPU as far as it is asked which adapter there is.

/** An adapter like a real one. */
export const REAL = {
  info: { vendor: "acme", architecture: "one", description: "", isFallbackAdapter: false },
};

/** Puts a `navigator.gpu` that offers this adapter in place, until the test is over. */
export function useAdapter(t, adapter) {
  const own = Object.getOwnPropertyDescriptor(globalThis, "navigator");
  const gpu = {
    async requestAdapter() {
      if (adapter instanceof Error) throw adapter;
      return adapter;
    },
  };
  Object.defineProperty(globalThis, "navigator", { value: { gpu }, configurable: true });
  t.after(() => {
    if (own) Object.defineProperty(globalThis, "navigator", own);
    else delete globalThis.navigator;
  });
}
