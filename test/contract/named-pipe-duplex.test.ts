import { describeChannelContract } from "./contract.js";
import { maker } from "./makers/named-pipe-duplex.js";

describeChannelContract(maker);
