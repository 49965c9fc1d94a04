import { udpMaker } from "../internet.js";
import type { Maker } from "../maker.js";

export const maker: Maker = udpMaker("udp-socket");
