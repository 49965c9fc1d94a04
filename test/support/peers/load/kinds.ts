// The listeners that are tried with thousands of connections.
import { type Listener, SharedBuffer, TcpSocket, UnixSocket } from "sluice";
import type { End } from "../../../contract/maker.js";

/** A kind of listener. */
export type Kind = "unix-stream" | "unix-seqpacket" | "tcp-socket" | "shared-buffer";

/** Where one listens: a path, or a port. */
export type Where = string | number;

/** Two rings of this size a connection, of which only the pages that are written take memory. */
const CAPACITY = 65_536;

/** Opens a listener, and tells where. */
export async function listen(kind: Kind, folder: string): Promise<{ listener: Listener<End>; where: Where }> {
  const path = `${folder}/${kind}`;
  switch (kind) {
    case "unix-stream":
      return { listener: await UnixSocket.listen(path), where: path };
    case "unix-seqpacket":
      return { listener: await UnixSocket.listen(path, { type: "seqpacket" }), where: path };
    case "shared-buffer":
      return { listener: await SharedBuffer.listen(path, { capacity: CAPACITY }), where: path };
    case "tcp-socket": {
      const listener = await TcpSocket.listen({ port: 0 });
      return { listener, where: listener.address.port };
    }
  }
}

export function connect(kind: Kind, where: Where): Promise<End> {
  if (typeof where === "number") return TcpSocket.connect({ port: where });
  if (kind === "unix-seqpacket") return UnixSocket.connect(where, { type: "seqpacket" });
  return kind === "shared-buffer" ? SharedBuffer.connect(where) : UnixSocket.connect(where);
}

/** The message of a connection in a round: no other has the same. */
export function sequenceOf(connection: number, round: number): number {
  return connection * 100 + round;
}

/** Small ones, of many lengths. */
export function lengthOf(sequence: number): number {
  return 16 + (sequence % 701);
}
