// What systemd does with greeter.socket and greeter.service, in miniature: it opens the socket, starts the daemon with it, and listens to what the daemon says of itself.
//
// Run it with `node systemd/main.js`.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text, UnixSocket } from "sluice";
import { createClient } from "sluice/rpc";
import type { Greeter } from "./greeter.js";

const folder = mkdtempSync(join(tmpdir(), "sluice-example-"));
try {
  const notifySocket = join(folder, "notify");
  await using notifications = await UnixSocket.bind(notifySocket, { codec: text() });
  // Here the example is the service manager, so it makes the socket; the daemon gets the descriptor alone.
  await using socket = await UnixSocket.listen(join(folder, "greeter.sock"));
  const [descriptor] = socket.handles;
  if (descriptor === undefined) throw new Error("the listener is closed");
  // LISTEN_PID says whom the descriptors are for; a process learns its number only when it runs.
  const command = 'LISTEN_PID=$$ exec "$0" "$1"';
  const daemon = spawn("sh", ["-c", command, process.execPath, join(import.meta.dirname, "greeter.js")], {
    env: { ...process.env, LISTEN_FDS: "1", LISTEN_FDNAMES: "greeter", NOTIFY_SOCKET: notifySocket },
    stdio: ["ignore", "inherit", "inherit", descriptor],
  });
  // The client need not wait until the daemon is up: it is in the backlog of the socket.
  await socket.handOver();
  await using client = createClient<Greeter>(await UnixSocket.connect(join(folder, "greeter.sock")));
  console.log(await client.greet("world"));

  const said = async (expected: string): Promise<void> => {
    let message;
    do {
      message = await notifications.receive({ timeout: 10_000 });
      console.log(`the daemon says ${JSON.stringify(message)}`);
    } while (!message.startsWith(expected));
  };
  await said("STATUS=1 greetings");
  daemon.kill("SIGHUP");
  await said("READY=1");
  console.log(await client.greet("world"));
  daemon.kill("SIGTERM");
  await said("BARRIER=1");
  const [code] = (await once(daemon, "exit")) as [number | null];
  console.log("the daemon has ended with code", code);
} finally {
  rmSync(folder, { recursive: true });
}
