// Messages from one end to the other, and what may be said of them afterwards whatever went wrong in between.
import { ChannelError, type Channel } from "sluice";
import type { Stage } from "./stage.js";

type End = Pick<
  Channel<Uint8Array, Buffer>,
  "send" | "trySend" | "sendMany" | "flush" | "close" | "destroy"
> &
  Pick<Channel<Uint8Array, Buffer>, "receive" | "receiveMany">;

export interface TrafficOptions {
  /** Sizes of the messages, at least 4 bytes each. */
  readonly sizes?: readonly number[];
  /** Whether the receiver is told that the sender has gone. */
  readonly ends?: boolean;
  /** Whether nothing may be lost. */
  readonly reliable?: boolean;
}

// Where no end is told, so long after the last send may the last message come.
const PATIENCE_MS = 1000;
const usualSizes = [4, 100, 5000, 9, 8000, 64, 64, 64, 3000, 17];

/** The message of a number: its bytes follow from it, so that any change shows. */
function messageOf(index: number, size: number): Buffer {
  const message = Buffer.alloc(size, (index * 37 + 11) & 0xff);
  message.writeUInt32LE(index, 0);
  return message;
}

/**
 * Sends messages in every way there is, while the other end already waits for them and receives in every way. Judges the outcome: what was received is a
 * beginning of what was sent (without reliability: some of it), unaltered; where nobody was told of an error, nothing is missing.
 */
export async function traffic(
  stage: Stage,
  sender: End,
  receiver: End,
  options: TrafficOptions = {},
): Promise<void> {
  const { sizes = usualSizes, ends = true, reliable = true } = options;
  const messages = sizes.map((size, index) => messageOf(index, size));
  const received: Buffer[] = [];
  // Messages of which the caller was told that they may not have been sent.
  const refused = new Set<number>();
  const sending = send(sender, messages, refused).then(
    () => undefined,
    (error: unknown) => {
      sender.destroy();
      return { error };
    },
  );
  const receiving = receive(receiver, messages.length, received, ends ? undefined : sending).then(
    () => undefined,
    (error: unknown) => {
      receiver.destroy();
      // A queue belongs to neither: who sends would wait for room for ever.
      if (!ends) sender.destroy();
      return { error };
    },
  );
  const [failedSend, failedReceive] = await Promise.all([sending, receiving]);
  if (failedSend !== undefined) stage.met(failedSend.error, "sending");
  if (failedReceive !== undefined) stage.met(failedReceive.error, "receiving");
  judge(stage, messages, received, reliable ? refused : undefined);
  const nobodyKnows = failedSend === undefined && failedReceive === undefined;
  if (reliable && nobodyKnows && received.length < messages.length) {
    stage.problem(`LOST: ${received.length} of ${messages.length} messages came, and nobody was told`);
  }
}

async function send(sender: End, messages: readonly Buffer[], refused: Set<number>): Promise<void> {
  const told = async (first: number, end: number, accepted: Promise<void>): Promise<void> => {
    try {
      await accepted;
    } catch (error) {
      for (let index = first; index < end; index++) refused.add(index);
      throw error;
    }
  };
  const [first, second] = messages as [Buffer, Buffer];
  await told(0, 1, sender.send(first));
  if (!sender.trySend(second)) await told(1, 2, sender.send(second));
  const half = 2 + ((messages.length - 2) >> 1);
  await told(2, half, sender.sendMany(messages.slice(2, half)));
  await sender.flush();
  const last = messages
    .slice(half)
    .map((message, index) => told(half + index, half + index + 1, sender.send(message)));
  const outcomes = await Promise.allSettled(last);
  await sender.close();
  const failed = outcomes.find((outcome) => outcome.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}

/** Ends at the sender's end, or when all have come; where no end is told, some time after `sending`. */
async function receive(
  receiver: End,
  count: number,
  received: Buffer[],
  sending: Promise<unknown> | undefined,
): Promise<void> {
  const patience = new AbortController();
  void sending?.then(() => setTimeout(() => patience.abort(), PATIENCE_MS).unref());
  const wait = sending === undefined ? {} : { signal: patience.signal };
  try {
    // Where an end is told, it is waited for: only it says that there is nothing more.
    while (sending === undefined || received.length < count) {
      if (received.length % 3 === 1) received.push(...(await receiver.receiveMany(wait)));
      else received.push(await receiver.receive(wait));
    }
  } catch (error) {
    if (patience.signal.aborted && error === patience.signal.reason) return;
    // Who was not promised an end is told by it that something went wrong.
    if (sending === undefined && error instanceof ChannelError && error.code === "ERR_END_OF_CHANNEL") return;
    throw error;
  }
}

/** `refused` is absent where anything may get lost. */
function judge(
  stage: Stage,
  messages: readonly Buffer[],
  received: readonly Buffer[],
  refused: Set<number> | undefined,
): void {
  let last = -1;
  for (const message of received) {
    const index = message.length < 4 ? -1 : message.readUInt32LE(0);
    if (messages[index]?.equals(message) !== true) {
      stage.problem(
        `ALTERED: a message of ${message.length} bytes was never sent (${message.subarray(0, 8).toString("hex")})`,
      );
      return;
    }
    if (index <= last) {
      stage.problem(`DISORDER: message ${index} came after ${last}`);
      return;
    }
    for (let missed = last + 1; missed < index && refused !== undefined; missed++) {
      if (!refused.has(missed)) {
        stage.problem(`LOST: message ${missed} did not come, though ${index} did, and nobody was told`);
        return;
      }
    }
    last = index;
  }
}
