import type { DaemonLogger } from "../logger.js";

const { writeSync } = process.getBuiltinModule("node:fs");
const { debuglog, inspect } = process.getBuiltinModule("node:util");

/** Priorities of syslog(3), as sd-daemon(3) marks lines with them. */
const PRIORITY = { debug: 7, info: 6, warn: 4, error: 3 } as const;

/** A daemon's lines as JSON on standard error, marked with their priority where that is the journal. `debug` is shown under `NODE_DEBUG=sluice`. */
export function stderrLogger(name: string): DaemonLogger {
  const journal = process.env["JOURNAL_STREAM"] !== undefined;
  const line =
    (level: keyof typeof PRIORITY) =>
    (details: object, message: string): void => {
      const head = { level, time: new Date().toISOString(), name, pid: process.pid, msg: message };
      write(`${journal ? `<${PRIORITY[level]}>` : ""}${jsonOf(head, details)}\n`);
    };
  const debug = debuglog("sluice").enabled ? line("debug") : (): void => undefined;
  return { debug, info: line("info"), warn: line("warn"), error: line("error") };
}

function jsonOf(head: object, details: object): string {
  try {
    // The head is last: no detail can pass for it.
    return JSON.stringify(Object.assign({}, details, head), (_key, value: unknown) => {
      if (typeof value === "bigint") return String(value);
      if (!(value instanceof Error)) return value;
      const { name, message, stack, cause } = value;
      return Object.assign({ name, message, stack, cause }, value);
    });
  } catch {
    // A circle, or a toJSON that throws. The line is worth more than its form.
    return JSON.stringify(Object.assign({ details: inspect(details) }, head));
  }
}

function write(line: string): void {
  try {
    writeSync(2, line);
  } catch (error) {
    // Whoever read the log has gone or does not keep up, or there never was one. A daemon does not end for that.
    const { code = "" } = error as NodeJS.ErrnoException;
    if (!["EAGAIN", "EPIPE", "EBADF", "EIO", "ENOSPC"].includes(code)) throw error;
  }
}
