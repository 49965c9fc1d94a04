import path from "node:path";
import { type Allow, UnixSocket } from "sluice";
import { acceptOne, alreadyOpen, channelOptions, type Maker } from "./maker.js";

type Engine = "native" | "node-unix-socket";

const pathIn = (directory: string): string => path.join(directory, "socket");

/** What a socket of this engine can and cannot do. */
function abilities(
  type: "stream" | "seqpacket" | "dgram",
  engine: Engine,
): Pick<Maker, "emptyMessage" | "workers"> {
  const isPackage = engine === "node-unix-socket";
  return {
    emptyMessage: isPackage && type === "seqpacket" ? "ERR_INVALID_MESSAGE" : "carried",
    workers: !isPackage,
  };
}

/** A connection: the first end listens for one peer, the second connects. */
export function connectionMaker(name: string, type: "stream" | "seqpacket", engine: Engine): Maker {
  const choice = type === "stream" ? { type } : { type, engine };
  return {
    name,
    ways: ["first-to-second", "second-to-first"],
    first: async (directory, options) =>
      acceptOne(await UnixSocket.listen(pathIn(directory), { ...channelOptions(options), ...choice })),
    second: (directory, options) =>
      UnixSocket.connect(pathIn(directory), { ...channelOptions(options), ...choice }),
    twoProcesses: true,
    receiverSeesEnd: true,
    keepsAlive: true,
    capabilities: [],
    leaves: [],
    leavesWhenKilled: [],
    ...abilities(type, engine),
  };
}

/** Datagrams to a bound socket, which hears from everybody and so never sees an end. */
export function datagramMaker(name: string, engine: Engine): Maker {
  // The package does not tell who sent a message, so that nothing could be checked.
  const allow: Allow = engine === "native" ? "self" : "anyone";
  return {
    name,
    ways: ["second-to-first"],
    first: (directory, options) =>
      alreadyOpen(
        UnixSocket.bind(pathIn(directory), { ...channelOptions(options), type: "dgram", engine, allow }),
      ),
    second: (directory, options) =>
      UnixSocket.connect(pathIn(directory), { ...channelOptions(options), type: "dgram", engine, allow }),
    twoProcesses: true,
    receiverSeesEnd: false,
    keepsAlive: true,
    capabilities: [],
    leaves: [],
    // Nobody can remove the files of a killed process; the next to bind there takes its place.
    leavesWhenKilled: ["socket", "socket.lock"],
    ...abilities("dgram", engine),
  };
}

/** Both ends of a socketpair(2), which are in one process. */
export function socketPairMaker(name: string, type: "seqpacket" | "dgram", engine: Engine): Maker {
  const oneProcess = () => Promise.reject(new TypeError("UnixSocket.pair() has both ends in one process"));
  return {
    name,
    ways: ["first-to-second", "second-to-first"],
    first: oneProcess,
    second: oneProcess,
    pair: async (options) => UnixSocket.pair({ ...channelOptions(options), type, engine }),
    twoProcesses: false,
    receiverSeesEnd: true,
    keepsAlive: true,
    capabilities: [],
    leaves: [],
    leavesWhenKilled: [],
    ...abilities(type, engine),
  };
}
