import { maker } from "../makers/unix-dgram.native.js";
import { describeEndurance } from "./endurance.js";

describeEndurance(maker);
