import { readFileSync } from "node:fs";
import { Signal, UnixSocket, type UnixSocketChannel } from "sluice";
import { type Answer, type Command, daemonOptions } from "./protocol.js";

/** Runs until SIGTERM. SIGHUP reads the configuration again. */
export async function runDaemon(path: string, configuration: string): Promise<void> {
  let greeting = readFileSync(configuration, "utf8").trim();
  let counted = 0;
  const listener = await UnixSocket.listen(path, daemonOptions);
  const clients = new Set<UnixSocketChannel<Answer, Command>>();

  using _reload = Signal.on("SIGHUP", (_message, sender) => {
    greeting = readFileSync(configuration, "utf8").trim();
    console.log(`daemon: configuration read again, as pid ${sender?.pid ?? "unknown"} asked`);
  });
  using _terminate = Signal.on("SIGTERM", () => {
    console.log("daemon: going down");
    void listener.close();
    for (const client of clients) void client.close();
  });

  const serve = async (client: UnixSocketChannel<Answer, Command>): Promise<void> => {
    clients.add(client);
    for await (const { command } of client) {
      if (command === "count") counted++;
      await client.send({ pid: process.pid, greeting, counted });
    }
    clients.delete(client);
  };

  console.log("daemon: ready");
  // Ends when the listener closes.
  for await (const client of listener) {
    serve(client).catch((error: unknown) => {
      console.error("daemon: a client failed:", error);
      clients.delete(client);
    });
  }
  console.log("daemon: gone");
}
