// Sequenced packets and datagrams, with either engine.
import { UnixSocket } from "sluice";
import type { Contestant, Style } from "../sides/contestant.js";
import { type Carrier, each, hostOf, many } from "./sluice.js";

type Engine = "native" | "node-unix-socket";

/** Sequenced packets. */
export function seqpacket(engine: Engine): Contestant<Carrier> {
  const type = "seqpacket";
  return {
    guest: "process",
    async listen({ folder, guests }) {
      return hostOf(await UnixSocket.listen(`${folder}/packets`, { type, engine }), guests);
    },
    connect: ({ folder }) => UnixSocket.connect(`${folder}/packets`, { type, engine }),
    styles: { each, many },
  };
}

/** A bound socket has no peer of its own: each answer names its receiver. */
async function answer(channel: Carrier): Promise<void> {
  for (;;) {
    const { message, from } = await channel.receiveEnvelope();
    if (from === undefined) throw new Error("a datagram came from a socket without a name");
    await channel.send(message, { to: from });
  }
}

/** The package does not tell who sends, so a receiver on it has to take messages of all. */
const allowFor = (engine: Engine): { allow?: "anyone" } => (engine === "native" ? {} : { allow: "anyone" });

/** Datagrams: the host binds, the guest connects. */
export function datagrams(engine: Engine): Contestant<Carrier> {
  const answering: Style<Carrier> = { ...each, answer };
  return {
    guest: "process",
    async listen({ folder }) {
      const socket = await UnixSocket.bind(`${folder}/datagrams`, { engine, ...allowFor(engine) });
      return { accept: () => Promise.resolve([socket]), close: () => socket.close() };
    },
    connect: ({ folder }) =>
      UnixSocket.connect(`${folder}/datagrams`, { type: "dgram", engine, ...allowFor(engine) }),
    styles: { each: answering, many },
  };
}
