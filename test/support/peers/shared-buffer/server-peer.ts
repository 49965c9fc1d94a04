// Listens at PATH and echoes what each client sends: `server-peer PATH`.
import { SharedBuffer } from "sluice";

const listener = await SharedBuffer.listen((process.argv[2] ?? "").replace(/^@/, "\0"));
console.log("listening");
for await (const channel of listener) {
  void (async () => {
    for await (const message of channel) await channel.send(message);
  })();
}
