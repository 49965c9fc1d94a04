/** The code of a connection over shared memory, as models run it, and the words that its two ends share. */
import type { PacketPort } from "../../../src/core/packet-port.js";
import { EAGAIN, EPIPE } from "../../../src/native/constants.js";
import {
  DATA_SLEEP,
  HEAD,
  ROOM_SLEEP,
  STATE,
  TAIL,
} from "../../../src/mechanisms/shared-buffer/ring-layout.js";
import type { RingReader } from "../../../src/mechanisms/shared-buffer/ring-reader.js";
import type { RingWriter } from "../../../src/mechanisms/shared-buffer/ring-writer.js";
import { type Changes, loadVariant } from "./variant.js";

const folder = "mechanisms/shared-buffer/";
const names = [
  "ring-port.ts",
  "ring-reader.ts",
  "ring-writer.ts",
  "room-lookout.ts",
  "spin.ts",
  "memory-order.ts",
];
const files = [...names.map((name) => `${folder}${name}`), "mechanisms/next-turn.ts"];

/** What the model needs of a RingPort, and of its parts. */
export interface Port extends PacketPort {
  readonly reader: { readonly cursor: number; modelState(): unknown };
  readonly writer: { readonly nextPayload: number; modelState(): unknown };
  tryLend(length: number): boolean;
  endLoan(length: number | undefined): void;
  readonly isClosed: boolean;
  lender: object;
  modelState(): unknown;
}

/** The code of a ring, as it is or with a fault. */
export interface RingCode {
  readonly RingPort: new (options: object) => Port;
  readonly RingReader: typeof RingReader;
  readonly RingWriter: typeof RingWriter;
  /** Where its positions begin. */
  readonly start: number;
}

/**
 * Loads the code of a ring.
 *
 * @param start - where its positions begin
 * @param changes - faults, by file in src/mechanisms/shared-buffer
 * @param inOrder - whether the CPU reads in order, so that plain reads serve
 */
export async function ringCode(start: number, changes: Changes = {}, inOrder = true): Promise<RingCode> {
  const all: Record<string, readonly (readonly [string, string])[]> = {
    "ring-writer.ts": [
      ["#tail = 0;", `#tail = ${start};`],
      ["#head = 0;", `#head = ${start};`],
      // A model's bytes have a method of their own.
      ["copyInto(bytes, packet, at + HEADER_BYTES)", "bytes.set(packet, at + HEADER_BYTES)"],
    ],
    "ring-reader.ts": [
      ["#cursor = 0;", `#cursor = ${start};`],
      ["#head = 0;", `#head = ${start};`],
    ],
    // A sender without room looks for it 16 times at first, later 4 to 64 times; here once or twice.
    "room-lookout.ts": [
      ["const FIRST_LOOKS = 16;", "const FIRST_LOOKS = 1;"],
      ["const MOST_LOOKS = 64;", "const MOST_LOOKS = 2;"],
      ["const LEAST_LOOKS = 4;", "const LEAST_LOOKS = 1;"],
    ],
    // It looks 64 times before it looks at the clock; here once.
    "spin.ts": [["const LOOKS = 64;", "const LOOKS = 1;"]],
    "memory-order.ts": [['process.arch === "x64"', String(inOrder)]],
  };
  for (const [file, list] of Object.entries(changes)) all[file] = [...(all[file] ?? []), ...list];
  const inSource = Object.fromEntries(Object.entries(all).map(([file, list]) => [`${folder}${file}`, list]));
  const code = await loadVariant<RingCode>(files, inSource);
  return { RingPort: code.RingPort, RingReader: code.RingReader, RingWriter: code.RingWriter, start };
}

// ---- where everything is ---------------------------------------------------------------------------------------------

/** The control words of a side, in this order. */
export const control: readonly number[] = [TAIL, HEAD, DATA_SLEEP, ROOM_SLEEP, STATE];

export interface RingWords {
  readonly capacity: number;
  readonly words: number;
  /** Of each process: the first of its control words. */
  readonly own: readonly number[];
  /** Of each process: the first word of the ring that it fills. */
  readonly ring: readonly number[];
  /** Of each process: whether the bell rings for it, and whether its end of the socket is closed. */
  readonly bell: readonly number[];
  readonly ended: readonly number[];
}

export function ringWords(capacity: number): RingWords {
  const size = capacity / 4;
  const ends = 10 + 2 * size;
  return {
    capacity,
    words: ends + 4,
    own: [0, 5],
    ring: [10, 10 + size],
    bell: [ends, ends + 1],
    ended: [ends + 2, ends + 3],
  };
}

/** What the words hold at first. */
export function ringAtStart({ own }: RingWords, start: number): Record<number, number> {
  return Object.fromEntries(
    own.flatMap((first) => [
      [first, start],
      [first + 1, start],
    ]),
  );
}

/** The kernel closes the socket of who dies. */
export function closeSocket({ ended }: RingWords): (words: number[], id: number) => void {
  return (words, id) => {
    words[ended[id - 1]!] = 1;
  };
}

/** The bell as a process hears and rings it: a socket in which one stroke is as good as many. */
export function bellOf(
  { bell, ended }: RingWords,
  self: number,
): Readonly<Record<"ring" | "clear", (words: number[]) => number>> {
  const other = 1 - self;
  return {
    ring: (words) => {
      if (words[ended[other]!] === 1) return -EPIPE;
      words[bell[other]!] = 1;
      return 0;
    },
    clear: (words) => {
      const rung = words[bell[self]!]!;
      words[bell[self]!] = 0;
      if (rung > 0) return rung;
      return words[ended[other]!] === 1 ? 0 : -EAGAIN;
    },
  };
}
