import { maker } from "../makers/tcp-socket.js";
import { describeEndurance } from "./endurance.js";

describeEndurance(maker);
