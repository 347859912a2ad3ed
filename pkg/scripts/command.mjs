// Running other programs.

import { spawn, spawnSync } from "node:child_process";
import { accessSync, constants, realpathSync } from "node:fs";
import { delimiter, join } from "node:path";

/** Ends the script with a sentence and no stack. */
export class Complaint extends Error {}

/** Runs a program and shows what it says; throws a Complaint where it fails. */
export async function run(program, args, options = {}) {
  const code = await exitCode(program, args, options);
  if (code !== 0) throw new Complaint(`\`${program} ${args.join(" ")}\` failed (${code})`);
}

/** Runs a program, shows what it says, hands every line of its output to `onLine`. */
export function exitCode(program, args, { onLine, env, ...options } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      ...options,
      env: { ...process.env, ...env },
      stdio: ["ignore", onLine ? "pipe" : "inherit", "inherit"],
    });
    let rest = "";
    child.stdout?.setEncoding("utf8").on("data", (text) => {
      process.stdout.write(text);
      const lines = (rest + text).split("\n");
      rest = lines.pop();
      lines.forEach(onLine);
    });
    child.on("error", (error) => (error.code === "ENOENT" ? resolve(127) : reject(error)));
    child.on("close", (code, signal) => resolve(code ?? signal));
  });
}

/** What a program prints; null where it cannot be run or fails. */
export function output(program, args, options = {}) {
  const { status, stdout } = spawnSync(program, args, { encoding: "utf8", ...options });
  return status === 0 ? stdout : null;
}

/** The path of a program; null where there is none. */
export function which(program) {
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    const path = join(folder, program);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not in this folder.
    }
  }
  return null;
}

/** Whether the module with this `import.meta` is the script that was started. */
export function isMain(meta) {
  return Boolean(process.argv[1]) && realpathSync(process.argv[1]) === meta.filename;
}

/** Runs a script's main function and turns a Complaint into a sentence. */
export async function main(work) {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Complaint)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}
