// A channel of signals with its parent: answers each value with the value that follows it.
import { Signal, type SignalName } from "sluice";

const names = (process.argv[2] ?? "SIGUSR2").split(" ") as SignalName[];
const signals = Signal.open(names, { peer: process.ppid });
console.log("ready");
for await (const { signal, value } of signals) {
  await signals.send(value === undefined ? { signal } : { signal, value: value + 1 });
}
