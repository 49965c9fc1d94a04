import { maker } from "../makers/memory.js";
import { describeEndurance } from "./endurance.js";

describeEndurance(maker);
