// A worker thread that loads the core, opens something of most kinds and leaves all of it open: it is terminated by its parent. Tells the code of the error that
// it met, or "open".
import { parentPort } from "node:worker_threads";
import { AnonymousPipe, ChannelError, SharedBuffer, Signal, UnixSocket } from "sluice";

const kept: unknown[] = [];
try {
  kept.push(AnonymousPipe.create(), UnixSocket.pair({ type: "seqpacket", engine: "native" }));
  kept.push(Signal.open(["SIGRTMIN+5"]));
  const memory = SharedBuffer.create({ size: 4096 });
  kept.push(memory, memory.mutex(0).tryAcquire());
  // A second wait for the same lock sleeps in a thread of the core.
  void memory.mutex(0).acquire();
  parentPort?.postMessage("open");
} catch (error) {
  parentPort?.postMessage(error instanceof ChannelError ? error.code : String(error));
}
setInterval(() => kept.length, 1000);
