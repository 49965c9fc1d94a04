import { describeChannelContract } from "./contract.js";
import { maker } from "./makers/message-queue.sysv.js";

describeChannelContract(maker);
