import { maker } from "../makers/anonymous-pipe.js";
import { describeEndurance } from "./endurance.js";

describeEndurance(maker);
