// Starts a peer of its own, tells its pid, and waits to be killed.
import { startPeer } from "../child.js";

const child = startPeer("echo-lines");
await child.nextLine();
console.log(child.pid);
await child.exit;
