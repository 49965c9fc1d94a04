import type { Maker } from "../maker.js";
import { connectionMaker } from "../sockets.js";

export const maker: Maker = connectionMaker(
  "unix-seqpacket.node-unix-socket",
  "seqpacket",
  "node-unix-socket",
);
