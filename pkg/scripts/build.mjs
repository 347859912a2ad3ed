// Builds dist/: the wasm (cargo, wasm-bindgen), then the TypeScript. What is up to date is skipped.
//
// node scripts/build.mjs               everything
// node scripts/build.mjs --typescript  the TypeScript only, for tests that bring a fake engine

import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { join, relative } from "node:path";
import { isMain, main, run, which } from "./command.mjs";
import { DIST, PKG, ROOT, TARGET } from "./paths.mjs";
import { setUpNpm, setUpRust, setUpWasmBindgen } from "./setup.mjs";

const WASM_DIST = join(DIST, "wasm");
const BINDINGS = "oneflow_web";
const BUILD_ID_FILE = join(PKG, "src", "build-id.ts");
/** Sources that never become wasm. */
const NATIVE_ONLY = ["src/bin", "src/data", "src/train"];

export async function build() {
  await buildWasm();
  await buildTypeScript();
}

/** Compiles src/ to dist/. */
export async function buildTypeScript() {
  await setUpNpm();
  const sources = filesUnder(join(PKG, "src")).filter((file) => file !== BUILD_ID_FILE);
  const hash = hashOf([...sources, join(PKG, "tsconfig.json"), join(PKG, "package-lock.json")]);
  const buildId = `${wasmBuildId()}.${hash.slice(0, 8)}`;
  const line = `export const BUILD_ID = "${buildId}";\n`;
  if (!isStamped(DIST, buildId) || !existsSync(BUILD_ID_FILE)) {
    writeFileSync(BUILD_ID_FILE, line);
    for (const file of filesUnder(DIST, { deep: false })) rmSync(file);
    await run(process.execPath, [join(PKG, "node_modules", "typescript", "bin", "tsc")], {
      cwd: PKG,
    });
    stamp(DIST, buildId);
  }
  mkdirSync(WASM_DIST, { recursive: true });
  copyFileSync(join(PKG, "src", "wasm", `${BINDINGS}.d.ts`), join(WASM_DIST, `${BINDINGS}.d.ts`));
  for (const name of ["LICENSE-MIT", "LICENSE-APACHE", "NOTICE"]) {
    if (existsSync(join(ROOT, name))) copyFileSync(join(ROOT, name), join(DIST, name));
  }
}

/** Compiles the crate and writes its bindings to dist/wasm/. */
async function buildWasm() {
  const buildId = wasmBuildId();
  if (isStamped(WASM_DIST, buildId) && existsSync(join(WASM_DIST, `${BINDINGS}_bg.wasm`))) return;
  await setUpRust();
  const wasmBindgen = await setUpWasmBindgen();
  console.log(`building the wasm (${buildId})`);
  const target = "wasm32-unknown-unknown";
  const profile = "release-web";
  const features = ["--no-default-features", "--features", "web"];
  await run(
    "cargo",
    ["build", "--locked", "--lib", "--target", target, "--profile", profile, ...features],
    {
      cwd: ROOT,
      env: {
        CARGO_TARGET_DIR: TARGET,
        CARGO_ENCODED_RUSTFLAGS: rustFlags().join("\x1f"),
        ONEFLOW_BUILD_ID: buildId,
      },
    },
  );
  rmSync(join(WASM_DIST, "build.stamp"), { force: true });
  const wasm = join(TARGET, target, profile, `${BINDINGS}.wasm`);
  const names = ["--remove-name-section", "--remove-producers-section"];
  // The package names the wasm itself, in a form that bundlers follow.
  const form = ["--target", "web", "--no-typescript", "--omit-default-module-path"];
  await run(wasmBindgen, [...form, ...names, "--out-dir", WASM_DIST, wasm]);
  await optimize(join(WASM_DIST, `${BINDINGS}_bg.wasm`));
  stamp(WASM_DIST, buildId);
}

/** Smaller on the disk where binaryen is installed; the same on the wire, and not needed. */
async function optimize(wasm) {
  const wasmOpt = which("wasm-opt");
  if (wasmOpt) await run(wasmOpt, ["-O3", "--all-features", wasm, "-o", wasm]);
}

/** SIMD; and no path of this machine in the messages of panics. */
function rustFlags() {
  const cargoHome = process.env.CARGO_HOME ?? join(homedir(), ".cargo");
  return ["-Ctarget-feature=+simd128", `--remap-path-prefix=${cargoHome}=cargo`];
}

/** The crate's version and a hash of what the wasm is made of. */
function wasmBuildId() {
  const manifest = readFileSync(join(ROOT, "Cargo.toml"), "utf8");
  const version = /^version = "([^"]+)"/m.exec(manifest)[1];
  const sources = filesUnder(join(ROOT, "src")).filter((file) => {
    const path = relative(ROOT, file);
    return !NATIVE_ONLY.some((folder) => path.startsWith(folder));
  });
  const settings = ["Cargo.toml", "Cargo.lock", "rust-toolchain.toml"].map((file) =>
    join(ROOT, file),
  );
  return `${version}+${hashOf([...sources, ...settings]).slice(0, 12)}`;
}

function filesUnder(folder, { deep = true } = {}) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .sort()
    .flatMap((name) => {
      const path = join(folder, name);
      if (!statSync(path).isDirectory()) return [path];
      return deep ? filesUnder(path) : [];
    });
}

function hashOf(files) {
  const hash = createHash("sha256");
  for (const file of files) hash.update(`${relative(ROOT, file)}\0`).update(readFileSync(file));
  return hash.digest("hex");
}

function isStamped(folder, id) {
  const file = join(folder, "build.stamp");
  return existsSync(file) && readFileSync(file, "utf8") === id;
}

function stamp(folder, id) {
  writeFileSync(join(folder, "build.stamp"), id);
}

if (isMain(import.meta)) {
  await main(() => (process.argv.includes("--typescript") ? buildTypeScript() : build()));
}
