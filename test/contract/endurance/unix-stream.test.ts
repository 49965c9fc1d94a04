import { maker } from "../makers/unix-stream.js";
import { describeEndurance } from "./endurance.js";

describeEndurance(maker);
