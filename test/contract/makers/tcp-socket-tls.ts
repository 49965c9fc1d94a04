import { tmpdir } from "node:os";
import path from "node:path";
import { sharedCertificate } from "../../support/certificates.js";
import { tcpMaker } from "../internet.js";
import type { Maker } from "../maker.js";

export const maker: Maker = tcpMaker("tcp-socket-tls", () => {
  const { ca, own } = sharedCertificate(path.join(tmpdir(), "sluice-contract-tls"));
  return { server: { key: own.key, cert: own.cert }, client: { ca } };
});
