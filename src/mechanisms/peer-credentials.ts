import type { Credentials } from "../core/channel.js";
import { ERANGE } from "../native/constants.js";
import type { NativeCore } from "../native/native-core.js";

/** NGROUPS_MAX of Linux, limits.h. */
const MOST_GROUPS = 65_536;
const NO_GROUPS: readonly number[] = [];

const fields = new Int32Array(3);
const groupFields = new Int32Array(32);
/** Apart from the credentials, so that nobody but the kernel can say who is in a group. Those who have none but their own are not in it. */
const groupsOf = new WeakMap<Credentials, readonly number[]>();
let areGroupsWanted = false;

/** SO_PEERCRED, unix(7): who was at the other end at connect or listen. A negative errno when the kernel does not say. */
export function readPeerCredentials(core: NativeCore, fd: number): Credentials | number {
  const result = core.peerCredentials(fd, fields);
  if (result < 0) return result;
  const credentials = toCredentials(fields[0] ?? 0, fields[1] ?? -1, fields[2] ?? -1);
  if (areGroupsWanted) readGroups(core, fd, credentials);
  return credentials;
}

/** Ids are unsigned in the kernel and signed in the native core's records. */
export function toCredentials(pid: number, uid: number, gid: number): Credentials {
  return { pid, uid: uid >>> 0, gid: gid >>> 0 };
}

/** Reads the groups as well, from now on: later than at the connection nobody can, and it takes a twentieth of the time of a connection. */
export function wantPeerGroups(): void {
  areGroupsWanted = true;
}

/**
 * The supplementary groups of a peer (SO_PEERGROUPS, Linux 4.13), as the kernel noted them when the connection was made. Empty where the kernel does not tell: for the sender of a
 * single message, for connections made before `sluice/daemon` was loaded, and for credentials that are not the very object which a channel, listener or `allow` gave.
 */
export function peerGroups(credentials: Credentials): readonly number[] {
  return groupsOf.get(credentials) ?? NO_GROUPS;
}

function readGroups(core: NativeCore, fd: number, credentials: Credentials): void {
  let read = groupFields;
  let count = core.peerGroups(fd, read);
  if (count === -ERANGE) {
    read = new Int32Array(MOST_GROUPS);
    count = core.peerGroups(fd, read);
  }
  if (count < 1 || (count === 1 && (read[0] ?? 0) >>> 0 === credentials.gid)) return;
  groupsOf.set(
    credentials,
    Array.from(read.subarray(0, count), (gid) => gid >>> 0),
  );
}
