import { seqpacket } from "./sluice-packets.js";

export default seqpacket("native");
