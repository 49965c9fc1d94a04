// Serves calls at FOLDER/server.sock, in the place of the process that does so, and until the next one does. Each call writes its id to FOLDER/calls when it has been done.
// STOP, when given, is where it stops for good: "taken" (has the descriptors), "listening" (has listeners, and has not said so), "failing" (closes what it has, in order, and ends).
import { appendFileSync } from "node:fs";
import { UnixSocket } from "sluice";
import { offerSockets, takeSockets } from "sluice/daemon";
import { serve } from "sluice/rpc";

const [folder = "", stop = ""] = process.argv.slice(2);
const path = `${folder}/server.sock`;
const taken = await takeSockets(`${folder}/restart.sock`);
await halt("taken");
const listener = await (taken?.listen("server") ?? UnixSocket.listen(path));
const server = serve(listener, {
  async run(id: string) {
    await new Promise((resolve) => setImmediate(resolve));
    appendFileSync(`${folder}/calls`, `${id}\n`);
    return process.pid;
  },
});
await halt("listening");
if (stop === "failing") {
  await server.close();
  taken?.[Symbol.dispose]();
  console.log("failed");
  process.exit(1);
}
await taken?.ready();
const logger = {
  warn: () => {
    console.log("successor failed");
  },
};
const offer = await offerSockets(`${folder}/restart.sock`, { server: listener }, { logger });
console.log("serving");
process.stdin.once("end", () => {
  void (async () => {
    await offer.close();
    await server.close();
  })();
});
process.stdin.resume();
void offer.handedOver.then(() => process.stdin.destroy());
await server.closed;
console.log("done");

async function halt(at: string): Promise<void> {
  if (stop !== at) return;
  console.log(at);
  await new Promise((resolve) => process.stdin.once("data", resolve));
}
