// The other process of the packet tests: ROLE TYPE ENGINE PATH [COUNT].
//   send-numbered  connects and sends COUNT messages that bear their number, then closes
//   flood          connects, says "flooding" when it first has to wait, and sends until it is killed; a line on standard input: tells its resident bytes
//   flood-all      connects COUNT times and sends on all connections until it is killed
//   ask            connects and sends COUNT messages, each of which must come back before the next
//   stall          connects and never reads
import { createInterface } from "node:readline";
import { UnixSocket, type UnixSocketEngine } from "sluice";

const [role = "", type = "", engine = "", path = "", count = "0"] = process.argv.slice(2);
const options = {
  type: type as "seqpacket" | "dgram",
  engine: engine as UnixSocketEngine,
  allow: "anyone",
  ...(role === "stall" ? { receiveQueue: { messages: 1 } } : {}),
} as const;
const channel = await UnixSocket.connect(path, options);

function numbered(number: number, length: number): Buffer {
  const message = Buffer.alloc(length, number & 0xff);
  message.writeUInt32LE(number);
  return message;
}

switch (role) {
  case "send-numbered": {
    for (let number = 0; number < Number(count); number++) await channel.send(numbered(number, 64));
    await channel.close();
    console.log("sent");
    break;
  }
  case "flood": {
    let number = 0;
    while (channel.trySend(numbered(number, 1024))) number++;
    console.log("flooding");
    createInterface({ input: process.stdin }).on("line", () => console.log(process.memoryUsage.rss()));
    for (;;) await channel.send(numbered(number++, 1024));
  }
  case "flood-all": {
    const channels = [channel];
    while (channels.length < Number(count)) channels.push(await UnixSocket.connect(path, options));
    await Promise.all(
      channels.map(async (each) => {
        for (let number = 0; ; number++) await each.send(numbered(number, 1024));
      }),
    );
    break;
  }
  case "ask": {
    for (let number = 0; number < Number(count); number++) {
      await channel.send(Buffer.from(String(number)));
      const answer = await channel.receive();
      if (String(answer) !== String(number)) throw new Error(`answer ${String(answer)} to ${number}`);
    }
    console.log("answered");
    await channel.close();
    break;
  }
  case "stall": {
    console.log("connected");
    await new Promise(() => setInterval(() => undefined, 1000));
  }
}
