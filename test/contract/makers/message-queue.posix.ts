import type { Maker } from "../maker.js";
import { queueMaker } from "../queues.js";

export const maker: Maker = queueMaker("posix");
