import { spawn } from "node:child_process";
import { root } from "./project.mjs";

/** A command that ended with anything but 0, with all that it wrote. */
export class CommandError extends Error {
  /** @param {string} message @param {string} output */
  constructor(message, output) {
    super(message);
    this.name = "CommandError";
    this.output = output;
  }
}

/** Process groups that are running, by their leader's pid. @type {Set<number>} */
const groups = new Set();

for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"])) {
  process.once(signal, () => {
    groups.forEach(killGroup);
    process.kill(process.pid, signal);
  });
}

/**
 * Runs a command to its end, in a process group of its own so that a time limit also ends what it started.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, limitSeconds?: number, show?: boolean }} [options] `show` passes
 *   the output on as it comes
 * @returns {Promise<{ stdout: string, output: string }>} standard output, and all output in the order it came
 * @throws {CommandError} if it cannot be started, does not end with 0, or takes longer than the limit
 */
export function run(command, args, { cwd = root, env, limitSeconds = 300, show = false } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    const { pid } = child;
    if (pid !== undefined) groups.add(pid);
    let output = "";
    let stdout = "";
    let overdue = false;
    child.stdout.setEncoding("utf8").on("data", (text) => {
      stdout += text;
      output += text;
      if (show) process.stdout.write(text);
    });
    child.stderr.setEncoding("utf8").on("data", (text) => {
      output += text;
      if (show) process.stderr.write(text);
    });
    const timer = setTimeout(() => {
      overdue = true;
      if (pid !== undefined) killGroup(pid);
    }, limitSeconds * 1000);
    const line = [command, ...args].join(" ");
    /** @param {string} [problem] */
    const finish = (problem) => {
      clearTimeout(timer);
      if (pid !== undefined) groups.delete(pid);
      if (problem === undefined) resolve({ stdout, output });
      else reject(new CommandError(`${line}: ${problem}`, output));
    };
    child.once("error", (error) => finish(error.message));
    child.once("close", (code, signal) => {
      if (overdue) finish(`still running after ${String(limitSeconds)} s`);
      else if (code === 0) finish();
      else finish(signal === null ? `exit code ${String(code)}` : `killed by ${signal}`);
    });
  });
}

/** @param {number} pid */
function killGroup(pid) {
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    // The group may have ended in this very moment.
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== "ESRCH") throw error;
  }
}
