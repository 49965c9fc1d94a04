// A worker thread that sends to itself on both types without end, or tells the code with which the engine refuses.
import { parentPort, workerData } from "node:worker_threads";
import { ChannelError, UnixSocket, type UnixSocketEngine } from "sluice";

const engine = workerData as UnixSocketEngine;
try {
  for (const type of ["dgram", "seqpacket"] as const) {
    const [left, right] = UnixSocket.pair({ type, engine });
    void (async () => {
      for (;;) await left.send(Buffer.alloc(1000));
    })();
    await right.receive();
    void (async () => {
      for (;;) await right.receiveMany();
    })();
  }
  parentPort?.postMessage("running");
} catch (error) {
  if (!(error instanceof ChannelError)) throw error;
  parentPort?.postMessage(error.code);
}
