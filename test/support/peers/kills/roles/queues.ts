import { MessageQueue, type MessageQueueChannel, type MessageQueueKind } from "sluice";
import { checkMessage, lengthOf, messageOf } from "../../../../mechanisms/shared-buffer/pattern.js";
import { type Arguments, numberOf, type Role, textOf } from "./plan.js";
import { openBoard } from "./ring-traffic.js";

/** Bytes of the messages in the queues. */
export const QUEUE_MESSAGE = { least: 4, most: 900 } as const;
/** What both sides and the test ask of the queue: as much as an unprivileged user may. */
export const QUEUE_LIMITS = { maxMessages: 10, maxMessageSize: 1024, mode: 0o622 } as const;

async function openQueue(
  args: Arguments,
  direction: "send" | "receive",
): Promise<MessageQueueChannel<Uint8Array, Buffer>> {
  const queue = await MessageQueue.open(textOf(args, "queue"), {
    kind: textOf(args, "kind") as MessageQueueKind,
    direction,
    create: true,
    ...QUEUE_LIMITS,
  });
  console.log("open");
  return queue;
}

/** Sender and receiver of a queue, which either of them makes. */
export const queueRoles: Readonly<Record<string, Role>> = {
  async "queue sender"(args) {
    const queue = await openQueue(args, "send");
    using board = openBoard(textOf(args, "board"));
    for (let sequence = 0; sequence < numberOf(args, "messages"); sequence++) {
      await queue.send(messageOf(sequence, lengthOf(sequence, QUEUE_MESSAGE.least, QUEUE_MESSAGE.most)));
      await queue.flush();
      board.accepted[0] = sequence + 1;
    }
    await queue.close();
  },
  async "queue receiver"(args) {
    const queue = await openQueue(args, "receive");
    using board = openBoard(textOf(args, "board"));
    for (let sequence = 0; sequence < numberOf(args, "messages"); sequence++) {
      const length = lengthOf(sequence, QUEUE_MESSAGE.least, QUEUE_MESSAGE.most);
      checkMessage(await queue.receive(), sequence, length);
      board.accepted[0] = sequence + 1;
    }
    await queue.close();
  },
};
