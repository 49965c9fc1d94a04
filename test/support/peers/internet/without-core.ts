// Runs where the native core does not load (SLUICE_NATIVE names no file) and tells what works.
import { ChannelError, lines, TcpSocket, text, UdpSocket } from "sluice";

const code = async (work: () => Promise<unknown>): Promise<string> => {
  try {
    await work();
    return "fulfilled";
  } catch (error) {
    if (error instanceof ChannelError) return error.code;
    throw error;
  }
};
// A short queue, so that reading stops and goes on in the middle of what was read.
const receiveQueue = { messages: 10 };
const chat = { codec: text(), framing: lines(), receiveQueue };

const listener = await TcpSocket.listen({
  port: 0,
  allow: ({ remoteAddress }) => remoteAddress.port > 0,
  ...chat,
});
const { host, port } = listener.address;
console.log("host", host, "second listen", await code(() => TcpSocket.listen({ port, ...chat })));
const client = await TcpSocket.connect({ port, timeout: 5000, ...chat });
const server = await listener.accept();
const sent = client.sendMany(Array.from({ length: 1000 }, (_, index) => `message ${index}`));
let last = "";
for (let count = 0; count < 1000; count++) last = await server.receive();
await sent;
console.log("tcp", last);
await client.close();
console.log("end", await code(() => server.receive()));
await listener.close();
console.log("nobody", await code(() => TcpSocket.connect({ port, ...chat })));

const receiver = await UdpSocket.bind({ codec: text(), receiveQueue });
const sender = await UdpSocket.connect({ port: receiver.localAddress.port, codec: text() });
await sender.send("question");
const { message, from } = await receiver.receiveEnvelope();
await receiver.send(`answer to ${message}`, { to: from });
console.log("udp", await sender.receive());
await sender.sendMany(Array.from({ length: 100 }, (_, index) => `flood ${index}`));
await sender.flush();
while (receiver.dropped < 90) await new Promise((resolve) => setImmediate(resolve));
let received = 0;
while (receiver.tryReceive() !== undefined) received++;
console.log("flood", received, "received", receiver.dropped, "dropped");
receiver.join("239.255.0.7", { interface: "127.0.0.1" });
receiver.leave("239.255.0.7", { interface: "127.0.0.1" });
console.log("leave twice", await code(async () => receiver.leave("239.255.0.7", { interface: "127.0.0.1" })));
const taken = receiver.localAddress.port;
console.log("taken", await code(() => UdpSocket.bind({ port: taken })));
await receiver.close();
const failed = code(async () => {
  for (;;) await sender.send("nobody there").then(() => new Promise((resolve) => setImmediate(resolve)));
});
console.log("refused", await failed);
