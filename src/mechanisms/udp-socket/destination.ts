import type { InternetAddress } from "../../core/channel.js";
import { describe } from "../../core/wait.js";
import { AF_INET6 } from "../../native/constants.js";
import { loadNet } from "../builtin.js";
import { checkInternetAddress } from "../internet-address.js";

/** Throws unless a socket of this family can send there; returns the destination. */
export function checkDestination(to: unknown, family: number, dualStack: boolean): InternetAddress {
  const address = checkInternetAddress("options.to", to);
  if (address.port === 0) throw new RangeError("options.to.port must be from 1 to 65535, received 0");
  const isSix = loadNet().isIPv6(address.host);
  if (isSix === (family === AF_INET6) || (!isSix && dualStack)) return address;
  const wanted = family === AF_INET6 ? "IPv6" : "IPv4";
  throw new TypeError(
    `options.to.host must be an ${wanted} address on this socket, received ${describe(address.host)}`,
  );
}
