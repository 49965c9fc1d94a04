// Goes through the handshake as a client does, then writes garbage: `hostile-peer PATH WAY SEED`.
import {
  Poll,
  READABLE,
  SOCK_STREAM,
  STATUS_LENGTH,
  STATUS_SIZE,
  loadCore,
} from "../../../../src/native/binding.js";

const [path = "", way = "everywhere", seedText = "1"] = process.argv.slice(2);
const core = loadCore();
const fd = core.socket(SOCK_STREAM);
if (core.connectSocket(fd, Buffer.from(path.replace(/^@/, "\0"))) < 0) throw new Error("cannot connect");

let seed = Number(seedText);
/** xorshift: the same garbage for the same seed. */
function random(): number {
  seed ^= seed << 13;
  seed ^= seed >>> 17;
  seed ^= seed << 5;
  return seed >>> 0;
}
/** Numbers that are more dangerous than most. */
function nasty(near: number): number {
  const small = random() % 64;
  switch (random() % 8) {
    case 0:
      return small;
    case 1:
      return -small;
    case 2:
      return 0x7fffffff - small;
    case 3:
      return (0x80000000 + small) | 0;
    case 4:
      return near + small * 8;
    case 5:
      return near - small * 8;
    case 6:
      return random() % 65_536;
    default:
      return random() | 0;
  }
}

const hello = new Uint32Array(16);
const handles = new Int32Array(1);
const poll = new Poll(fd, () => {
  if (core.receiveHandles(fd, new Uint8Array(hello.buffer), handles, new Int32Array(3)) <= 0) return;
  poll.close();
  const memory = handles[0] ?? -1;
  const pageSize = hello[2] ?? 0;
  const status = new BigInt64Array(STATUS_LENGTH);
  core.status(memory, status);
  const all = core.mapMemory(memory, 0, Number(status[STATUS_SIZE]), true);
  if (typeof all === "number") throw new Error(`cannot map: ${all}`);
  const words = new Int32Array(all);
  const client = pageSize / 8;
  const ring = (pageSize + (hello[3] ?? 0)) / 4;
  const ringWords = (hello[3] ?? 0) / 4;
  console.log("mapped");

  const attack = (): void => {
    for (let count = 0; count < 2000; count++) {
      const tail = words[client] ?? 0;
      if (way === "everywhere") {
        words[random() % words.length] = nasty(tail);
      } else if (way === "control") {
        words[client + (random() % 5) * 32] = nasty(random() % 2 === 0 ? tail : (words[0] ?? 0));
      } else {
        // Well-formed positions, but lengths that change while they are read.
        const at = ((tail & (ringWords * 4 - 1)) >> 2) + ring;
        words[at] = random() % 100;
        Atomics.store(words, client, (tail + 112) | 0);
        words[at] = nasty(100);
        Atomics.store(words, client + 32, words[0] ?? 0);
      }
      if (count % 50 === 0) core.ringBell(fd);
    }
    if (core.ringBell(fd) >= 0) setImmediate(attack);
    else process.exit(0);
  };
  attack();
});
poll.set(READABLE);
