import { tcpMaker } from "../internet.js";
import type { Maker } from "../maker.js";

export const maker: Maker = tcpMaker("tcp-socket");
