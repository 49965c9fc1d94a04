// The client: node cli.js [--directory FOLDER] COMMAND …
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { json, UnixSocket, type UnixSocketChannel } from "sluice";
import { subscriber } from "sluice/pubsub";
import { type Client, createClient } from "sluice/rpc";
import type { Control, LogLine } from "./control.js";
import { readCounters } from "./counters.js";

const USAGE = `node cli.js [--directory FOLDER] COMMAND
  status                     what is known of each program
  start|stop|restart NAME
  logs [NAME …]              the lines of these programs, or of all, until the supervisor or Ctrl-C ends it
  counters                   from shared memory: for the supervisor's user, and root
  reload                     reads the configuration again
  check FILE                 what would be wrong with a configuration
  why METHOD                 whether you may call it
  health | metrics`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { directory: { type: "string", default: "/run/supervisor" } },
});
const { directory } = values;
const [command = "help", ...names] = positionals;

/** A command with the client it needs; the compiler knows what each method takes and gives. */
const commands: Readonly<Record<string, (client: Client<Control>, argument: string) => Promise<unknown>>> = {
  status: (client) => client.status(),
  start: (client, name) => client.start(name),
  stop: (client, name) => client.stop(name),
  restart: (client, name) => client.restart(name),
  reload: (client) => client.reload(),
  check: (client, file) => client.check(readFileSync(file, "utf8")),
  why: (client, method) => client.why(method),
  health: (client) => client.health(),
  metrics: (client) => client.metrics(),
  counters: async (client) => readCounters((await client.status()).counters),
};

try {
  const run = commands[command];
  if (command === "logs") await follow();
  else if (run === undefined) console.log(USAGE);
  else {
    await using client = createClient<Control>(await connect("control"));
    console.log(await run(client, names[0] ?? ""));
  }
} catch (error) {
  console.error(String(error));
  process.exitCode = 1;
}

async function follow(): Promise<void> {
  const topics = names.length === 0 ? ["logs.*"] : names.map((name) => `logs.${name}`);
  await using logs = subscriber(await connect("logs"), { codec: json<LogLine>(), topics });
  for await (const { message, missed } of logs) {
    if (missed > 0) console.log(`… ${missed} lines missed`);
    console.log(`${message.time} ${message.program}: ${message.line}`);
  }
}

/** Only the owner of the folder, or root, may be the one who answers. */
function connect(socket: string): Promise<UnixSocketChannel<Uint8Array, Buffer>> {
  return UnixSocket.connect(join(directory, `${socket}.sock`), {
    allow: { uids: [0, statSync(directory).uid] },
  });
}
