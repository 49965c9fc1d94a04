import { sharedCertificate } from "../../support/certificates.js";
import { tcpMaker } from "../internet.js";
import type { Maker } from "../maker.js";

// Made before a second process is started, which then finds it.
const { ca, own } = sharedCertificate();

export const maker: Maker = {
  ...tcpMaker("tcp-socket-tls", { server: { key: own.key, cert: own.cert }, client: { ca } }),
  // Reading keys and shaking hands takes ten milliseconds.
  cycles: 1000,
  // The buffers of handshakes fill V8's young generation, which grows threefold, by 17 MB or more, after some hundreds or thousands of cycles: when
  // depends on what else the machine does, so that the test would measure that growth at times, and no leak. So it begins as large as it may become,
  // and has been filled before the measuring begins.
  cyclesExecArgv: ["--min-semi-space-size=16", "--max-semi-space-size=16"],
  warmUpCycles: 1500,
};
