import type { TLSSocket } from "node:tls";
import type { TlsState } from "./types.js";

/** What is known of a TLS connection whose handshake is done. */
export function tlsStateOf(socket: TLSSocket): TlsState {
  const certificate = socket.getPeerCertificate();
  const { servername } = socket as { servername?: string | false | null };
  return {
    protocol: socket.getProtocol() ?? "",
    cipher: socket.getCipher().name,
    // Node gives an empty object for a peer that showed none.
    peerCertificate: isEmpty(certificate) ? undefined : certificate,
    authorized: socket.authorized,
    authorizationError: reasonOf(socket.authorizationError),
    servername: typeof servername === "string" ? servername : undefined,
    alpnProtocol: typeof socket.alpnProtocol === "string" ? socket.alpnProtocol : undefined,
  };
}

/** Whether both sides have shown certificates, and the peer's was found good: mutual TLS. */
export function identifies(state: TlsState, socket: TLSSocket): boolean {
  return state.authorized && state.peerCertificate !== undefined && !isEmpty(socket.getCertificate());
}

/** Node's types say Error; a text is what it gives. */
function reasonOf(reason: unknown): string | undefined {
  if (reason === null || reason === undefined) return undefined;
  return reason instanceof Error ? reason.message : typeof reason === "string" ? reason : undefined;
}

function isEmpty(certificate: object | null): boolean {
  return certificate === null || Object.keys(certificate).length === 0;
}
