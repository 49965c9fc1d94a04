import { seqpacket } from "./sluice-packets.js";

export default seqpacket("node-unix-socket");
