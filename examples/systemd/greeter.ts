// The daemon of greeter.service and greeter.socket: systemd opens its socket, is told its state, and watches over its event loop.
import { UnixSocket } from "sluice";
import { inheritedSockets, ServiceManager } from "sluice/daemon";
import { serve } from "sluice/rpc";

export interface Greeter {
  greet(name: string): string;
}

const manager = new ServiceManager();
const [socket] = inheritedSockets().get("greeter") ?? [];
if (socket === undefined) throw new Error("greeter.socket passes no descriptor with the name greeter");

let greeting = "Hello";
let served = 0;
// SocketMode and SocketGroup of the unit have decided who may connect.
const listener = await UnixSocket.listen({ fd: socket.fd, allow: "anyone" });
const server = serve(listener, {
  greet(name: string) {
    void manager.status(`${++served} greetings`);
    return `${greeting}, ${name}`;
  },
} satisfies Greeter);

process.on("SIGHUP", () => {
  void manager.reloading();
  greeting = "Good evening"; // a real daemon reads its configuration here
  void manager.ready();
});
process.once("SIGTERM", () => {
  void manager.stopping();
  void server.close({ deadline: 5000 }).then(() => manager.barrier());
});
manager.watchdog();
await manager.ready(`greeting at ${listener.address}`);
