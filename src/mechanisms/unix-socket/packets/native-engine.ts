import { joinPair } from "./datagram-pair.js";
import type { CreatedPort, PacketEngine, PacketPortOptions } from "./engine.js";
import { JudgedPort } from "./judged-port.js";
import { prepareSocket } from "./message-size.js";
import { NativePort } from "./native-port.js";
import { packetTraits } from "./traits.js";

const NOBODY = { pid: 0, uid: -1, gid: -1 };

/** Packets by the native core: every feature of the kernel, several packets a call. */
export const nativeEngine: PacketEngine = {
  name: "native",
  prepare(fd, options) {
    prepareSocket(fd, options);
  },
  createPort(fd, options) {
    const { port, traits } = create(fd, options);
    const { admission } = options;
    const asks = admission?.authorisation.decide(NOBODY) === "ask";
    return { port: asks ? new JudgedPort(port, admission) : port, traits };
  },
  createPair([leftFd, rightFd], options) {
    const left = create(leftFd, options);
    const right = create(rightFd, options);
    if (options.type === "dgram") joinPair(left.port, right.port);
    return [left, right];
  },
};

function create(fd: number, options: PacketPortOptions): CreatedPort & { readonly port: NativePort } {
  const maxMessageSize = prepareSocket(fd, options);
  return {
    port: new NativePort(fd, options, maxMessageSize),
    traits: packetTraits(options.type, "native", maxMessageSize, (options.maxHandles ?? 0) > 0),
  };
}
