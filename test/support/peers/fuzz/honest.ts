// Takes part in everything that lies in shared memory, honestly, and tells each second that it still runs: `honest NAME`. After a line of standard input
// it lets go of everything and tells what has happened.
import { ChannelError, layout, SharedBuffer, type SharedBufferChannel } from "sluice";
import { broadcastOf, CAPACITY, PLACES, ringOf, segmentOf } from "./memory-paths.js";

const [name = ""] = process.argv.slice(2);
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
/** What has happened how often: `ring ERR_PEER_DIED`. */
const ends: Record<string, number> = {};
let isOver = false;
let rounds = 0;

/** Does something until the end. Only documented errors may come of it. */
async function again(what: string, codes: readonly string[], act: () => Promise<void>): Promise<void> {
  while (!isOver) {
    let end = "well";
    try {
      await act();
    } catch (error) {
      if (!(error instanceof ChannelError && codes.includes(error.code))) {
        console.error(`${what}:`, error);
        process.exit(1);
      }
      end = error.code;
    }
    ends[`${what}: ${end}`] = (ends[`${what}: ${end}`] ?? 0) + 1;
    rounds++;
    await turn();
  }
}

const CUT_OFF = [
  "ERR_INVALID_MESSAGE",
  "ERR_MESSAGE_TOO_LARGE",
  "ERR_PEER_DIED",
  "ERR_END_OF_CHANNEL",
  "ERR_TIMEOUT",
  "ERR_CHANNEL_CLOSED",
];
const NOBODY = ["ERR_NO_PEER", "ERR_ACCESS_DENIED"];

async function talk(opened: Promise<SharedBufferChannel<Uint8Array, Buffer>>): Promise<void> {
  const channel = await opened;
  try {
    const end = performance.now() + 200;
    while (performance.now() < end) {
      await channel.sendMany([Buffer.alloc(100), Buffer.alloc(5000), Buffer.alloc(0)], { timeout: 50 });
      for (const message of await channel.receiveMany({ timeout: 50 })) {
        if (message.length > channel.traits.maxMessageSize)
          throw new Error(`a message of ${message.length} bytes`);
      }
    }
  } finally {
    channel.destroy();
  }
}

const segment = SharedBuffer.create({ name: segmentOf(name), size: 4096 });
const shape = layout({ first: "u32", many: "i32[100]" });
segment.record(shape, PLACES.record).write({ first: 0, many: new Int32Array(100) });
const listener = await SharedBuffer.listen(ringOf(name, "honest"), { capacity: CAPACITY });
await using sender = await SharedBuffer.broadcast(broadcastOf(name, "honest"), { capacity: CAPACITY });
const flows = [
  again("ring, as server", [...CUT_OFF], () => talk(listener.accept({ timeout: 1000 }))),
  again("ring, as client", [...CUT_OFF, ...NOBODY], () =>
    talk(SharedBuffer.connect(ringOf(name, "hostile"), { timeout: 1000 })),
  ),
  again("follower", [...CUT_OFF, ...NOBODY], async () => {
    await using follower = await SharedBuffer.follow(broadcastOf(name, "hostile"), { timeout: 1000 });
    for (let count = 0; count < 200; count++) {
      const { length } = await follower.receive({ timeout: 200 });
      if (length > follower.traits.maxMessageSize) throw new Error(`a message of ${length} bytes`);
    }
  }),
  // Hostile followers have nothing that an honest one sees: it gets what was sent, whole.
  again("broadcast", [], async () => {
    await using follower = await SharedBuffer.follow(broadcastOf(name, "honest"));
    for (let count = 1; count <= 50; count++) {
      await sender.send(Buffer.alloc(count * 50, count));
      const message = await follower.receive({ timeout: 20_000 });
      if (!message.equals(Buffer.alloc(count * 50, count)))
        throw new Error(`message ${count} is another one`);
      await turn();
    }
  }),
];
const CONFUSED = ["ERR_TIMEOUT", "ERR_OWNER_DIED", "ERR_INVALID_MESSAGE", "ERR_SYSTEM"];
const locks = {
  mutex: () => segment.mutex(PLACES.mutex),
  semaphore: () => segment.semaphore(PLACES.semaphore, 2),
  "rwlock, as writer": () => segment.rwlock(PLACES.rwlock).write,
  "rwlock, as reader": () => segment.rwlock(PLACES.rwlock).read,
};
for (const [what, lock] of Object.entries(locks)) {
  flows.push(
    again(what, CONFUSED, async () => {
      using _lease = await lock().acquire({ timeout: 50 });
      await turn();
    }),
  );
}
flows.push(
  again("record", CONFUSED, async () => {
    const record = segment.record(shape, PLACES.record);
    record.read();
    record.write({ first: rounds, many: new Int32Array(100) });
    await turn();
  }),
);

const beat = setInterval(() => console.log("runs"), 1000);
console.log("ready");
process.stdin.once("data", () => (isOver = true));
await Promise.all(flows);
clearInterval(beat);
await listener.close();
sender.destroy();
segment.close();
// Nothing of it goes on in a thread, or wakes up again and again.
const before = process.cpuUsage();
await new Promise((resolve) => setTimeout(resolve, 500));
const { user, system } = process.cpuUsage(before);
console.log(
  JSON.stringify({ rounds, idleMilliseconds: (user + system) / 1000, rss: process.memoryUsage.rss(), ends }),
);
process.exit(0);
