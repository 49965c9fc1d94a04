import { maker } from "../makers/unix-seqpacket.node-unix-socket.js";
import { describeEndurance } from "./endurance.js";

describeEndurance(maker);
