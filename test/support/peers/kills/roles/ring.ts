import { SharedBuffer, type SharedBufferChannel } from "sluice";
import { converse, openBoard } from "./ring-traffic.js";
import { type Arguments, numberOf, type Role, textOf } from "./plan.js";

/** Both ends of a channel over shared memory, and its listener. */
export const ringRoles: Readonly<Record<string, Role>> = {
  async "ring client"(args) {
    const channel = await SharedBuffer.connect(textOf(args, "path"), { receiveQueue: { messages: 8 } });
    await talk(channel, args);
  },
  async "ring server"(args) {
    const capacity = numberOf(args, "capacity");
    const listener = await SharedBuffer.listen(textOf(args, "path"), {
      capacity,
      receiveQueue: { messages: 8 },
    });
    console.log("listening");
    await talk(await listener.accept(), args);
    await listener.close();
  },
};

async function talk(channel: SharedBufferChannel<Uint8Array, Buffer>, args: Arguments): Promise<void> {
  using board = openBoard(textOf(args, "board"));
  await converse(channel, numberOf(args, "messages"), (accepted) => {
    board.accepted[0] = accepted;
  });
  await channel.close();
}
