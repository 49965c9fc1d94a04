// A key-value store behind a Unix socket: a second process asks, the kernel says who it is.
//
// Run it with `node unix-socket.js`; it starts its own second process, prints, and cleans up.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { json, UnixSocket } from "sluice";

/** A question and its answer look alike: with a value it is set, without one it is asked for. */
interface Entry {
  readonly key: string;
  readonly value?: string | undefined;
}

const path = process.argv[2];

if (path !== undefined) {
  // The client. It checks the server as well: by default it must run as this user or as root.
  const store = await UnixSocket.connect(path, { codec: json<Entry>(), timeout: 5000 });
  console.log(`client: the server is pid ${store.peer.pid}`);
  await store.send({ key: "colour", value: "green" });
  await store.receive();
  await store.send({ key: "colour" });
  console.log("client: colour is", (await store.receive()).value);
  await store.close();
} else {
  const folder = mkdtempSync(join(tmpdir(), "sluice-example-"));
  try {
    const socket = join(folder, "store.sock");
    // Mode 0600 and allow "self" are the defaults: nobody else gets in.
    const listener = await UnixSocket.listen(socket, { codec: json<Entry>() });
    spawn(process.execPath, [import.meta.filename, socket], { stdio: "inherit" });

    const client = await listener.accept({ timeout: 10_000 });
    console.log(`server: pid ${client.peer.pid} of uid ${client.peer.uid} has connected`);
    const values = new Map<string, string>();
    // Ends when the client closes.
    for await (const { key, value } of client) {
      if (value !== undefined) values.set(key, value);
      await client.send({ key, value: values.get(key) });
    }
    console.log("server: the client has gone");
    await listener.close();
  } finally {
    rmSync(folder, { recursive: true });
  }
}
