// A worker thread that receives a signal: posts each message, until it is told to close.
import { parentPort } from "node:worker_threads";
import { Signal } from "sluice";

const signals = Signal.open(["SIGRTMIN+5"]);
parentPort?.once("message", () => {
  void signals.close().then(() => {
    parentPort?.close();
  });
});
parentPort?.postMessage("ready");
for await (const message of signals) parentPort?.postMessage(message);
