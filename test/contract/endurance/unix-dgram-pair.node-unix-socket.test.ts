import { maker } from "../makers/unix-dgram-pair.node-unix-socket.js";
import { describeEndurance } from "./endurance.js";

describeEndurance(maker);
