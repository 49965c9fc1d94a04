// Serves, under the names "stream" and "packets", connections that answer each message, and prints what comes to "datagrams"; ends when its standard input does. First it prints what it was given.
import { text, UnixSocket } from "sluice";
import { inheritedSockets } from "sluice/daemon";

const sockets = inheritedSockets();
const variables = Object.keys(process.env).filter((name) => name.startsWith("LISTEN_"));
console.log(JSON.stringify({ sockets: [...sockets], variables, again: inheritedSockets().size }));
const listeners = await Promise.all(
  [...sockets.values()]
    .flat()
    .filter(({ kind }) => kind === "unix-stream" || kind === "unix-seqpacket")
    .map(({ fd }) => UnixSocket.listen({ fd, codec: text(), type: undefined })),
);
const datagrams = await Promise.all(
  [...sockets.values()]
    .flat()
    .filter(({ kind }) => kind === "unix-dgram")
    .map(({ fd }) => UnixSocket.bind({ fd, codec: text(), allow: "anyone" })),
);
console.log("serving");
process.stdin.once("end", () => void Promise.all([...listeners, ...datagrams].map((one) => one.close())));
process.stdin.resume();
await Promise.all([
  ...listeners.map(async (listener) => {
    for await (const client of listener)
      for await (const message of client) await client.send(`${message} at ${listener.address}`);
  }),
  ...datagrams.map(async (socket) => {
    for await (const message of socket) console.log(`datagram ${message}`);
  }),
]);
