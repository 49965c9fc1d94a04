// Opens sockets with options that strace(1) then shows.
import { UdpSocket } from "sluice";

const four = await UdpSocket.bind({ multicast: { ttl: 3, loopback: false, interface: "lo" }, ttl: 9 });
const six = await UdpSocket.bind({ host: "::1", multicast: { ttl: 4, loopback: false }, ttl: 5 });
await Promise.all([four.close(), six.close()]);
console.log("done");
