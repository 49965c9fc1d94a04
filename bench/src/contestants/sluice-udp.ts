// Questions and answers only: what comes faster than it is read is dropped, and a one-way run needs every message.
import { UdpSocket } from "sluice";
import type { Contestant } from "../sides/contestant.js";
import { portOf, tellPort } from "./port.js";
import { type Carrier, each } from "./sluice.js";

const contestant: Contestant<Carrier> = {
  guest: "process",
  async listen(meeting) {
    const socket = await UdpSocket.bind();
    tellPort(meeting, socket.localAddress.port);
    return { accept: () => Promise.resolve([socket]), close: () => socket.close() };
  },
  connect: (meeting) => UdpSocket.connect({ port: portOf(meeting) }),
  styles: {
    each: {
      ...(each.ask === undefined ? {} : { ask: each.ask }),
      async answer(channel) {
        for (;;) {
          const { message, from } = await channel.receiveEnvelope();
          await channel.send(message, { to: from });
        }
      },
    },
  },
};

export default contestant;
