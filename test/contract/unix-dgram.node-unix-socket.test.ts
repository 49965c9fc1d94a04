import { describeChannelContract } from "./contract.js";
import { maker } from "./makers/unix-dgram.node-unix-socket.js";

describeChannelContract(maker);
