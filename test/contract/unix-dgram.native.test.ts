import { describeChannelContract } from "./contract.js";
import { maker } from "./makers/unix-dgram.native.js";

describeChannelContract(maker);
