import { ChannelError, type ErrorDetails } from "../core/errors.js";
import { loadOs } from "./builtin.js";

/** OpenSSL's names for what a peer says of a certificate that it does not take. */
const ALERTS = /ALERT_(BAD|UNSUPPORTED|NO)?_?(CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED)/;
/** What Node calls a certificate that it does not trust: the names of X509_STORE_CTX_get_error(3). */
const UNTRUSTED =
  /^(ERR_TLS_CERT_ALTNAME_INVALID|CERT_|CRL_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|INVALID_CA|INVALID_PURPOSE|HOSTNAME_MISMATCH|PATH_LENGTH_EXCEEDED|ERROR_IN_CERT_)/;

/** The negative errno of an error of `node:net` or `node:tls`; 0 when it has none. */
export function errnoOf(error: NodeJS.ErrnoException): number {
  if (typeof error.errno === "number") return error.errno;
  const number = (loadOs().constants.errno as Readonly<Record<string, number>>)[error.code ?? ""];
  return number === undefined ? 0 : -number;
}

/** The error of a TLS connection, in the words of this library; `undefined` when this is no error of TLS. */
export function tlsFailure(cause: NodeJS.ErrnoException, details: ErrorDetails): ChannelError | undefined {
  const code = cause.code ?? "";
  const where = details.address === undefined ? "" : ` ${JSON.stringify(details.address)}`;
  const action = `Cannot ${details.operation} on ${details.mechanism ?? "tls"}${where}`;
  if (UNTRUSTED.test(code)) {
    const text = `${action}: the peer's certificate is not to be trusted: ${cause.message} (${code}); name its authority in options.tls.ca, and connect by a name that the certificate has, or options.tls.servername`;
    return new ChannelError("ERR_ACCESS_DENIED", text, { ...details, cause });
  }
  if (!code.startsWith("ERR_SSL_") && !code.startsWith("ERR_TLS_") && code !== "EPROTO") return undefined;
  if (ALERTS.test(code) || ALERTS.test(cause.message.toUpperCase().replaceAll(" ", "_"))) {
    const text = `${action}: the peer does not take the certificate of this side, or misses one (${code}); give it as options.tls.cert and key`;
    return new ChannelError("ERR_ACCESS_DENIED", text, { ...details, cause });
  }
  if (code === "ERR_TLS_HANDSHAKE_TIMEOUT") {
    const text = `${action}: the peer did not finish the TLS handshake in time (options.handshakeTimeout)`;
    return new ChannelError("ERR_TIMEOUT", text, { ...details, cause });
  }
  const text = `${action}: TLS failed: ${cause.message} (${code}); perhaps the peer speaks no TLS, or no version and cipher that this side takes`;
  return new ChannelError("ERR_INVALID_MESSAGE", text, { ...details, cause });
}
