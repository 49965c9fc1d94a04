import { describeChannelContract } from "./contract.js";
import { maker } from "./makers/named-pipe.js";

describeChannelContract(maker);
