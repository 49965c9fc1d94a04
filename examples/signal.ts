// Two processes that talk by signals: the first counts a value up with the second, asks it to reread its configuration, and ends it.
import { spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { Signal } from "sluice";

if (process.argv[2] === "second") await second();
else await first();

async function first(): Promise<void> {
  const ready = Signal.open(["SIGUSR2"]);
  const child = spawn(process.execPath, [import.meta.filename, "second"], { stdio: "inherit" });
  // A signal without a handler ends most processes: nothing is sent before the other side says that it listens.
  const { credentials } = await ready.receiveEnvelope();
  console.log("first: the second is ready, sent by its pid:", credentials?.pid === child.pid);

  const channel = Signal.open(["SIGRTMIN"], { peer: child.pid ?? 0 });
  await ready.close();
  let value = 0;
  while (value < 10) {
    await channel.send({ signal: "SIGRTMIN", value });
    value = (await channel.receive()).value ?? 0;
  }
  console.log("first: counted to", value);

  await channel.send({ signal: "SIGHUP" });
  await channel.receive();
  await channel.send({ signal: "SIGTERM" });
  const [code] = (await once(child, "exit")) as [number | null];
  console.log("first: the second ended with", code);
  await channel.close();
}

async function second(): Promise<void> {
  await using channel = Signal.open(["SIGRTMIN", "SIGTERM"], { peer: process.ppid });
  using reread = Signal.on("SIGHUP", ({ signal }, sender) => {
    console.log("second:", signal, "from", sender?.pid === process.ppid ? "its parent" : "a stranger");
    void channel.send({ signal: "SIGRTMIN" });
  });
  Signal.send(process.ppid, "SIGUSR2");
  for await (const { signal, value = 0 } of channel) {
    if (signal === "SIGTERM") break;
    await channel.send({ signal: "SIGRTMIN", value: value + 1 });
  }
  console.log("second: ends gracefully");
  reread[Symbol.dispose]();
}
