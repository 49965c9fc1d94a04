import { describeChannelContract } from "./contract.js";
import { maker } from "./makers/message-queue.posix.js";

describeChannelContract(maker);
