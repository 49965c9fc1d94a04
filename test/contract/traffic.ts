import { ChannelError } from "sluice";
import type { End } from "./maker.js";

/** Messages that both sides can make: contents and length follow from the plan and the sequence number. */
export interface Plan {
  readonly seed: number;
  readonly least: number;
  /** Most messages have at most this many bytes … */
  readonly usual: number;
  /** … and one in fifty up to this many. */
  readonly most: number;
  /**
   * After so many messages the first come again, the same Buffers: for a flood that nothing ever holds up. Its own garbage alone would be 50 MB, before the collector
   * looks after it.
   */
  readonly rotation?: number;
}

/** How messages are sent and received. */
export type Manner = "one by one" | "many at once";

/** A number that follows from two others and looks random, 0 to 2^32 - 1 (the mixing of murmur3). */
function scatter(seed: number, sequence: number): number {
  let value = (seed ^ Math.imul(sequence + 1, 0x9e3779b1)) >>> 0;
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}

/** The length of a message. */
export function sizeOf(plan: Plan, sequence: number): number {
  const random = scatter(plan.seed, sequence);
  const most = random % 50 === 0 ? plan.most : plan.usual;
  return plan.least + (scatter(random, sequence) % (most - plan.least + 1));
}

/** A message of this length that no other sequence number has. */
export function compose(sequence: number, size: number): Buffer {
  const message = Buffer.allocUnsafe(size).fill(scatter(7, sequence) & 0xff);
  if (size >= 4) message.writeUInt32LE(sequence, 0);
  // A message whose end is that of another is torn.
  if (size >= 8) message.writeUInt32LE(scatter(size, sequence), size - 4);
  return message;
}

/** Gives each message of a plan by its number. */
export function messagesOf(plan: Plan): (sequence: number) => Buffer {
  const { rotation } = plan;
  if (rotation === undefined) return (sequence) => compose(sequence, sizeOf(plan, sequence));
  const messages = Array.from({ length: rotation }, (_, sequence) =>
    compose(sequence, sizeOf(plan, sequence)),
  );
  return (sequence) => messages[sequence % rotation]!;
}

/** Throws unless this is the message. */
export function verify(message: Buffer, sequence: number, size: number): void {
  if (message.length !== size)
    throw new Error(`message ${sequence} has ${message.length} bytes instead of ${size}`);
  if (!message.equals(compose(sequence, size))) {
    const claimed = size >= 4 ? `; it says that it is ${message.readUInt32LE(0)}` : "";
    throw new Error(`message ${sequence} of ${size} bytes is not the one that was sent${claimed}`);
  }
}

/** Sends messages `from` to `to - 1` of a plan. */
export async function sendPlan(
  end: End,
  plan: Plan,
  from: number,
  to: number,
  manner: Manner,
): Promise<void> {
  if (manner === "many at once") {
    await end.sendMany(composeAll(plan, from, to));
    return;
  }
  for (let sequence = from; sequence < to; sequence++)
    await end.send(compose(sequence, sizeOf(plan, sequence)));
}

function* composeAll(plan: Plan, from: number, to: number): Generator<Buffer> {
  for (let sequence = from; sequence < to; sequence++) yield compose(sequence, sizeOf(plan, sequence));
}

/** Receives and verifies messages `from` to `to - 1` of a plan. */
export async function receivePlan(
  end: End,
  plan: Plan,
  from: number,
  to: number,
  manner: Manner,
): Promise<void> {
  let sequence = from;
  while (sequence < to) {
    const messages =
      manner === "one by one" ? [await end.receive()] : await end.receiveMany({ max: to - sequence });
    for (const message of messages) {
      verify(message, sequence, sizeOf(plan, sequence));
      sequence++;
    }
  }
}

/** What a pump came to. */
export interface Outcome {
  readonly count: number;
  /** The code of the error that ended it. */
  readonly code: string;
}

/** Receives and verifies until nothing more comes. `progress` is told each count. */
export async function receiveToEnd(
  end: End,
  plan: Plan,
  from: number = 0,
  progress?: (count: number) => void,
): Promise<Outcome> {
  let count = from;
  try {
    for (;;) {
      for (const message of await end.receiveMany()) {
        verify(message, count, sizeOf(plan, count));
        count++;
      }
      progress?.(count);
    }
  } catch (error) {
    return { count, code: codeOfChannelError(error) };
  }
}

/** Sends until the channel refuses. `progress` is told each count; `extra` may send more after each message, and says how many have been sent then. */
export async function sendToEnd(
  end: End,
  plan: Plan,
  progress?: (count: number) => void,
  extra?: (count: number) => number,
): Promise<Outcome> {
  const messageAt = messagesOf(plan);
  let count = 0;
  try {
    for (;;) {
      await end.send(messageAt(count));
      count++;
      if (extra !== undefined) count = extra(count);
      progress?.(count);
    }
  } catch (error) {
    return { count, code: codeOfChannelError(error) };
  }
}

function codeOfChannelError(error: unknown): string {
  if (error instanceof ChannelError) return error.code;
  throw error;
}
