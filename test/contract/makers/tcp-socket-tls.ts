import { sharedCertificate } from "../../support/certificates.js";
import { tcpMaker } from "../internet.js";
import type { Maker } from "../maker.js";

// Made before a second process is started, which then finds it.
const { ca, own } = sharedCertificate();

export const maker: Maker = {
  ...tcpMaker("tcp-socket-tls", { server: { key: own.key, cert: own.cert }, client: { ca } }),
  // Reading keys and shaking hands takes ten milliseconds.
  cycles: 1000,
  // Over the first 500 handshakes on Node 20, and 1,500 on Node 26, memory outside of the heap grows by 10 to 20 MB; it stands still from then on.
  warmUpCycles: 1500,
};
