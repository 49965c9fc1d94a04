import { describeChannelContract } from "./contract.js";
import { maker } from "./makers/tcp-socket-tls.js";

describeChannelContract(maker);
