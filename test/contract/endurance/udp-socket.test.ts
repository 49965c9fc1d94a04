import { maker } from "../makers/udp-socket.js";
import { describeEndurance } from "./endurance.js";

describeEndurance(maker);
