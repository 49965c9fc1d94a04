import { maker } from "../makers/tcp-socket-tls.js";
import { describeEndurance } from "./endurance.js";

describeEndurance(maker);
