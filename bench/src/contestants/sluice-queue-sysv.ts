import { queues } from "./sluice-queues.js";

export default queues("sysv");
