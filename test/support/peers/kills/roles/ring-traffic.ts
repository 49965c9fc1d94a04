// What both ends of a ring say to each other: the victim and the test have the same code.
import { ChannelError, SharedBuffer, type SharedBufferChannel } from "sluice";
import { checkMessage, lengthOf, messageOf } from "../../../../mechanisms/shared-buffer/pattern.js";

type RingChannel = SharedBufferChannel<Uint8Array, Buffer>;

const LEAST = 4;
const MOST = 3000;
/** One message in so many is larger than what is copied together with others. */
const LARGE_EVERY = 23;
const LARGE = 20_000;

/** How long a message of this number is. */
function sizeOf(sequence: number): number {
  return sequence % LARGE_EVERY === 7 ? LARGE : lengthOf(sequence, LEAST, MOST);
}

/** A word that outlives the victim: what it has seen accepted. */
export interface Board extends Disposable {
  readonly accepted: Int32Array;
}

/** Opens the board of a test. */
export function openBoard(name: string): Board {
  const memory = SharedBuffer.open(name);
  const accepted = memory.view(Int32Array, 0, 1);
  return {
    accepted,
    [Symbol.dispose]: () => {
      memory.close();
    },
  };
}

/** What one end has seen of a conversation. */
export interface Outcome {
  readonly received: number;
  /** Why it ended before its time, where it did. */
  readonly receiveError: ChannelError | undefined;
  readonly sendError: ChannelError | undefined;
}

/** Sends numbered messages in every way there is, and receives and checks the other end's, as many of each. */
export async function converse(
  channel: RingChannel,
  messages: number,
  accepted: (count: number) => void = () => undefined,
): Promise<Outcome> {
  let received = 0;
  const receiving = receiveAll(channel, messages, () => received++).then(...settle);
  const sending = sendAll(channel, messages, accepted).then(...settle);
  const [receiveError, sendError] = await Promise.all([receiving, sending]);
  return { received, receiveError, sendError };
}

const settle = [
  () => undefined,
  (error: unknown) => {
    if (error instanceof ChannelError) return error;
    throw error;
  },
] as const;

async function sendAll(
  channel: RingChannel,
  messages: number,
  accepted: (count: number) => void,
): Promise<void> {
  let sequence = 0;
  while (sequence < messages) {
    const length = sizeOf(sequence);
    const message = messageOf(sequence, length);
    switch (sequence % 4) {
      case 0: {
        const loan = await channel.loan(length);
        message.copy(loan.bytes);
        loan.commit();
        break;
      }
      case 1: {
        let left = 1;
        await channel.sendInPlace(length, (memory, start) => {
          if (left-- === 0) return undefined;
          message.copy(memory, start);
          return length;
        });
        break;
      }
      default:
        await channel.send(message);
    }
    sequence++;
    accepted(sequence);
  }
  await channel.flush();
}

async function receiveAll(channel: RingChannel, messages: number, count: () => void): Promise<void> {
  for (let sequence = 0; sequence < messages; sequence++) {
    // Slow now and then, so that the ring gets full and the other end sleeps.
    if (sequence % 16 === 0) await new Promise((resolve) => setImmediate(resolve));
    if (sequence % 8 < 5) {
      checkMessage(await channel.receive(), sequence, sizeOf(sequence));
    } else {
      using loan = await channel.receiveLoan();
      checkMessage(loan.bytes, sequence, sizeOf(sequence));
    }
    count();
  }
}
