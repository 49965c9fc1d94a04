// The supervisor under its operator's hands: watched, reloaded badly, replaced, killed, and stopped.
//
// Run it with `node supervisor/main.js`; it starts the daemon as a process of its own. It needs bubblewrap (package bubblewrap), and leaves nothing behind.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { json, UnixSocket } from "sluice";
import { subscriber } from "sluice/pubsub";
import { createClient } from "sluice/rpc";
import type { Control, LogLine } from "./control.js";
import { readCounters } from "./counters.js";

const folder = mkdtempSync(join(tmpdir(), "sluice-example-"));
const run = join(folder, "run");
const configuration = join(folder, "config.json");
// Where nobody says so, the daemon's files are in $XDG_RUNTIME_DIR, or in /run for root.
const env = Object.assign({}, process.env, { RUNTIME_DIRECTORY: run, LOGS_DIRECTORY: folder });

const config = {
  programs: {
    greeter: { command: ["sh", "-c", "echo I am $$; exec sleep 1000"], backoff: { first: 10, most: 10 } },
  },
  access: {
    roles: { owner: { uids: [process.geteuid?.() ?? 0] } },
    rules: [{ allow: "owner", methods: ["*"], topics: ["*"] }],
  },
};
writeFileSync(configuration, JSON.stringify(config));

const daemons: ChildProcess[] = [];
try {
  const [first, heardOfFirst] = start();
  await heardOfFirst("started");
  const client = createClient<Control>(await UnixSocket.connect(join(run, "control.sock")));
  const logs = subscriber(await UnixSocket.connect(join(run, "logs.sock")), {
    codec: json<LogLine>(),
    topics: ["logs.*"],
  });

  // A program that is killed is started again.
  const status = await client.status();
  const { pid = 0 } = status.programs[0] ?? {};
  process.kill(pid, "SIGKILL");
  let news;
  do news = await logs.receive({ timeout: 10_000 });
  while (news.message.line === `I am ${pid}`); // it had not yet said so when it died
  console.log(`a line of ${news.topic} from its successor`);
  const { starts, failures } = readCounters(status.counters);
  console.log(`counters: ${starts} starts, ${failures} failure`);

  // A configuration that is no good changes nothing.
  console.log("is this one good?", await client.check('{ "programs": {} }'));
  writeFileSync(configuration, "no configuration");
  first.kill("SIGHUP");
  await heardOfFirst("the reload failed, and the old configuration stays");
  writeFileSync(configuration, JSON.stringify(config));
  await client.close();
  await logs.close();

  // A new version takes the sockets over, and the old one ends.
  const ended = once(first, "exit");
  const [second, heardOfSecond] = start();
  console.log("the first one ends with", (await ended)[0]);
  await heardOfSecond("started");

  // One that is killed leaves its programs behind; the next one finds them.
  const killed = once(second, "exit");
  second.kill("SIGKILL");
  await killed;
  const [third, heardOfThird] = start();
  await heardOfThird("killed a process that had outlived its supervisor");
  await heardOfThird("started");

  const stopped = once(third, "exit");
  third.kill("SIGTERM");
  console.log("the third one ends with", (await stopped)[0]);
  console.log("left behind:", readdirSync(run));
} finally {
  for (const daemon of daemons) daemon.kill("SIGKILL");
  rmSync(folder, { recursive: true });
}

/** Starts the daemon; the function waits for a message of its log. */
function start(): [ChildProcess, (message: string) => Promise<void>] {
  const program = join(import.meta.dirname, "supervisor.js");
  const daemon = spawn(process.execPath, [program, configuration], {
    env,
    stdio: ["ignore", "ignore", "pipe"],
  });
  daemons.push(daemon);
  const lines = createInterface({ input: daemon.stderr })[Symbol.asyncIterator]();
  const heard = async (expected: string): Promise<void> => {
    for (;;) {
      const { value, done } = (await lines.next()) as IteratorResult<string, undefined>;
      if (done === true) throw new Error(`the daemon ended before it said "${expected}"`);
      if ((JSON.parse(value) as { msg: string }).msg !== expected) continue;
      console.log(`daemon: ${expected}`);
      return;
    }
  };
  return [daemon, heard];
}
