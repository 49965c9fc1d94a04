// Receives signals from anybody and writes down what it got, until SIGTERM.
import { Signal, type SignalName } from "sluice";

const names = (process.argv[2] ?? "SIGUSR2").split(" ") as SignalName[];
await using signals = Signal.open([...names, "SIGTERM"]);
console.log("ready");
for (;;) {
  const { message, credentials } = await signals.receiveEnvelope();
  if (message.signal === "SIGTERM") break;
  console.log(`${message.signal} ${String(message.value)} ${String(credentials?.uid)}`);
}
