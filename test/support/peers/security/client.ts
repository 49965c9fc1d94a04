// The honest user: makes a connection and a call on it, N times, over each kind of socket, and tells how many were answered.
import { SharedBuffer, UnixSocket } from "sluice";

const [folder = "", rounds] = process.argv.slice(2);
const timeout = 20_000;
let answered = 0;
for (let round = 0; round < Number(rounds); round++) {
  const channels = [
    await UnixSocket.connect(`${folder}/stream.sock`, { timeout }),
    await UnixSocket.connect(`${folder}/seqpacket.sock`, { type: "seqpacket", timeout }),
    await SharedBuffer.connect(`${folder}/ring.sock`, { timeout }),
  ];
  for (const channel of channels) {
    await channel.send(Buffer.from(`call ${round}`));
    if (String(await channel.receive({ timeout })) === `call ${round}`) answered++;
    await channel.close();
  }
}
console.log("answered", answered);
