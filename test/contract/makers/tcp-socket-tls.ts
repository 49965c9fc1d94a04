import { sharedCertificate } from "../../support/certificates.js";
import { tcpMaker } from "../internet.js";
import type { Maker } from "../maker.js";

// Made before a second process is started, which then finds it.
const { ca, own } = sharedCertificate();

export const maker: Maker = {
  ...tcpMaker("tcp-socket-tls", { server: { key: own.key, cert: own.cert }, client: { ca } }),
  // Reading keys and shaking hands takes ten milliseconds.
  cycles: 1000,
  // Measured over 5,000: V8's young generation grows by some 17 MB over the first 500 handshakes, whose buffers fill it,
  // and memory stands still from then on. After 100, as elsewhere, the test would measure that growth and no leak.
  warmUpCycles: 500,
};
