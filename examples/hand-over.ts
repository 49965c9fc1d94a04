// A server that is replaced while clients use it: the new process takes the listening socket from the old one, and no connection is refused.
//
// Run it with `node hand-over.js`; it starts two versions of the server as processes of their own, one after the other, and keeps calling meanwhile.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text, UnixSocket } from "sluice";

const [version, socket] = process.argv.slice(2);

if (version !== undefined && socket !== undefined) await serve(version, socket);
else await demonstrate();

/** The server. Its successor asks for the place at a socket of its own, where descriptors may travel. */
async function serve(version: string, path: string): Promise<void> {
  const succession = { codec: text(), maxHandles: 2 };
  const predecessor =
    version === "1" ? undefined : await UnixSocket.connect(`${path}.succession`, succession);
  const handles = await (async () => {
    if (predecessor === undefined) return undefined;
    await predecessor.send("I am here to replace you");
    return (await predecessor.receiveEnvelope()).handles;
  })();
  const listener = await UnixSocket.listen(path, { codec: text(), handles });
  if (predecessor !== undefined) {
    // Only now may the old one stop: until it hears this it goes on accepting, also if this process should die.
    await predecessor.send("I listen");
    for await (const message of predecessor) console.log(message);
  }
  process.send?.("ready");

  const successions = await UnixSocket.listen(`${path}.succession`, succession);
  const waiting = (async () => {
    for await (const successor of successions) {
      await successor.receive();
      await successor.send("take it", { handles: listener.handles });
      try {
        await successor.receive();
      } catch {
        continue; // it has died before it listened: go on as before
      }
      await listener.handOver();
      await successions.close();
      await successor.close();
      return;
    }
  })();

  // Until the hand-over, and with those who came before it until they leave.
  const conversations: Promise<void>[] = [];
  for await (const client of listener) {
    conversations.push(
      (async () => {
        for await (const question of client) await client.send(`${question}? says version ${version}`);
      })(),
    );
  }
  await Promise.all(conversations);
  await waiting;
  process.disconnect();
}

async function demonstrate(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "sluice-example-"));
  const path = join(folder, "server.sock");
  try {
    const first = await start("1", path);
    const answers = new Map<string, number>();
    let replaced = false;
    const calling = (async () => {
      // A new connection for each call, as fast as they come.
      for (let after = 0; after < 50; after += replaced ? 1 : 0) {
        await using client = await UnixSocket.connect(path, { codec: text() });
        await client.send("who");
        const answer = await client.receive();
        answers.set(answer, (answers.get(answer) ?? 0) + 1);
      }
    })();
    const second = await start("2", path);
    const [code] = (await once(first, "exit")) as [number | null];
    replaced = true;
    await calling;
    console.log(`the first server has ended with code ${String(code)}; the answers were of`, [
      ...answers.keys(),
    ]);
    second.kill();
    await once(second, "exit");
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function start(version: string, path: string): Promise<ChildProcess> {
  const server = spawn(process.execPath, [import.meta.filename, version, path], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  await once(server, "message");
  return server;
}
