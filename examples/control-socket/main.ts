// A small daemon with a control socket, reloaded by SIGHUP and ended by SIGTERM, and its client.
//
// Run it with `node control-socket/main.js`; it starts the daemon as a second process, talks to it, and ends it.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Signal } from "sluice";
import { ask } from "./client.js";
import { runDaemon } from "./daemon.js";

const [path, configuration] = process.argv.slice(2);
if (path !== undefined && configuration !== undefined) {
  await runDaemon(path, configuration);
} else {
  await demonstrate();
}

async function demonstrate(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "sluice-example-"));
  const socket = join(folder, "control.sock");
  const settings = join(folder, "daemon.conf");
  writeFileSync(settings, "good morning\n");
  const daemon = spawn(process.execPath, [import.meta.filename, socket, settings], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    const { pid } = daemon;
    if (pid === undefined) throw new Error("the daemon did not start");
    const heard = listenTo(daemon);

    await heard("daemon: ready");
    await ask(socket, "count");
    console.log("client:", await ask(socket, "count"));

    writeFileSync(settings, "good evening\n");
    Signal.send(pid, "SIGHUP");
    await heard(`daemon: configuration read again, as pid ${process.pid} asked`);
    console.log("client:", await ask(socket, "status"));

    Signal.send(pid, "SIGTERM");
    await heard("daemon: gone");
    const [code] = (await once(daemon, "close")) as [number | null];
    console.log(
      `the daemon ended with code ${String(code)}; its socket is ${existsSync(socket) ? "still there" : "gone"}`,
    );
    process.exitCode = code ?? 1;
  } finally {
    daemon.kill("SIGKILL");
    rmSync(folder, { recursive: true });
  }
}

/** Prints what the daemon says; the function it gives waits for a line. */
function listenTo(daemon: ChildProcess): (line: string) => Promise<void> {
  if (daemon.stdout === null) throw new TypeError("the daemon's output must be a pipe");
  const lines = createInterface({ input: daemon.stdout })[Symbol.asyncIterator]() as AsyncIterator<string>;
  return async (expected) => {
    for (;;) {
      const next = await lines.next();
      if (next.done === true) throw new Error(`the daemon ended before it said "${expected}"`);
      console.log(next.value);
      if (next.value === expected) return;
    }
  };
}
