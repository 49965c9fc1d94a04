import { describeChannelContract } from "./contract.js";
import { maker } from "./makers/anonymous-pipe.js";

describeChannelContract(maker);
