import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { compiled, type Peer, startProgram } from "./support/child.js";

const ROWS = [
  "AnonymousPipe",
  "NamedPipe",
  "MessageQueue POSIX",
  "MessageQueue System V",
  "UnixSocket stream",
  "UnixSocket seqpacket (native)",
  "UnixSocket seqpacket (node-unix-socket)",
  "UnixSocket dgram (native)",
  "UnixSocket dgram (node-unix-socket)",
  "SharedBuffer channel",
  "TcpSocket",
  "SharedBuffer broadcast",
  "SharedBuffer memory",
  "UdpSocket",
  "Signal",
];
/** Each row starts a process, on a machine that may be busy. */
const LIMIT = 120_000;
/** Runs a program on a terminal of its own; what is written to standard input is typed there. */
const IN_TERMINAL =
  "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:], lambda fd: os.read(fd, 4096))))";

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "sluice-test-tour-"));
  file = path.join(folder, "file");
  writeFileSync(file, Buffer.alloc(300_001, "not all the same "));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

describe("npm start", () => {
  it(
    "carries a file over every channel and exits with 0 when all is verified",
    async () => {
      await using tour = startTour([file]);
      const output = await outputOf(tour);
      expect(verdicts(output)).toEqual(ROWS.map((row) => `${row}: yes`));
      expect(output).toContain("Everything arrived as it was sent.");
      expect(output).not.toContain("\u001b");
      expect(await tour.exit).toEqual({ code: 0, signal: null });
      expect(tour.stderr).toBe("");
      expect(readdirSync(folder)).toEqual(["file"]);
    },
    LIMIT,
  );

  it(
    "says NO for each channel that fails, goes on with the others, and exits with 1",
    async () => {
      await using tour = startTour([file], { SLUICE_NATIVE: path.join(folder, "no-core.node") });
      const output = await outputOf(tour);
      expect(verdicts(output)).toHaveLength(ROWS.length);
      expect(verdicts(output)).toContain("SharedBuffer channel: NO");
      expect(verdicts(output)).toContain("Signal: NO");
      expect(output).toContain("Something did not arrive as it was sent.");
      expect((await tour.exit).code).toBe(1);
    },
    LIMIT,
  );

  it(
    "shows a moving bar and colours in a terminal",
    async () => {
      await using tour = startInTerminal({ NO_COLOR: undefined, CI: undefined, TERM: "xterm-256color" });
      const output = await outputOf(tour);
      expect(output).toContain("█");
      expect(output).toContain("\u001b[32m");
      expect(output.replaceAll(/\u001b\[\d*m/g, "")).toContain("Everything arrived as it was sent.");
      expect((await tour.exit).code).toBe(0);
    },
    LIMIT,
  );

  it(
    "honours NO_COLOR, and on Ctrl+C in the middle cleans up and exits with 130",
    async () => {
      await using tour = startInTerminal({ NO_COLOR: "1" });
      let output = "";
      for await (const line of tour.lines) {
        output += `${line}\n`;
        if (/NamedPipe .* yes/.test(line)) await tour.write("\u0003");
      }
      expect(output).toContain("░");
      expect(output).not.toMatch(/\u001b\[\d*m/);
      expect(output).toContain("Ended by SIGINT");
      expect((await tour.exit).code).toBe(130);
      expect(readdirSync(folder)).toEqual(["file"]);
    },
    LIMIT,
  );

  it.each([
    ["a file that is missing", "missing", /^Cannot carry .*missing: there is no such file; name a file/],
    ["a folder", ".", /^Cannot carry .*: it is not a regular file; name a file/],
    ["an empty file", "empty", /^Cannot carry .*empty: it is empty; name a file/],
  ])("refuses %s with one line and exits with 1", async (_what, name, message) => {
    writeFileSync(path.join(folder, "empty"), "");
    await using tour = startTour([path.join(folder, name)]);
    expect(await tour.exit).toEqual({ code: 1, signal: null });
    expect(tour.stderr).toMatch(message);
    expect(tour.stderr.trim().split("\n")).toHaveLength(1);
  });
});

function startTour(parameters: readonly string[], env: Readonly<Record<string, string>> = {}): Peer {
  const program = compiled("scripts/tour/main.ts");
  return startProgram(process.execPath, [program, ...parameters], { env: { ...env, TMPDIR: folder } });
}

function startInTerminal(env: Readonly<Record<string, string | undefined>>): Peer {
  const command = [process.execPath, compiled("scripts/tour/main.ts"), file];
  return startProgram("python3", ["-c", IN_TERMINAL, ...command], {
    env: { ...env, TMPDIR: folder, TERM: "xterm", FORCE_COLOR: undefined },
  });
}

async function outputOf(tour: Peer): Promise<string> {
  const lines: string[] = [];
  for await (const line of tour.lines) lines.push(line);
  return lines.join("\n");
}

/** The rows of the table: name and verdict. */
function verdicts(output: string): string[] {
  return output
    .split("\n")
    .filter((line) => /(yes|NO)$/.test(line))
    .map((line) => line.replace(/^(.*?)( \(from pid \d+\))?\s+[-\d].*\s(yes|NO)$/, "$1: $3"));
}
