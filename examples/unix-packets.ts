/**
 * A log daemon on a datagram socket and a client in another process: whole messages, no connection, and the kernel's word on who
 * sent each. Then the same client asks for a summary over a seqpacket connection.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { json, text, UnixSocket } from "sluice";

interface Entry {
  readonly level: "info" | "warning";
  readonly text: string;
}

const [, , role, clientFolder] = process.argv;

if (role === "client" && clientFolder !== undefined) await runClient(clientFolder);
else await runDaemon();

async function runDaemon(): Promise<void> {
  // A folder of this user's own: nobody else can put a socket there.
  const folder = mkdtempSync(join(tmpdir(), "sluice-example-"));
  try {
    await using log = await UnixSocket.bind(join(folder, "log"), { codec: json<Entry>() });
    await using queries = await UnixSocket.listen(join(folder, "query"), {
      type: "seqpacket",
      codec: text(),
    });
    const client = spawn(process.execPath, [import.meta.filename, "client", folder], {
      stdio: ["ignore", "inherit", "inherit"],
    });
    const exited = once(client, "exit");

    const seen = new Map<string, number>();
    for (let count = 0; count < 3; count++) {
      const { message, credentials } = await log.receiveEnvelope({ timeout: 10_000 });
      const sender = credentials?.pid === client.pid ? "the client" : "somebody else";
      console.log(`${message.level} from ${sender}: ${message.text}`);
      seen.set(message.level, (seen.get(message.level) ?? 0) + 1);
    }

    await using connection = await queries.accept({ timeout: 10_000 });
    const level = await connection.receive();
    await connection.send(`${level}: ${seen.get(level) ?? 0}`);
    const [code] = (await exited) as [number | null];
    process.exitCode = code ?? 1;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function runClient(folder: string): Promise<void> {
  await using log = await UnixSocket.connect(join(folder, "log"), { type: "dgram", codec: json<Entry>() });
  await log.send({ level: "info", text: "started" });
  await log.send({ level: "warning", text: "disk almost full" });
  await log.send({ level: "info", text: "all done" });

  await using query = await UnixSocket.connect(join(folder, "query"), { type: "seqpacket", codec: text() });
  await query.send("info");
  console.log("the daemon counted", await query.receive({ timeout: 10_000 }));
}
