import { maker } from "../makers/named-pipe.js";
import { describeEndurance } from "./endurance.js";

describeEndurance(maker);
