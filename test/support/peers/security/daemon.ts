// A daemon with one of everything that has a name, in the folder given, by default options but for modes: those let everybody in, so that `allow` alone decides.
// Answers over the sockets of its own user. Ends with its standard input, and tells what it has refused.
import { once } from "node:events";
import { MessageQueue, NamedPipe, SharedBuffer, UnixSocket } from "sluice";

const [folder = "", name = "", key] = process.argv.slice(2);
const refusals: number[] = [];
const onRefuse = ({ uid }: { uid: number }): void => {
  refusals.push(uid);
};
const mode = 0o666;
const listeners = [
  await UnixSocket.listen(`${folder}/stream.sock`, { mode, onRefuse, backlog: 16 }),
  await UnixSocket.listen(`${folder}/seqpacket.sock`, { mode, onRefuse, type: "seqpacket", backlog: 16 }),
  await UnixSocket.listen(`\0${name}`, { onRefuse }),
  await SharedBuffer.listen(`${folder}/ring.sock`, { mode, onRefuse }),
];
const datagrams = await UnixSocket.bind(`${folder}/dgram.sock`, { mode, onRefuse });
const broadcast = await SharedBuffer.broadcast(`${folder}/broadcast.sock`, { mode, onRefuse });
// These have no `allow`: their modes are what they are by default.
using memory = SharedBuffer.create({ name: `/${name}`, size: 4096 });
memory.bytes.set(Buffer.from("secret"));
await using posix = await MessageQueue.open(`/${name}`, { create: true });
await using sysv = await MessageQueue.open(Number(key), { kind: "sysv", create: true });
await NamedPipe.create(`${folder}/fifo`);
await posix.send(Buffer.from("secret"));
await sysv.send(Buffer.from("secret"));

for (const listener of listeners)
  void (async () => {
    for await (const channel of listener) {
      void (async () => {
        for await (const message of channel) await channel.send(message);
      })().catch(() => channel.destroy());
    }
  })();
console.log("serving");
await once(process.stdin.resume(), "end");
console.log(
  JSON.stringify([...new Set(refusals)]),
  refusals.length,
  datagrams.refused,
  String(datagrams.tryReceive()),
);
for (const listener of listeners) await listener.close();
await datagrams.close();
await broadcast.close();
MessageQueue.unlink(`/${name}`);
MessageQueue.unlink(Number(key), { kind: "sysv" });
