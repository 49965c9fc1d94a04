import { type Allow, type AllowFunction, type Authorisation, resolveAllow } from "./authorise.js";

/**
 * Checks the option `allow` where it names the owners of what is there already (a FIFO, a queue, a segment), and not a peer.
 *
 * @param allow - as the user gave it; `"self"` when absent: this user, or root
 * @param why - why no function can be asked
 */
export function resolveOwners(allow: Exclude<Allow, AllowFunction> | undefined, why: string): Authorisation {
  if (typeof (allow as unknown) === "function") {
    throw new TypeError(
      `options.allow must be "self", "root", "anyone" or { uids, gids } here, received a function: ${why}`,
    );
  }
  return resolveAllow(allow);
}

/** Why what belongs to this owner is not to be opened, in words; `undefined`: it may be. */
export function ownerRefusal(owners: Authorisation, uid: number, gid: number): string | undefined {
  if (owners.decide({ pid: 0, uid, gid }) === true) return undefined;
  return `its owner (uid ${uid}, gid ${gid}) is none of those that options.allow names (${owners.text})`;
}
