// The models run the code of src/ on a memory and a bell of their own. Here both are compared with the real ones.
import { expect, test } from "vitest";
import { Deque } from "../../../src/core/deque.js";
import type { PacketBatch } from "../../../src/core/packet-batch.js";
import { RingReader } from "../../../src/mechanisms/shared-buffer/ring-reader.js";
import { RingWriter } from "../../../src/mechanisms/shared-buffer/ring-writer.js";
import { HEAD, TAIL } from "../../../src/mechanisms/shared-buffer/ring-layout.js";
import type { RingMemory } from "../../../src/mechanisms/shared-buffer/ring-memory.js";
import { loadCore, SOCK_STREAM } from "../../../src/native/binding.js";
import { randomNumbers, rounds, seed } from "../../support/campaign.js";
import { explore } from "../../support/model/explore.js";
import { ModelBuffer } from "../../support/model/globals.js";
import { arrayOver } from "../../support/model/shared-words.js";
import { bellOf, ringCode, ringWords } from "../../support/model/ring.js";

test(`the bell of the core does what the bell of the model does, in a random order of strokes and ends (seed ${seed})`, () => {
  const core = loadCore();
  const random = randomNumbers(seed);
  for (let round = 0; round < rounds(50, 5000); round++) {
    const pair = new Int32Array(2);
    expect(core.socketPair(SOCK_STREAM, pair)).toBe(0);
    const where = ringWords(16);
    const words = Array.from({ length: where.words }, () => 0);
    const model = [0, 1].map((self) => bellOf(where, self));
    let isOpen = true;
    for (let step = 0; step < 20 && isOpen; step++) {
      const choice = random();
      if (choice < 0.5) expect(core.ringBell(pair[0]!)).toBe(model[0]!.ring(words));
      else if (choice < 0.95)
        expect(Math.sign(core.clearBell(pair[1]!))).toBe(Math.sign(model[1]!.clear(words)));
      else {
        core.close(pair[0]!);
        words[where.ended[0]!] = 1;
        isOpen = false;
      }
    }
    if (isOpen) {
      core.close(pair[0]!);
      words[where.ended[0]!] = 1;
    }
    // First what was rung before the end, then the end.
    for (let look = 0; look < 2; look++)
      expect(Math.sign(core.clearBell(pair[1]!))).toBe(Math.sign(model[1]!.clear(words)));
    expect(core.ringBell(pair[1]!)).toBe(model[1]!.ring(words));
    core.close(pair[1]!);
  }
});

const CAPACITY = 32;

/** Fills the ring, empties it and fills it again. */
function traffic(writer: RingWriter, reader: RingReader): number[] {
  const lengths: number[] = [];
  const sink = {
    limit: (batch: PacketBatch) => {
      batch.limit(Infinity, Infinity);
    },
    take: (batch: PacketBatch) => {
      const queue = new Deque<Buffer>();
      batch.moveTo(queue);
      for (let payload = queue.shift(); payload !== undefined; payload = queue.shift())
        lengths.push(payload.length);
    },
    oversized: () => undefined,
  };
  const packets = [8, 4, 8].map((length) => new Uint8Array(length));
  for (let next = 0; next < packets.length;) {
    next += writer.write(packets, next, packets.length);
    reader.copyOut(sink, Infinity, Infinity);
    reader.giveBack(reader.cursor);
  }
  return lengths;
}

/** What the real ring does to the control words, on real memory. */
function realTrace(): string[] {
  const trace: string[] = [];
  const words = new Map<object, readonly [Int32Array, string]>();
  const watched = (name: string): Int32Array => {
    const array = new Int32Array(64);
    const proxy = new Proxy(array, {
      get: (target, property) => {
        if (typeof property === "string" && /^\d+$/.test(property)) trace.push(`${name} read ${property}`);
        return Reflect.get(target, property, target) as unknown;
      },
    });
    words.set(proxy, [array, name]);
    return proxy;
  };
  const [server, client, ring] = [watched("server"), watched("client"), new ArrayBuffer(2 * CAPACITY)];
  const { load, store } = Atomics;
  Object.assign(Atomics, {
    load: (array: Int32Array, index: number) => {
      const [real, name] = words.get(array) ?? [array, ""];
      trace.push(`${name} read ${index}`);
      return load(real, index);
    },
    store: (array: Int32Array, index: number, value: number) => {
      const [real, name] = words.get(array) ?? [array, ""];
      trace.push(`${name} store ${index} ${value}`);
      return store(real, index, value);
    },
  });
  try {
    const memory = { capacity: CAPACITY, outgoing: ring, incoming: ring };
    const writer = new RingWriter({ ...memory, own: server, peer: client } as unknown as RingMemory);
    const reader = new RingReader({ ...memory, own: client, peer: server } as unknown as RingMemory, 8);
    expect(traffic(writer, reader)).toEqual([8, 4, 8]);
  } finally {
    Object.assign(Atomics, { load, store });
  }
  return trace;
}

/** What its copy does in a model. */
async function modelTrace(): Promise<string[]> {
  const code = await ringCode(0);
  const where = ringWords(CAPACITY);
  const places: Readonly<Record<number, number>> = { [TAIL]: 0, [HEAD]: 1 };
  const control = (side: number): Int32Array =>
    arrayOver(
      (index) => (places[index] === undefined ? undefined : (where.own[side] ?? 0) + places[index]),
      64,
    );
  const ring = new ModelBuffer((index) => (where.ring[0] ?? 0) + (index & (CAPACITY / 4 - 1)), 2 * CAPACITY);
  const memory = { capacity: CAPACITY, outgoing: ring, incoming: ring };
  // There is one order of the steps of one process: the end tells it.
  const alone = (): void =>
    void explore({
      words: where.words,
      processes: [
        () => {
          const writer = new code.RingWriter({
            ...memory,
            own: control(0),
            peer: control(1),
          } as unknown as RingMemory);
          const reader = new code.RingReader(
            { ...memory, own: control(1), peer: control(0) } as unknown as RingMemory,
            8,
          );
          traffic(writer, reader);
        },
      ],
      specification: {
        facts: null,
        event: () => null,
        death: () => null,
        end: () => {
          throw new Error("the end");
        },
      },
    });
  let told = "";
  try {
    alone();
  } catch (error) {
    told = String(error);
  }
  const names = new Map(
    [0, 1].flatMap((side) =>
      [TAIL, HEAD].map(
        (word, at) => [(where.own[side] ?? 0) + at, `${side === 0 ? "server" : "client"}#${word}`] as const,
      ),
    ),
  );
  return [...told.matchAll(/^1 (read|load|store)s (\d+): (-?\d+)/gm)].flatMap(
    ([, step = "", word, value = ""]) => {
      const [name, index] = names.get(Number(word))?.split("#") ?? [];
      if (name === undefined || index === undefined) return [];
      return [step === "store" ? `${name} store ${index} ${value}` : `${name} read ${index}`];
    },
  );
}

test("the real ring does to its control words what its copy does in the model, step by step", async () => {
  const real = realTrace();
  expect(real.length).toBeGreaterThan(4);
  expect(await modelTrace()).toEqual(real);
});
