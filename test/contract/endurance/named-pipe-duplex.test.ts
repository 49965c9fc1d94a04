import { maker } from "../makers/named-pipe-duplex.js";
import { describeEndurance } from "./endurance.js";

describeEndurance(maker);
