import { maker } from "../makers/anonymous-pipe-inherited.js";
import { describeEndurance } from "./endurance.js";

describeEndurance(maker);
