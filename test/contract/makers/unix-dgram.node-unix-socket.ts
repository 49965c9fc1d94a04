import type { Maker } from "../maker.js";
import { datagramMaker } from "../sockets.js";

export const maker: Maker = datagramMaker("unix-dgram.node-unix-socket", "node-unix-socket");
