import { datagrams } from "./sluice-packets.js";

export default datagrams("node-unix-socket");
