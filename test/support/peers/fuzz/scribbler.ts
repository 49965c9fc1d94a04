// Takes part in everything that lies in shared memory as any program would, and writes wrong words into it all the while: `scribbler NAME SEED`.
// It reaches what it has mapped through /proc/self/mem, so also what a seal would not let it map for writing again.
import { openSync, readFileSync, readSync, writeSync } from "node:fs";
import { layout, SharedBuffer } from "sluice";
import { randomNumbers } from "../../campaign.js";
import { broadcastOf, CAPACITY, PLACES, ringOf, segmentOf } from "./memory-paths.js";

const [name = "", seed = "1"] = process.argv.slice(2);
const random = randomNumbers(Number(seed));
const below = (limit: number): number => Math.floor(random() * limit);
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const memory = openSync("/proc/self/mem", "r+");

/** Does something again and again. What comes of it is the other side's affair. */
async function again(act: () => unknown): Promise<void> {
  for (;;) {
    try {
      await act();
    } catch {
      // One's own channel breaks by one's own words.
    }
    await turn();
  }
}

interface Mapping {
  readonly start: number;
  readonly length: number;
}

function mappings(): Mapping[] {
  const lines = readFileSync("/proc/self/maps", "latin1").split("\n");
  return lines
    .filter(
      (line) => / rw-s /.test(line) && (line.includes("memfd:sluice") || line.includes(segmentOf(name))),
    )
    .map((line) => {
      const [start = 0, end = 0] = (line.split(" ")[0] ?? "")
        .split("-")
        .map((text) => Number.parseInt(text, 16));
      return { start, length: end - start };
    });
}

/** A number that is more dangerous than most. */
function nasty(near: number): number {
  const small = below(64);
  return (
    ([
      small,
      -small,
      0x7fffffff - small,
      0x80000000 + small,
      near + small * 8,
      near - small * 8,
      near ^ (1 << below(32)),
      below(2 ** 32),
    ][below(8)] ?? 0) | 0
  );
}

const word = Buffer.alloc(4);
let scribbled = 0;
function scribble(found: readonly Mapping[]): void {
  const { start, length } = found[below(found.length)] ?? { start: 0, length: 0 };
  if (length === 0) return;
  // Control words stand at multiples of 64; positions, lengths and locks in the first page; the rest are records.
  const offset = [below(64) * 64, below(1024) * 4, below(256) * 8, below(length / 4) * 4][below(4)] ?? 0;
  if (offset >= length) return;
  try {
    readSync(memory, word, 0, 4, start + offset);
    word.writeInt32LE(nasty(word.readInt32LE()));
    writeSync(memory, word, 0, 4, start + offset);
    scribbled++;
  } catch (error) {
    // Unmapped since.
    if ((error as NodeJS.ErrnoException).code !== "EIO") throw error;
  }
}

async function talk(channel: Awaited<ReturnType<typeof SharedBuffer.connect>>): Promise<void> {
  await using used = channel;
  const end = performance.now() + 200;
  while (performance.now() < end) {
    for (let size = 0; used.trySend(Buffer.alloc(size % 3000, size)) && size < 20_000;) size += 997;
    // Its own wrong words may make its ring seem endless.
    for (let count = 0; count < 100 && used.tryReceive() !== undefined;) count++;
    await turn();
  }
}

process.on("uncaughtException", () => undefined);
const listener = await SharedBuffer.listen(ringOf(name, "hostile"), { capacity: CAPACITY });
void again(async () => talk(await listener.accept()));
void again(async () => talk(await SharedBuffer.connect(ringOf(name, "honest"), { timeout: 1000 })));
const sender = await SharedBuffer.broadcast(broadcastOf(name, "hostile"), { capacity: CAPACITY });
void again(() => void sender.trySend(Buffer.alloc(below(3000), 7)));
void again(async () => {
  await using follower = await SharedBuffer.follow(broadcastOf(name, "honest"), { timeout: 1000 });
  for (let count = 0; count < 100; count++) await follower.receive({ timeout: 100 });
});
const segment = SharedBuffer.open(segmentOf(name));
const shape = layout({ first: "u32", many: "i32[100]" });
// Looked up each time: where a process before this one has written, a lock may be none.
const locks = [
  () => segment.mutex(PLACES.mutex),
  () => segment.semaphore(PLACES.semaphore, 2),
  () => segment.rwlock(PLACES.rwlock).write,
];
for (const lock of locks) {
  void again(async () => {
    using _lease = await lock().acquire({ timeout: 50 });
    await turn();
  });
}
void again(() => {
  segment.record(shape, PLACES.record).write({ first: 1, many: new Int32Array(100).fill(1) });
});

console.log("ready");
for (;;) {
  const found = mappings();
  for (let count = 0; count < 500; count++) scribble(found);
  console.log(scribbled);
  await turn();
}
