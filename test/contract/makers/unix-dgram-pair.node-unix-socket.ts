import type { Maker } from "../maker.js";
import { socketPairMaker } from "../sockets.js";

export const maker: Maker = socketPairMaker("unix-dgram-pair.node-unix-socket", "dgram", "node-unix-socket");
