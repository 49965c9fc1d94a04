import { maker } from "../makers/unix-dgram.node-unix-socket.js";
import { describeEndurance } from "./endurance.js";

describeEndurance(maker);
