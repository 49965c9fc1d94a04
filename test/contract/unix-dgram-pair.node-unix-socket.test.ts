import { describeChannelContract } from "./contract.js";
import { maker } from "./makers/unix-dgram-pair.node-unix-socket.js";

describeChannelContract(maker);
