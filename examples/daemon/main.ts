// A daemon under its operator's hands: started twice, reloaded well and badly, and stopped.
//
// Run it with `node daemon/main.js`; it starts the daemon of greeter.ts as a process of its own.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { UnixSocket } from "sluice";
import { createClient } from "sluice/rpc";
import type { Methods } from "./greeter.js";

const folder = mkdtempSync(join(tmpdir(), "sluice-example-"));
const configuration = join(folder, "greeter.json");
const state = join(folder, "greeter.state");
// Where nobody says so, the daemon's files are in $XDG_RUNTIME_DIR, or in /run for root.
const env = Object.assign({}, process.env, { RUNTIME_DIRECTORY: join(folder, "run") });
const program = join(import.meta.dirname, "greeter.js");
const start = (): ChildProcess =>
  spawn(process.execPath, [program, configuration, state], { env, stdio: ["ignore", "ignore", "pipe"] });

writeFileSync(configuration, '{"greeting":"Good morning"}');
const daemon = start();
try {
  const heard = logOf(daemon);
  await heard("started");
  const client = createClient<Methods>(await UnixSocket.connect(join(folder, "run", "control.sock")));
  console.log(await client.greet("Ada"));

  const [code] = (await once(start(), "exit")) as [number];
  console.log(`a second one ends with ${code}`);

  writeFileSync(configuration, '{"greeting":"Good evening"}');
  daemon.kill("SIGHUP");
  await heard("reloaded");
  console.log(await client.greet("Ada"));

  writeFileSync(configuration, '{"greeting":7}');
  daemon.kill("SIGHUP");
  await heard("the reload failed, and the old configuration stays");
  console.log(await client.greet("Grace"));

  const ended = once(daemon, "exit");
  daemon.kill("SIGTERM");
  console.log(`it ends with ${String((await ended)[0])}, and has saved ${readFileSync(state, "utf8")}`);
  console.log(`left in ${folder}:`, readdirSync(folder));
} finally {
  daemon.kill("SIGKILL");
  rmSync(folder, { recursive: true });
}

/** Follows the log; the function it gives waits for a message. */
function logOf({ stderr }: ChildProcess): (message: string) => Promise<void> {
  if (stderr === null) throw new TypeError("the daemon's log must be a pipe");
  const lines = createInterface({ input: stderr })[Symbol.asyncIterator]();
  return async (expected) => {
    for (;;) {
      const { value, done } = (await lines.next()) as IteratorResult<string, undefined>;
      if (done === true) throw new Error(`the daemon ended before it said "${expected}"`);
      const { msg } = JSON.parse(value) as { msg: string };
      console.log(`daemon: ${msg}`);
      if (msg === expected) return;
    }
  };
}
