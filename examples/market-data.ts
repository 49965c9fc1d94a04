/**
 * Market data for many: one writer broadcasts ticks through shared memory, each written once. Two followers read them in processes of their own; the slow one
 * is told exactly how many it missed, and the writer never waits for it.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { json, SharedBuffer } from "sluice";
import { publisher, subscriber } from "sluice/pubsub";

interface Tick {
  readonly number: number;
  readonly price: number;
}

const TICKS = 50_000;
const codec = json<Tick>();
const [, , role, address] = process.argv;

if (role !== undefined && address !== undefined) await follow(role, address);
else await broadcast();

async function broadcast(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "sluice-example-"));
  try {
    const sender = await SharedBuffer.broadcast(join(folder, "ticks"), { capacity: 1024 * 1024 });
    await using market = publisher(sender, { codec });
    const followers = ["a quick follower", "a slow follower"].map((name) =>
      spawn(process.execPath, [import.meta.filename, name, join(folder, "ticks")], {
        stdio: ["ignore", "inherit", "inherit"],
      }),
    );
    const exits = followers.map((follower) => once(follower, "exit"));
    while (sender.followers < followers.length) await delay(5);
    for (let number = 0; number < TICKS; number++) {
      await market.publish(number % 2 === 0 ? "ticks.gold" : "ticks.tin", { number, price: number % 97 });
      if (number % 250 === 0) await delay(2);
    }
    await market.close();
    for (const exit of exits) {
      const [code] = (await exit) as [number | null];
      if (code !== 0) process.exitCode = 1;
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function follow(name: string, path: string): Promise<void> {
  const channel = await SharedBuffer.follow(path, { receiveQueue: { messages: 100 } });
  await using ticks = subscriber(channel, { codec, topics: ["ticks.*"] });
  let received = 0;
  for await (const tick of ticks) {
    received++;
    if (tick.message.number + 1 !== received + ticks.missed) throw new Error(`${name} has lost count`);
    if (name.includes("slow") && received % 100 === 0) await delay(20);
  }
  const complete = received + ticks.missed === TICKS ? "all there is" : "not all";
  console.log(`${name} missed ${ticks.missed === 0 ? "none" : "some"}: received and missed are ${complete}`);
}
