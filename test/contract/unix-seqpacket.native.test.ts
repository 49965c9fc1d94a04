import { describeChannelContract } from "./contract.js";
import { maker } from "./makers/unix-seqpacket.native.js";

describeChannelContract(maker);
