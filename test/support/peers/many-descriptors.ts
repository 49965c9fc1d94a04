// Opens thousands of descriptors between one that tells of its end early and its locks: when it is killed, the kernel closes them in this order.
//
//   offer PATH    listens at PATH.s, and offers the socket at PATH: the lock of the socket's path comes last
//   lock FOLDER   takes the lock of the daemon "late" in FOLDER: it comes last
//   TYPE PATH     has the place PATH as a socket of this type, as shared memory or as a broadcast: the lock comes last
import { closeSync, openSync } from "node:fs";
import { SharedBuffer, UnixSocket } from "sluice";
import { offerSockets } from "sluice/daemon";
import { InstanceLock } from "../../../src/daemon/lifecycle/instance-lock.js";

const MOST = 20_000;
/** What the offer and the runtime need. */
const SPARE = 50;

function openMany(): void {
  const opened: number[] = [];
  try {
    while (opened.length < MOST) opened.push(openSync("/dev/null", "r"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EMFILE") throw error;
    for (const fd of opened.splice(-SPARE)) closeSync(fd);
  }
}

async function openLast(): Promise<unknown> {
  switch (what) {
    case "lock":
      return InstanceLock.acquire("late", () => ({ path, created: false }));
    case "stream":
    case "seqpacket":
      return UnixSocket.listen(path, { type: what });
    case "dgram":
      return UnixSocket.bind(path);
    case "shared-buffer":
      return SharedBuffer.listen(path);
    case "broadcast":
      return SharedBuffer.broadcast(path);
    default:
      throw new Error(`what is ${String(what)}?`);
  }
}

const [what, path = ""] = process.argv.slice(2);
if (what === "offer") {
  const listener = await UnixSocket.listen(`${path}.s`);
  openMany();
  await offerSockets(path, { s: listener });
} else {
  openMany();
  await openLast();
}
console.log("ready");
process.stdin.resume();
