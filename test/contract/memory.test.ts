import { describeChannelContract } from "./contract.js";
import { maker } from "./makers/memory.js";

describeChannelContract(maker);
