import { expect, test } from "vitest";
import { Deque } from "../../src/core/deque.js";
import { PacketBatch } from "../../src/core/packet-batch.js";

const packet = (number: number): Buffer => Buffer.alloc(number % 7, number);

/** What is in a queue, which is empty then. */
function contents(queue: Deque<Buffer>): Buffer[] {
  return queue.shiftMany(queue.length);
}

test("a batch says when the last packet is in for which there is room", () => {
  const batch = new PacketBatch();
  batch.limit(3, 1000);
  expect([1, 2, 3].map((number) => batch.push(packet(number)))).toEqual([true, true, false]);
  batch.clear();
  batch.limit(1000, 10);
  expect([9, 1, 1].map((length) => batch.push(Buffer.alloc(length)))).toEqual([true, false, false]);
  expect([batch.count, batch.bytes]).toEqual([3, 11]);
});

test("what was let go of does not come back", () => {
  const batch = new PacketBatch();
  const queue = new Deque<Buffer>();
  batch.limit(Infinity, Infinity);
  for (let number = 0; number < 100; number++) batch.push(packet(number));
  batch.clear();
  expect([batch.count, batch.bytes]).toEqual([0, 0]);
  batch.push(packet(1));
  batch.moveTo(queue);
  expect(contents(queue)).toEqual([packet(1)]);
});

test("moves everything, in order, into queues of which some are empty and some are not, and never keeps what it has moved", () => {
  const batch = new PacketBatch();
  batch.limit(Infinity, Infinity);
  const queues = [new Deque<Buffer>(), new Deque<Buffer>()];
  const expected: Buffer[][] = [[], []];
  const taken: { readonly got: Buffer[]; readonly expected: Buffer[] }[] = [];
  let number = 0;
  for (const [round, size] of [0, 1, 15, 16, 17, 300, 40, 2, 1000, 5, 64, 65, 0, 900].entries()) {
    const which = round & 1;
    for (let left = size; left > 0; left--) {
      batch.push(packet(++number));
      expected[which]!.push(packet(number));
    }
    batch.moveTo(queues[which]!);
    expect([batch.count, batch.bytes]).toEqual([0, 0]);
    if (round % 3 > 0) continue;
    taken.push({ got: contents(queues[which]!), expected: expected[which]!.splice(0) });
  }
  for (const which of [0, 1])
    taken.push({ got: contents(queues[which]!), expected: expected[which]!.splice(0) });
  for (const each of taken) expect(each.got).toEqual(each.expected);
  expect(taken.flatMap((each) => each.got)).toHaveLength(number);
});

test("hands its slots over only where they are used well, so that a queue of few messages does not hold many", () => {
  const batch = new PacketBatch();
  batch.limit(Infinity, Infinity);
  const fill = (count: number): void => {
    for (let number = 0; number < count; number++) batch.push(packet(number));
  };
  // How many slots a queue has shows in what it gives away: the rest of them is cut off.
  const taken: (Buffer | undefined)[][] = [];
  const queue = new Deque<Buffer>();
  const pushAll = queue.pushAll.bind(queue);
  queue.pushAll = (slots, count) => {
    const left = pushAll(slots, count);
    if (left !== slots) taken.push([...slots]);
    return left;
  };
  for (const count of [20_000, 1500, 1500, 1500, 1500, 1500, 1500]) {
    fill(count);
    batch.moveTo(queue);
    expect(contents(queue)).toHaveLength(count);
  }
  for (const slots of taken)
    expect(slots.filter((slot) => slot !== undefined).length).toBeGreaterThan(slots.length / 2);
  // After the large batch it has become small in turn, and is handed over again.
  expect(taken.length).toBeGreaterThanOrEqual(3);
});

test("keeps no more slots than a turn needs, whatever came once", () => {
  const batch = new PacketBatch();
  batch.limit(Infinity, Infinity);
  const sizes: number[] = [];
  const queue = new Deque<Buffer>();
  const pushAll = queue.pushAll.bind(queue);
  queue.pushAll = (slots, count) => {
    sizes.push(slots.length);
    return pushAll(slots, count);
  };
  for (const count of [100_000, 1, 1, 1, 1, 1]) {
    for (let number = 0; number < count; number++) batch.push(packet(number));
    batch.moveTo(queue);
    expect(contents(queue)).toHaveLength(count);
  }
  expect(sizes[0]).toBe(131_072);
  expect(sizes[1]).toBe(16_384);
  expect(sizes.at(-1)).toBe(1024);
});
