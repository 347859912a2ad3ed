/**
 * The manifest of a model, as far as it is needed before the engine is there: which files to fetch
 * and how large they are. The engine reads the same bytes again and verifies every file with them.
 *
 * ```json
 * { "format": "oneflow-web/1", "name": "storyworld-nano", "version": "0.1.0",
 *   "files": [{ "name": "config.json", "size_bytes": 123, "sha256": "hex" }] }
 * ```
 */

import { OneFlowError } from "./errors.js";
import { readWhole } from "./fetch.js";
import type { ModelSource } from "./model.js";

export interface Manifest {
  name: string;
  version: string;
  files: ManifestFile[];
}

export interface ManifestFile {
  name: string;
  sizeBytes: number;
  /** In lower-case hexadecimal. */
  sha256: string;
}

const FORMAT = "oneflow-web/1";
const MAX_MANIFEST_BYTES = 1 << 20;

/** A name without folders, so that a manifest cannot point anywhere else. */
const FILE_NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,199}$/;

export async function readManifest(
  source: ModelSource,
  signal: AbortSignal,
): Promise<{ bytes: Uint8Array; manifest: Manifest }> {
  const bytes = await readWhole(source.manifestUrl, MAX_MANIFEST_BYTES, signal);
  if (bytes === null) {
    throw manifestError(source.manifestUrl, `is larger than ${MAX_MANIFEST_BYTES} bytes`);
  }
  return { bytes, manifest: manifestFromBytes(bytes, source.manifestUrl) };
}

export function manifestFromBytes(bytes: Uint8Array, url: string): Manifest {
  const text = new TextDecoder().decode(bytes);
  if (text.trimStart().startsWith("<")) {
    throw manifestError(
      url,
      "is HTML, not JSON; many servers answer an unknown path with their start page",
    );
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw manifestError(url, `is not JSON (${(cause as Error).message})`, cause);
  }
  if (!isObject(json)) throw manifestError(url, "is not an object");
  if (json["format"] !== FORMAT) {
    const found = JSON.stringify(json["format"]);
    throw manifestError(url, `has the format ${found}, and this release reads "${FORMAT}"`);
  }
  const { name, version, files } = json;
  if (typeof name !== "string" || typeof version !== "string") {
    throw manifestError(url, "has no name or no version");
  }
  if (!Array.isArray(files) || files.length === 0) throw manifestError(url, "lists no files");
  const list = files.map((file: unknown) => fileFromJson(file, url));
  if (new Set(list.map((file) => file.name)).size !== list.length) {
    throw manifestError(url, "lists a file twice");
  }
  return { name, version, files: list };
}

function fileFromJson(file: unknown, url: string): ManifestFile {
  if (!isObject(file)) throw manifestError(url, "lists a file that is not an object");
  const { name, size_bytes: sizeBytes, sha256 } = file;
  if (typeof name !== "string" || !FILE_NAME.test(name)) {
    throw manifestError(url, `lists a file named ${JSON.stringify(name)}, which is no plain name`);
  }
  if (typeof sizeBytes !== "number" || !Number.isSafeInteger(sizeBytes) || sizeBytes < 0) {
    throw manifestError(url, `gives ${name} the size ${JSON.stringify(sizeBytes)}`);
  }
  if (typeof sha256 !== "string" || !/^[0-9a-f]{64}$/.test(sha256)) {
    throw manifestError(url, `gives ${name} no SHA-256`);
  }
  return { name, sizeBytes, sha256 };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function manifestError(url: string, what: string, cause?: unknown): OneFlowError {
  return new OneFlowError(
    "invalid-manifest",
    `what ${url} answers ${what}: check that \`model\` names the folder of a oneflow-web model`,
    cause === undefined ? {} : { cause },
  );
}
