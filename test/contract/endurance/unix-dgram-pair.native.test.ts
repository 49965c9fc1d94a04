import { maker } from "../makers/unix-dgram-pair.native.js";
import { describeEndurance } from "./endurance.js";

describeEndurance(maker);
