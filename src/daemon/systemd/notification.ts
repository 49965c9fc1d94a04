import { text } from "../../codec/index.js";
import { unsupported } from "../../core/errors.js";
import { extend } from "../../core/extend.js";
import { describe } from "../../core/wait.js";
import { connectDatagram } from "../../mechanisms/unix-socket/open-packets.js";
import { checkChannelOptions } from "../../mechanisms/unix-socket/options.js";
import { parseSocketAddress, type SocketAddress } from "../../mechanisms/socket-address.js";

/** Milliseconds that the service manager may take to make room for a notification. */
export const PATIENCE = 5000;
/** SCM_MAX_FD, unix(7). */
const MOST_DESCRIPTORS = 253;

/** Assignments of sd_notify(3), in their order. */
export type NotificationFields = Readonly<Record<string, string | number>>;

/**
 * The lines of a notification.
 *
 * @throws TypeError for a name or a value that would be another assignment
 */
export function encodeNotification(fields: NotificationFields): string {
  const lines = Object.entries(fields).map(([name, value]) => {
    if (!/^[A-Z][A-Z0-9_]*$/.test(name))
      throw new TypeError(`A field must be named by capitals, digits and _, received ${describe(name)}`);
    const written = String(value);
    if (/[\n\0]/.test(written))
      throw new TypeError(`${name} must have no line break and no NUL, received ${describe(written)}`);
    return `${name}=${written}`;
  });
  if (lines.length === 0) throw new TypeError("fields must have at least one");
  return lines.join("\n");
}

/**
 * Sends one datagram, from a socket of its own, as sd_notify(3) does: the service manager may have been replaced since the last one. Fulfils when the kernel has it.
 *
 * @throws (by the promise) ChannelError `ERR_UNSUPPORTED` for an address that is no path and no abstract name, `ERR_NO_PEER`, `ERR_ACCESS_DENIED`, `ERR_TIMEOUT`
 */
export async function sendNotification(
  address: string,
  message: string,
  handles: readonly number[],
): Promise<void> {
  // Nobody answers, so there is nobody to be checked. The kernel tells the service manager who it was that sent this.
  const given = { type: "dgram", codec: text(), allow: "anyone" } as const;
  const options = extend(checkChannelOptions<string, string>(given, "connect", ["dgram"]), {
    maxHandles: MOST_DESCRIPTORS,
    allow: given.allow,
  });
  const channel = connectDatagram(parseNotifySocket(address), options);
  try {
    await channel.send(message, handles.length === 0 ? undefined : { handles, timeout: PATIENCE });
    await channel.close({ deadline: PATIENCE });
  } finally {
    channel.destroy();
  }
}

/** `NOTIFY_SOCKET`: a path, or `@` and an abstract name. */
function parseNotifySocket(address: string): SocketAddress {
  if (address.startsWith("/")) return parseSocketAddress(address, "NOTIFY_SOCKET");
  if (address.startsWith("@")) return parseSocketAddress(`\0${address.slice(1)}`, "NOTIFY_SOCKET");
  throw unsupported(
    `Cannot notify the service manager at NOTIFY_SOCKET=${describe(address)}: it must be an absolute path, or @ and an abstract name; other families (vsock) are not supported`,
    { operation: "notify", mechanism: "unix-dgram", address },
  );
}
