import { describeChannelContract } from "./contract.js";
import { maker } from "./makers/unix-seqpacket.node-unix-socket.js";

describeChannelContract(maker);
