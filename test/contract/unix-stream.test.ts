import { describeChannelContract } from "./contract.js";
import { maker } from "./makers/unix-stream.js";

describeChannelContract(maker);
