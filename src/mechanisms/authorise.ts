import type { Credentials } from "../core/channel.js";
import { extend } from "../core/extend.js";
import { describe } from "../core/wait.js";

/** User and group ids that may talk to this process. One match is enough. */
export interface AllowedIds {
  /** Effective user ids. */
  readonly uids?: readonly number[] | undefined;
  /** Effective (primary) group ids; supplementary groups of the peer do not count. */
  readonly gids?: readonly number[] | undefined;
}

/**
 * Decides about one peer. Only `true` (or a promise of it) lets the peer in. A throw or a rejection keeps it out, and is an ordinary
 * uncaught exception where it concerns no call.
 */
export type AllowFunction = (credentials: Credentials) => boolean | Promise<boolean>;

/**
 * Who may be at the other end, by the kernel's word (SO_PEERCRED, unix(7)), never by the peer's:
 *
 * - `"self"`: the user that this process runs as (effective uid), and root
 * - `"root"`: uid 0 alone
 * - `"anyone"`: no check
 * - `{ uids, gids }`: exactly these, root only if listed
 * - a function
 */
export type Allow = "self" | "root" | "anyone" | AllowedIds | AllowFunction;

/** An `allow` option, checked. */
export interface Authorisation {
  /** In words, for error texts. */
  readonly text: string;
  /** The verdict at once; `"ask"` when it is a function of the user that must be asked, outside of native callbacks. */
  readonly decide: (credentials: Credentials) => boolean | "ask";
  /** What the user's function says; the verdict of `decide` where there is no function. Rejects with what it throws. */
  readonly ask: (credentials: Credentials) => Promise<boolean>;
  /** Whether everybody may come, so that no credentials are needed. */
  readonly isOpen: boolean;
}

/**
 * Checks the option `allow`.
 *
 * @param allow - as the user gave it; `"self"` when absent
 * @throws TypeError or RangeError for anything that is not an {@link Allow}
 */
export function resolveAllow(allow: Allow | undefined): Authorisation {
  if (typeof allow === "function") return byFunction(allow);
  switch (allow) {
    case undefined:
    case "self":
      return byRule('"self"', ({ uid }) => uid === 0 || uid === process.geteuid?.());
    case "root":
      return byRule('"root"', ({ uid }) => uid === 0);
    case "anyone":
      return extend(
        byRule('"anyone"', () => true),
        { isOpen: true },
      );
  }
  if (allow === null || typeof allow !== "object") throw wrong(allow);
  const { uids, gids } = allow;
  if (uids === undefined && gids === undefined) throw wrong(allow);
  const users = new Set(checkIds("uids", uids));
  const groups = new Set(checkIds("gids", gids));
  const text = `{ uids: [${[...users].join(", ")}], gids: [${[...groups].join(", ")}] }`;
  return byRule(text, ({ uid, gid }) => users.has(uid) || groups.has(gid));
}

/** A peer in words, for error texts. */
export function describePeer({ pid, uid, gid }: Credentials): string {
  return `pid ${pid}, uid ${uid}, gid ${gid}`;
}

function byRule(text: string, rule: (credentials: Credentials) => boolean): Authorisation {
  return { text, isOpen: false, decide: rule, ask: (credentials) => Promise.resolve(rule(credentials)) };
}

function byFunction(allow: AllowFunction): Authorisation {
  return {
    text: "a function",
    isOpen: false,
    decide: () => "ask",
    // Strictly true: a function that forgets its return must not let everybody in.
    ask: async (credentials) => ((await allow(credentials)) as unknown) === true,
  };
}

function checkIds(name: string, ids: readonly number[] | undefined): readonly number[] {
  if (ids === undefined) return [];
  if (!(ids instanceof Array)) {
    throw new TypeError(`options.allow.${name} must be an array of numeric ids, received ${describe(ids)}`);
  }
  for (const id of ids as readonly unknown[]) {
    if (typeof id !== "number") {
      throw new TypeError(`options.allow.${name} must hold numeric ids, received ${describe(id)}`);
    }
    // 2^32 - 1 is the kernel's "no id" and would match peers whose identity is unknown.
    if (!Number.isInteger(id) || id < 0 || id >= 2 ** 32 - 1) {
      throw new RangeError(`options.allow.${name} must hold ids from 0 to 4294967294, received ${id}`);
    }
  }
  return ids;
}

function wrong(value: unknown): TypeError {
  return new TypeError(
    `options.allow must be "self", "root", "anyone", { uids, gids } with at least one of them, or a function, received ${describe(value)}`,
  );
}
