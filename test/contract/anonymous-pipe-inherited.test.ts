import { describeChannelContract } from "./contract.js";
import { maker } from "./makers/anonymous-pipe-inherited.js";

describeChannelContract(maker);
