import { describeChannelContract } from "./contract.js";
import { maker } from "./makers/unix-dgram-pair.native.js";

describeChannelContract(maker);
