import { maker } from "../makers/message-queue.sysv.js";
import { describeEndurance } from "./endurance.js";

describeEndurance(maker);
