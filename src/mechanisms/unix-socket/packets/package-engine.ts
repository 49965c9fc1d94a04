import { unsupported } from "../../../core/errors.js";
import { joinPair } from "./datagram-pair.js";
import type { CreatedPort, PacketEngine, PacketPortOptions } from "./engine.js";
import { prepareSocket } from "./message-size.js";
import { loadAddon } from "./package-addon.js";
import { PackagePort } from "./package-port.js";
import { packetTraits } from "./traits.js";

/** Packets by node-unix-socket over sockets of the native core. */
export const packageEngine: PacketEngine = {
  name: "node-unix-socket",
  prepare(fd, options) {
    prepareSocket(fd, options);
  },
  createPort(fd, options) {
    return create(fd, options);
  },
  createPair([leftFd, rightFd], options) {
    const left = create(leftFd, options);
    const right = create(rightFd, options);
    if (options.type === "dgram") joinPair(left.port, right.port);
    return [left, right];
  },
};

function create(fd: number, options: PacketPortOptions): CreatedPort & { readonly port: PackagePort } {
  if (options.admission?.authorisation.isOpen === false) {
    throw unsupported(
      `Cannot check who sends on unix-${options.type}: the engine "node-unix-socket" does not tell; use engine "native", or allow: "anyone"`,
      { operation: "open", mechanism: `unix-${options.type}`, address: options.address },
    );
  }
  loadAddon("open", `unix-${options.type}`);
  const maxMessageSize = prepareSocket(fd, options);
  return {
    port: new PackagePort(fd, options, maxMessageSize),
    traits: packetTraits(options.type, "node-unix-socket", maxMessageSize),
    ...(options.type === "seqpacket" ? { refusal: refuseEmpty } : {}),
  };
}

/** The package reads an empty seqpacket message as it reads the end. */
export function refuseEmpty(payload: Uint8Array): string | undefined {
  return payload.length > 0
    ? undefined
    : 'the engine "node-unix-socket" cannot tell an empty message from the end; send one byte or more, or use engine "native"';
}
