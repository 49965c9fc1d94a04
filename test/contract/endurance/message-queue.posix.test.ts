import { maker } from "../makers/message-queue.posix.js";
import { describeEndurance } from "./endurance.js";

describeEndurance(maker);
