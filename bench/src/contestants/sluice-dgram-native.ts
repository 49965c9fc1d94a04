import { datagrams } from "./sluice-packets.js";

export default datagrams("native");
