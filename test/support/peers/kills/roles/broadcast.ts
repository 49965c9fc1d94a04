import { SharedBuffer } from "sluice";
import { checkMessage, lengthOf, messageOf } from "../../../../mechanisms/shared-buffer/pattern.js";
import { numberOf, type Role, textOf } from "./plan.js";

/** The writer and a follower of a broadcast. The ring is small, so that the writer overtakes. */
export const broadcastRoles: Readonly<Record<string, Role>> = {
  async "broadcast writer"(args) {
    const sender = await SharedBuffer.broadcast(textOf(args, "path"), {
      capacity: numberOf(args, "capacity"),
    });
    console.log("listening");
    while (sender.followers === 0) await new Promise((resolve) => setImmediate(resolve));
    const messages = numberOf(args, "messages");
    for (let sequence = 0; sequence < messages; sequence++) {
      await sender.send(messageOf(sequence, lengthOf(sequence, 4, 1000)));
      if (sequence % 16 === 15) await new Promise((resolve) => setImmediate(resolve));
    }
    await sender.close();
  },
  async "broadcast follower"(args) {
    const follower = await SharedBuffer.follow(textOf(args, "path"), { receiveQueue: { messages: 64 } });
    console.log("following");
    const messages = numberOf(args, "messages");
    let next = 0;
    while (next < messages) {
      const { message, missed = 0 } = await follower.receiveEnvelope();
      next += missed;
      checkMessage(message, next, lengthOf(next, 4, 1000));
      next++;
    }
    await follower.close();
  },
};
