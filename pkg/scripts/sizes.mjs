// Prints the README's table of sizes. With --check it fails where a limit is passed.

import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { Complaint, isMain, main, output } from "./command.mjs";
import { DIST, MODELS, PKG } from "./paths.mjs";

/** In bytes; 1 KB is 1,000 bytes. */
const LIMITS = { code: 450_000, tarball: 12_000_000 };

export function measure() {
  const wasm = sizesOf(filesUnder(DIST, ".wasm"));
  const javascript = sizesOf(filesUnder(DIST, ".js"));
  const model = sizesOf(filesUnder(join(MODELS, "storyworld"), ""));
  const packed = output("npm", ["pack", "--dry-run", "--json"], { cwd: PKG, maxBuffer: 1 << 24 });
  if (packed === null) throw new Complaint("`npm pack` failed.");
  // npm 11 answers with a list, later versions with an object by package name.
  const [tarball] = Object.values(JSON.parse(packed));
  return {
    wasm,
    javascript,
    code: add(wasm, javascript),
    model,
    tarball: { raw: tarball.unpackedSize, gzip: tarball.size, brotli: null },
  };
}

function table({ wasm, javascript, code, model, tarball }) {
  const rows = [
    ["wasm", wasm],
    ["JavaScript", javascript],
    ["wasm + JavaScript", code],
    ["model (storyworld)", model],
    ["npm tarball", tarball],
  ];
  return [
    "| what | raw | gzip | brotli |",
    "|---|---:|---:|---:|",
    ...rows.map(
      ([name, { raw, gzip, brotli }]) =>
        `| ${name} | ${kilobytes(raw)} | ${kilobytes(gzip)} | ${kilobytes(brotli)} |`,
    ),
  ].join("\n");
}

function complaints({ code, tarball }) {
  const found = [];
  if (code.brotli > LIMITS.code) {
    found.push(`wasm + JavaScript: ${code.brotli} bytes brotli, at most ${LIMITS.code}`);
  }
  if (tarball.gzip > LIMITS.tarball) {
    found.push(`npm tarball: ${tarball.gzip} bytes, at most ${LIMITS.tarball}`);
  }
  return found;
}

/** Each file compressed for itself, as servers do it. */
function sizesOf(files) {
  return files
    .map((file) => {
      const bytes = readFileSync(file);
      const quality = { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } };
      return {
        raw: bytes.length,
        gzip: gzipSync(bytes, { level: 9 }).length,
        brotli: brotliCompressSync(bytes, quality).length,
      };
    })
    .reduce(add, { raw: 0, gzip: 0, brotli: 0 });
}

function add(a, b) {
  return { raw: a.raw + b.raw, gzip: a.gzip + b.gzip, brotli: a.brotli + b.brotli };
}

function filesUnder(folder, extension) {
  return readdirSync(folder, { recursive: true })
    .map((name) => join(folder, name))
    .filter((path) => path.endsWith(extension) && statSync(path).isFile());
}

function kilobytes(bytes) {
  return bytes === null ? "" : `${(bytes / 1000).toFixed(0)} KB`;
}

if (isMain(import.meta)) {
  await main(() => {
    const sizes = measure();
    console.log(table(sizes));
    const found = complaints(sizes);
    if (process.argv.includes("--check") && found.length > 0) throw new Complaint(found.join("\n"));
  });
}
