/** Where the files of a model are. */

import { OneFlowError } from "./errors.js";
import type { Manifest } from "./manifest.js";
import { urlFromPath } from "./node.js";

/** Plain strings, so that it can be sent to the worker as it is. */
export interface ModelSource {
  manifestUrl: string;
  /** The address of each file by name; `null`: each lies beside the manifest. */
  fileUrls: Record<string, string> | null;
  /** Whether it came with the package. */
  packaged: boolean;
}

/**
 * The model in the package. Each file is named by a literal of its own, because that is what
 * bundlers follow; and inside a function, because an import must work where there is no address.
 */
export function packagedModel(): ModelSource {
  return {
    manifestUrl: new URL("../models/storyworld/manifest.json", import.meta.url).href,
    fileUrls: {
      "config.json": new URL("../models/storyworld/config.json", import.meta.url).href,
      "tokenizer.json": new URL("../models/storyworld/tokenizer.json", import.meta.url).href,
      "model.safetensors": new URL("../models/storyworld/model.safetensors", import.meta.url).href,
    },
    packaged: true,
  };
}

/** The model that the `model` option names: a folder, or the manifest in it. */
export function modelSourceFromOption(model: string | URL | undefined): ModelSource {
  if (model === undefined) return packagedModel();
  const url = absoluteUrl("model", model);
  if (!/\.json$/.test(url.pathname)) {
    if (!url.pathname.endsWith("/")) url.pathname += "/";
    url.pathname += "manifest.json";
  }
  return { manifestUrl: url.href, fileUrls: null, packaged: false };
}

export function fileUrl(source: ModelSource, name: string): string {
  if (source.fileUrls === null) {
    const url = new URL(name, source.manifestUrl);
    // What lets the reader see the manifest (a signed query, say) lets it see the file.
    url.search = new URL(source.manifestUrl).search;
    return url.href;
  }
  const url = Object.hasOwn(source.fileUrls, name) ? source.fileUrls[name] : undefined;
  if (url === undefined) {
    throw new OneFlowError(
      "invalid-manifest",
      `the manifest of the model in the package lists ${JSON.stringify(name)}, which is not in ` +
        "the package: install oneflow-web again",
    );
  }
  return url;
}

export function totalBytes(manifest: Manifest): number {
  return manifest.files.reduce((sum, file) => sum + file.sizeBytes, 0);
}

/** Resolves what the caller wrote against the page, or against the working directory in Node. */
export function absoluteUrl(name: string, value: string | URL): URL {
  const base = (globalThis as { document?: { baseURI: string } }).document?.baseURI;
  const from = base ?? (globalThis as { location?: { href: string } }).location?.href;
  try {
    if (from !== undefined) return new URL(value, from);
    return URL.canParse(value) ? new URL(value) : urlFromPath(String(value));
  } catch (cause) {
    throw new OneFlowError(
      "invalid-option",
      `\`${name}\` is ${JSON.stringify(String(value))}: give a URL`,
      { cause },
    );
  }
}
