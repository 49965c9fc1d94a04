import { describeChannelContract } from "./contract.js";
import { maker } from "./makers/shared-buffer.js";

describeChannelContract(maker);
