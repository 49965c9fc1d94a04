import { maker } from "../makers/shared-buffer.js";
import { describeEndurance } from "./endurance.js";

describeEndurance(maker);
