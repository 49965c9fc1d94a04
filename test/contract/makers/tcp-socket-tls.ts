import { sharedCertificate } from "../../support/certificates.js";
import { tcpMaker } from "../internet.js";
import type { Maker } from "../maker.js";

// Made before a second process is started, which then finds it.
const { ca, own } = sharedCertificate();

export const maker: Maker = {
  ...tcpMaker("tcp-socket-tls", { server: { key: own.key, cert: own.cert }, client: { ca } }),
  // Reading keys and shaking hands takes ten milliseconds.
  cycles: 1000,
  // Over the first 500 handshakes memory grows by 10 to 20 MB, and stands still from then on: measured over 4,000.
  warmUpCycles: 500,
};
