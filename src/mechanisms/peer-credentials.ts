import type { Credentials } from "../core/channel.js";
import type { NativeCore } from "../native/native-core.js";

const fields = new Int32Array(3);

/** SO_PEERCRED, unix(7): who was at the other end at connect or listen. A negative errno when the kernel does not say. */
export function readPeerCredentials(core: NativeCore, fd: number): Credentials | number {
  const result = core.peerCredentials(fd, fields);
  return result < 0 ? result : toCredentials(fields[0] ?? 0, fields[1] ?? -1, fields[2] ?? -1);
}

/** Ids are unsigned in the kernel and signed in the native core's records. */
export function toCredentials(pid: number, uid: number, gid: number): Credentials {
  return { pid, uid: uid >>> 0, gid: gid >>> 0 };
}
