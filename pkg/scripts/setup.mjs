// What a fresh machine lacks: each function installs its part, or says what a person has to.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { Complaint, exitCode, output, run, which } from "./command.mjs";
import { PKG, ROOT, toolFolder } from "./paths.mjs";

const WASM_TARGET = "wasm32-unknown-unknown";
const CHROMIUM_NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const FIREFOX_NAMES = ["firefox-esr", "firefox"];

/** Rust with the wasm target; rustup reads the version from rust-toolchain.toml. */
export async function setUpRust() {
  if (!which("cargo")) {
    const cargoBin = join(homedir(), ".cargo", "bin");
    if (!existsSync(join(cargoBin, "cargo"))) {
      throw new Complaint("Rust is missing: install it from https://rustup.rs and run this again.");
    }
    process.env.PATH = `${cargoBin}${delimiter}${process.env.PATH}`;
  }
  const options = { cwd: ROOT };
  if (!which("rustup")) {
    const sysroot = output("rustc", ["--print", "sysroot"], options)?.trim() ?? "";
    if (existsSync(join(sysroot, "lib", "rustlib", WASM_TARGET))) return;
    throw new Complaint(
      `This Rust has no ${WASM_TARGET} target: install Rust from https://rustup.rs and run this again.`,
    );
  }
  const targets = output("rustup", ["target", "list", "--installed"], options) ?? "";
  if (!targets.split("\n").includes(WASM_TARGET)) {
    await run("rustup", ["target", "add", WASM_TARGET], options);
  }
}

/** The wasm-bindgen program of the version that Cargo.lock names; returns its path. */
export async function setUpWasmBindgen() {
  const version = wasmBindgenVersion();
  const onPath = which("wasm-bindgen");
  if (onPath && output(onPath, ["--version"])?.trim() === `wasm-bindgen ${version}`) return onPath;
  const folder = toolFolder("wasm-bindgen", version);
  const program = join(folder, "bin", "wasm-bindgen");
  if (!existsSync(program)) {
    console.log(`installing wasm-bindgen ${version} (once; a few minutes)`);
    const args = ["install", "wasm-bindgen-cli", "--version", version, "--root", folder];
    // A mirror of the registry may be behind the lock file; cargo then chooses for itself.
    const isLocked = (await exitCode("cargo", [...args, "--locked"], { cwd: ROOT })) === 0;
    if (!isLocked) await run("cargo", args, { cwd: ROOT });
  }
  return program;
}

/**
 * The features that the crate is built with for the tests: with the GPU engine and training on GPUs
 * where there is an adapter, be it one in software. Without one their tests are not selected.
 */
export async function setUpNativeFeatures() {
  if (!hasVulkanDriver() && process.getuid?.() === 0 && which("apt-get")) {
    console.log("installing a Vulkan driver in software");
    const packages = ["install", "-y", "-q", "--no-install-recommends", "mesa-vulkan-drivers"];
    if ((await exitCode("apt-get", ["update", "-q"])) === 0) await exitCode("apt-get", packages);
  }
  if (hasVulkanDriver()) return "train-gpu,gpu";
  console.log("There is no Vulkan driver, so the tests of the GPU engine and of training on a GPU are left out.");
  return "train";
}

function hasVulkanDriver() {
  const { VK_DRIVER_FILES, VK_ICD_FILENAMES } = process.env;
  const named = VK_DRIVER_FILES ?? VK_ICD_FILENAMES;
  if (named) return named.split(delimiter).some((file) => existsSync(file));
  const folders = ["/usr/share/vulkan/icd.d", "/usr/local/share/vulkan/icd.d", "/etc/vulkan/icd.d"];
  return folders.some((folder) => existsSync(folder) && readdirSync(folder).length > 0);
}

/** The packages that package-lock.json names. */
export async function setUpNpm() {
  const lock = join(PKG, "package-lock.json");
  const installed = join(PKG, "node_modules", ".package-lock.json");
  if (existsSync(installed) && sameVersions(lock, installed)) return;
  await run("npm", ["ci", "--no-audit", "--no-fund"], { cwd: PKG });
}

/** A Chromium; returns its path. */
export async function setUpChromium() {
  const found = findChromium();
  if (found) return found;
  if (process.getuid?.() === 0 && which("apt-get")) {
    console.log("installing chromium");
    await run("apt-get", ["update", "-q"]);
    await run("apt-get", ["install", "-y", "-q", "--no-install-recommends", "chromium"]);
    const installed = findChromium();
    if (installed) return installed;
  }
  throw new Complaint(
    "A Chromium is missing: install chromium or Google Chrome, or say in CHROMIUM_PATH where it is.",
  );
}

/** A Firefox that has a Vulkan driver for its WebGPU; returns its path, null where there is none. */
export async function setUpFirefox() {
  if (!hasVulkanDriver()) return null;
  const { FIREFOX_PATH } = process.env;
  if (FIREFOX_PATH && !existsSync(FIREFOX_PATH)) {
    throw new Complaint(`FIREFOX_PATH is ${FIREFOX_PATH}, and there is no such file.`);
  }
  const find = () => FIREFOX_PATH ?? FIREFOX_NAMES.map(which).find(Boolean) ?? null;
  if (find() === null && process.getuid?.() === 0 && which("apt-get")) {
    console.log("installing firefox-esr");
    const packages = ["install", "-y", "-q", "--no-install-recommends", "firefox-esr"];
    if ((await exitCode("apt-get", ["update", "-q"])) === 0) await exitCode("apt-get", packages);
  }
  return find();
}

function findChromium() {
  const { CHROMIUM_PATH } = process.env;
  if (CHROMIUM_PATH) {
    if (existsSync(CHROMIUM_PATH)) return CHROMIUM_PATH;
    throw new Complaint(`CHROMIUM_PATH is ${CHROMIUM_PATH}, and there is no such file.`);
  }
  const mac = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome";
  return CHROMIUM_NAMES.map(which).find(Boolean) ?? (existsSync(mac) ? mac : null);
}

function wasmBindgenVersion() {
  const lock = readFileSync(join(ROOT, "Cargo.lock"), "utf8");
  const version = /name = "wasm-bindgen"\nversion = "([^"]+)"/.exec(lock)?.[1];
  if (!version) throw new Complaint("Cargo.lock names no wasm-bindgen.");
  return version;
}

/** Whether every package that is not optional is installed in the version of the lock file. */
function sameVersions(lockFile, installedFile) {
  const wanted = JSON.parse(readFileSync(lockFile, "utf8")).packages;
  const present = JSON.parse(readFileSync(installedFile, "utf8")).packages;
  return Object.entries(wanted).every(
    ([path, { version, optional }]) =>
      path === "" || present[path]?.version === version || (optional && !present[path]),
  );
}
