// A datagram socket at PATH whose allow function throws at the first message and lets the second in.
import { text, UnixSocket } from "sluice";

let asked = 0;
process.on("uncaughtException", (error) => console.log(`uncaught ${error.message}`));
const socket = await UnixSocket.bind(process.argv[2] ?? "", {
  codec: text(),
  allow: () => {
    if (asked++ === 0) throw new Error("the function is broken");
    return true;
  },
});
console.log("bound");
console.log(`received ${await socket.receive()}, refused ${socket.refused}`);
await socket.close();
