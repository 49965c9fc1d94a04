import { maker } from "../makers/broadcast.js";
import { describeEndurance } from "./endurance.js";

describeEndurance(maker);
