import { describeChannelContract } from "./contract.js";
import { maker } from "./makers/tcp-socket.js";

describeChannelContract(maker);
