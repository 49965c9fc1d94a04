// Ends by itself although a listener and a bound socket are open.
import { TcpSocket, UdpSocket } from "sluice";

(await TcpSocket.listen({ port: 0 })).unref();
(await UdpSocket.bind()).unref();
console.log("end");
