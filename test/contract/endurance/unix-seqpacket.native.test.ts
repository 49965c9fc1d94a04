import { maker } from "../makers/unix-seqpacket.native.js";
import { describeEndurance } from "./endurance.js";

describeEndurance(maker);
