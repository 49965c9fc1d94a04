// A time service on the loopback interface: a question and its answer over TCP, and announcements by UDP multicast.
//
// Run it with `node internet-sockets.js`; it starts its own second process, prints, and cleans up.
import { spawn } from "node:child_process";
import { json, TcpSocket, text, UdpSocket } from "sluice";

/** A question and its answer look alike: the answer has the time. */
interface Clock {
  readonly zone: string;
  readonly time?: string;
}

const GROUP = "239.255.41.7";
const [tcpPort, udpPort] = process.argv.slice(2).map(Number);

if (tcpPort !== undefined && udpPort !== undefined) {
  // The client. Where it connects nobody but this machine can listen.
  await using clock = await TcpSocket.connect({
    port: tcpPort,
    codec: json<Clock>(),
    timeout: 5000,
  });
  await clock.send({ zone: "UTC" });
  const { zone, time } = await clock.receive({ timeout: 5000 });
  console.log(`client: the time of ${zone} is`, time);

  await using announcer = await UdpSocket.bind({ codec: text(), multicast: { interface: "lo" } });
  await announcer.send("the client has its answer", { to: { host: GROUP, port: udpPort } });
} else {
  await using listener = await TcpSocket.listen({ port: 0, codec: json<Clock>() });
  await using announcements = await UdpSocket.bind({ host: GROUP, codec: text() });
  announcements.join(GROUP, { interface: "lo" });
  const ports = [listener.address.port, announcements.localAddress.port];
  spawn(process.execPath, [import.meta.filename, ...ports.map(String)], { stdio: "inherit" });

  await using client = await listener.accept({ timeout: 10_000 });
  console.log(`server: ${client.remoteAddress.host} has connected`);
  // Ends when the client closes.
  for await (const { zone } of client) await client.send({ zone, time: new Date().toISOString() });
  const { message, from } = await announcements.receiveEnvelope({ timeout: 10_000 });
  console.log("server heard:", message, typeof from === "object" ? `from ${from.host}` : "");
}
