/** A broadcast, as processes of a model: the real BroadcastWriter and AdmittedFollower in one, a FollowPort with its BroadcastReader in each of the others. */
import { ChannelError } from "../../../src/core/errors.js";
import type { PacketDetails, PacketPort } from "../../../src/core/packet-port.js";
import {
  CURSOR,
  HEAD,
  OLDEST,
  OLDEST_SEQUENCE,
  type Place,
  SLEEP,
  STATE,
} from "../../../src/mechanisms/shared-buffer/broadcast/broadcast-layout.js";
import { EAGAIN } from "../../../src/native/constants.js";
import { EventLoop } from "./event-loop.js";
import type { ModelProcess, Program, Specification } from "./explore.js";
import { ModelBuffer } from "./globals.js";
import { type Changes, loadVariant } from "./variant.js";

const folder = "mechanisms/shared-buffer/";
const names = ["broadcast-writer.ts", "broadcast-reader.ts", "follow-port.ts", "admitted-follower.ts"];
const files = [
  ...names.map((name) => `${folder}broadcast/${name}`),
  `${folder}memory-order.ts`,
  "mechanisms/next-turn.ts",
];

interface Writer {
  readonly end: Place;
  readonly oldest: Place;
  write(packets: readonly Uint8Array[], start: number, end: number): number;
  finish(): void;
  modelState(): unknown;
}

interface Follower {
  wake(): void;
  modelState(): unknown;
}

/** The code of a broadcast, as it is or with a fault. */
export interface BroadcastCode {
  readonly BroadcastWriter: new (core: object, capacity: number, details: object) => Writer;
  readonly AdmittedFollower: new (core: object, fd: number, map: object, gone: () => void) => Follower;
  readonly FollowPort: new (options: object) => PacketPort & { modelState(): unknown };
  /** Where its positions begin. */
  readonly start: number;
}

/** Loads it. `changes`: faults, by file in src/mechanisms/shared-buffer/broadcast. */
export async function broadcastCode(
  start: number,
  changes: Changes = {},
  inOrder = true,
): Promise<BroadcastCode> {
  const writer = ["tail", "head", "oldest"].map(
    (name) => [`#${name} = 0;`, `#${name} = ${start | 0};`] as const,
  );
  const all: Record<string, readonly (readonly [string, string])[]> = {
    [`${folder}broadcast/broadcast-writer.ts`]: [
      ...writer,
      ["#oldestPosition = 0;", `#oldestPosition = ${start};`],
      // A model's bytes have a method of their own.
      ["copyInto(bytes, packet, at + HEADER_BYTES)", "bytes.set(packet, at + HEADER_BYTES)"],
    ],
    [`${folder}memory-order.ts`]: [['process.arch === "x64"', String(inOrder)]],
  };
  for (const [file, list] of Object.entries(changes)) {
    const path = `${folder}broadcast/${file}`;
    all[path] = [...(all[path] ?? []), ...list];
  }
  const code = await loadVariant<BroadcastCode>(files, all);
  const { BroadcastWriter, AdmittedFollower, FollowPort } = code;
  return { BroadcastWriter, AdmittedFollower, FollowPort, start };
}

// ---- where everything is ---------------------------------------------------------------------------------------------

/** Indices of 32-bit words in the page of the writer, and in that of a follower. */
const control = [HEAD, STATE, OLDEST * 2, OLDEST_SEQUENCE * 2];
const page = [SLEEP, CURSOR * 2];

/** Of each follower: its page, its bell, whether it was admitted, and where it begins. */
const OF_FOLLOWER = 6;

export class BroadcastWords {
  readonly capacity: number;
  readonly words: number;
  readonly ended: number;
  readonly #followers: number;

  constructor(capacity: number, followers: number) {
    this.capacity = capacity;
    this.#followers = control.length + capacity / 4;
    this.ended = this.#followers + followers * OF_FOLLOWER;
    this.words = this.ended + 1;
  }

  /** Words of a follower, from 0: its page. */
  page(follower: number): number {
    return this.#followers + follower * OF_FOLLOWER;
  }

  bell(follower: number): number {
    return this.page(follower) + 2;
  }

  /** 1 once it is admitted; then the position and the sequence number at which it begins. */
  hello(follower: number): number {
    return this.page(follower) + 3;
  }

  initial(start: number): Record<number, number> {
    return { 0: start | 0, 2: start };
  }

  /** The memory of the writer, and the page of a follower, as they are mapped. */
  core(follower: number | undefined, more: object): object {
    const { capacity } = this;
    const find = (list: readonly number[], first: number) => (index: number) =>
      list.includes(index) ? first + list.indexOf(index) : undefined;
    const ring = (index: number): number | undefined =>
      index >= 0 && index < capacity / 2 ? control.length + (index & (capacity / 4 - 1)) : undefined;
    return {
      pageSize: () => 4096,
      createUnsealed: () => RING_FD,
      seal: () => 0,
      mapMemory: (fd: number) =>
        new ModelBuffer(
          fd === RING_FD ? find(control, 0) : find(page, this.page(follower ?? fd - RING_FD - 1)),
          4096,
        ),
      mapRing: () => new ModelBuffer(ring, 2 * capacity),
      unmapMemory: () => undefined,
      close: () => undefined,
      ...more,
    };
  }
}

const RING_FD = 3;

// ---- the writer ------------------------------------------------------------------------------------------------------

export interface Broadcasting {
  readonly messages: number;
  /** How many of them are written before anybody follows. */
  readonly before?: number;
  readonly followers: number;
  /** How many are written before those who sleep are woken. */
  readonly batch?: number;
  /** The last follower comes at any time. */
  readonly isLate?: boolean;
  readonly closes?: boolean;
}

const PAYLOAD = 8;
const second = (number: number): number => number * 3 + 1;

function messageOf(number: number): Uint8Array {
  const bytes = new DataView(new ArrayBuffer(PAYLOAD));
  bytes.setInt32(0, number, true);
  bytes.setInt32(4, second(number), true);
  return new Uint8Array(bytes.buffer);
}

/** Process 1. */
export function broadcaster(code: BroadcastCode, where: BroadcastWords, use: Broadcasting): Program {
  return (process) => {
    const loop = new EventLoop();
    const { followers, isLate = false, messages, before = 0, batch = 1, closes = false } = use;
    const core = where.core(undefined, {
      ringBell: (fd: number) =>
        process.call(`rings for ${fd}`, (words) => {
          words[where.bell(fd)] = 1;
          return 0;
        }),
    }) as { mapMemory(fd: number): object };
    const writer = new code.BroadcastWriter(core, where.capacity, {});
    const admitted: Follower[] = [];
    const admit = (): void => {
      const follower = admitted.length;
      admitted.push(
        new code.AdmittedFollower(core, follower, core.mapMemory(RING_FD + 1 + follower), () => undefined),
      );
      const { position, sequence } = writer.oldest;
      process.call(`admits ${follower}, which`, (words) => {
        words.splice(where.hello(follower), 3, 1, position, sequence);
        return 0;
      });
    };
    const write = (from: number, to: number): void => {
      const packets = Array.from({ length: to - from }, (_, index) => messageOf(from + index));
      writer.write(packets, 0, packets.length);
    };
    process.quietly(() => {
      write(0, before);
    });
    while (admitted.length < followers - Number(isLate)) admit();
    for (let next = before; next < messages;) {
      process.settle([
        next,
        admitted.map((follower) => follower.modelState()),
        writer.modelState(),
        loop.isBusy,
      ]);
      if (admitted.length < followers && process.choose("to admit", 2) === 1) admit();
      const end = Math.min(next + batch, messages);
      write(next, end);
      process.note(`sent ${end}`);
      for (const follower of admitted) follower.wake();
      next = end;
    }
    process.settle("done");
    while (admitted.length < followers) admit();
    process.settle("finished");
    if (closes) writer.finish();
    else process.call("rests", () => undefined);
  };
}

/** The kernel closes the sockets of a writer that dies or ends. */
export function endWriter(where: BroadcastWords): (words: number[], id: number) => void {
  return (words, id) => {
    if (id === 1) words[where.ended] = 1;
  };
}

// ---- a follower ------------------------------------------------------------------------------------------------------

/** Processes from 2 on. */
export function follower(code: BroadcastCode, where: BroadcastWords): Program {
  return (process) => {
    const self = process.id - 2;
    const loop = new EventLoop();
    process.call("waits to be admitted, which", (words) => (words[where.hello(self)] === 1 ? 1 : undefined));
    const position = process.call("is told a position, which", (words) => words[where.hello(self) + 1]);
    const sequence = process.call("is told a number, which", (words) => words[where.hello(self) + 2]);
    const core = where.core(self, { clearBell: () => clearBell(process, where) });
    const place = { position, sequence };
    const hello = {
      pageSize: 4096,
      capacity: where.capacity,
      ringFd: RING_FD,
      pageFd: RING_FD + 1,
      now: place,
      oldest: place,
    };
    const port = new code.FollowPort({
      core,
      fd: 9,
      hello,
      from: "oldest",
      maxMessageSize: PAYLOAD,
      address: "model",
    });
    let isOver = false;
    let next = sequence;
    port.start({
      packet: (bytes: Buffer, details?: PacketDetails) => {
        const number = bytes.readInt32LE(0);
        if (bytes.length !== PAYLOAD || bytes.readInt32LE(4) !== second(number))
          throw new Error(`a message is torn: ${bytes.toString("hex")}`);
        const missed = details?.missed ?? 0;
        if (number !== next + missed)
          throw new Error(
            `message ${number} comes after message ${next - 1}, and ${missed} are said to be missed`,
          );
        next = number + 1;
        process.note(`received ${next}`);
        return true;
      },
      arrived: () => undefined,
      writable: () => undefined,
      ended: () => {
        isOver = true;
      },
      spoiled: (error) => {
        throw error;
      },
      fail: (error) => {
        if (!(error instanceof ChannelError) || error.code !== "ERR_PEER_DIED") throw error;
        isOver = true;
      },
      released: () => undefined,
    });
    port.resume();
    for (;;) {
      process.settle([port.modelState(), next, isOver, loop.isBusy]);
      if (isOver) {
        process.note("told");
        process.stay();
        return;
      }
      loop.turn((wait) => isReady(process, where, wait), true);
    }
  };
}

function clearBell(process: ModelProcess, where: BroadcastWords): number {
  const bell = where.bell(process.id - 2);
  return process.call("clears its bell, which", (words) => {
    const rung = words[bell]!;
    words[bell] = 0;
    if (rung > 0) return rung;
    return words[where.ended] === 1 ? 0 : -EAGAIN;
  });
}

function isReady(process: ModelProcess, where: BroadcastWords, wait: boolean): boolean {
  const bell = where.bell(process.id - 2);
  const result = process.call(
    wait ? "waits for its socket, which" : "looks at its socket, which",
    (words) => {
      const ready = words[bell] === 1 || words[where.ended] === 1;
      return wait && !ready ? undefined : Number(ready);
    },
  );
  return result === 1;
}

// ---- what is promised ------------------------------------------------------------------------------------------------

interface BroadcastFacts {
  readonly sent: number;
  /** Of each follower: the number of the next message. */
  readonly next: readonly number[];
  readonly told: readonly boolean[];
}

/** What a broadcast promises: each follower that lives gets to the last message, or is told that the writer has gone. */
export function broadcastSpecification(
  where: BroadcastWords,
  followers: number,
): Specification<BroadcastFacts> {
  const set = <T>(list: readonly T[], id: number, value: T): T[] =>
    list.map((other, at) => (at === id - 2 ? value : other));
  return {
    facts: {
      sent: 0,
      next: Array.from({ length: followers }, () => 0),
      told: Array.from({ length: followers }, () => false),
    },
    event(facts, id, text) {
      const [event, value] = text.split(" ");
      if (event === "sent") return { ...facts, sent: Number(value) };
      if (event === "received") return { ...facts, next: set(facts.next, id, Number(value)) };
      return { ...facts, told: set(facts.told, id, true) };
    },
    death: (facts) => facts,
    end({ sent, next, told }, words) {
      const hasEnded = words[where.ended] === 1;
      for (let index = 0; index < followers; index++) {
        const isAdmitted = words[where.hello(index)] === 1;
        if (!isAdmitted) continue;
        if (hasEnded && told[index] !== true)
          throw new Error(`follower ${index} is not told that the writer has gone`);
        if (!hasEnded && next[index] !== sent)
          throw new Error(`follower ${index} sleeps at message ${next[index]} of ${sent}`);
      }
    },
  };
}
