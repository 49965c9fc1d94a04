// What a server of shared memory says first: its numbers, and the memory that comes with them, of any size and with any seals.
import { loadCore, SOCK_SEQPACKET } from "../../../../src/native/binding.js";
import { receiveHello } from "../../../../src/mechanisms/shared-buffer/broadcast/hello.js";
import { acceptMemory } from "../../../../src/mechanisms/shared-buffer/handshake.js";
import { allow, Choices, require, type Target } from "./target.js";

const core = loadCore();
const codes = ["ERR_INVALID_MESSAGE", "ERR_ACCESS_DENIED", "ERR_SYSTEM", "ERR_UNSUPPORTED"];
const page = core.pageSize();

/** A number for a descriptor that the next `socket(2)` would get: if it stays, none was left open. */
function nextDescriptor(): number {
  const fd = core.eventfd();
  core.close(fd);
  return fd;
}

function hello(magic: number, capacity: number, places: number): Buffer {
  const bytes = Buffer.alloc(16 + places);
  [magic, 1, page, capacity].forEach((word, index) => bytes.writeUInt32LE(word, index * 4));
  return bytes;
}

const ring = 0x52756c73;
const broadcast = 0x42756c73;

function offer(choices: Choices): void {
  const pair = new Int32Array(2);
  core.socketPair(SOCK_SEQPACKET, pair);
  const [left = -1, right = -1] = pair;
  const handles: number[] = [];
  const isBroadcast = choices.below(2) === 1;
  for (let count = choices.below(4); count > 0; count--) {
    const size =
      choices.of([
        0,
        1,
        page,
        3 * page,
        3 * page + 2 * 65_536,
        2 * page + 2 * 65_536,
        page + 65_536,
        page + 2 * 65_536,
      ]) + choices.of([0, 0, 1]);
    handles.push(choices.below(8) === 0 ? core.eventfd() : core.createMemory(size, "fuzz"));
  }
  const opened = handles.filter((fd) => fd >= 0);
  const bytes = choices.rest.subarray(0, 80);
  if (opened.length > 0 && bytes.length > 0) core.sendHandles(left, bytes, Int32Array.from(opened));
  else core.sendPackets(left, [bytes], 0, 1, undefined);
  for (const fd of opened) core.close(fd);
  const details = { operation: "connect", address: "fuzz" };
  if (isBroadcast) {
    const taken = allow(codes, () => receiveHello(core, right, 65_536, details));
    if (taken !== undefined) for (const fd of [taken.ringFd, taken.pageFd]) core.close(fd);
  } else {
    const memory = allow(codes, () => acceptMemory(core, right, 65_536, details));
    memory?.close();
  }
  core.close(left);
  core.close(right);
}

const handshakes: Target = {
  name: "shared memory's handshakes",
  seeds: [
    Buffer.concat([Buffer.from([0, 1, 4, 0, 1]), hello(ring, 65_536, 0)]),
    Buffer.concat([Buffer.from([0, 1, 5, 0, 1]), hello(ring, 65_536, 0)]),
    Buffer.concat([Buffer.from([1, 2, 6, 0, 1, 2, 0, 1]), hello(broadcast, 65_536, 32)]),
    Buffer.concat([Buffer.from([1, 2, 7, 0, 1, 2, 0, 1]), hello(broadcast, 65_536, 32)]),
  ],
  words: [
    hello(ring, 65_536, 0),
    hello(broadcast, 65_536, 32),
    hello(ring, 4096, 0),
    hello(ring, 0x80000000, 0),
  ],
  run(input) {
    const before = nextDescriptor();
    offer(new Choices(input));
    const after = nextDescriptor();
    require(before === after, `descriptors stay open: the next is ${after}, it was ${before}`);
  },
};

export const handshakeTargets: readonly Target[] = [handshakes];
