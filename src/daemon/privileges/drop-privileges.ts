import { ChannelError, type ErrorDetails, unsupported } from "../../core/errors.js";
import { checkCount, checkOptions } from "../../core/options.js";
import { describe } from "../../core/wait.js";
import { isWorker } from "../../mechanisms/builtin.js";
import { checkBoolean } from "../../mechanisms/check-option.js";
import { fromErrno, loadCore, PR_SET_KEEPCAPS } from "../../native/binding.js";
import { codeOf } from "../../native/errors.js";
import { type Account, findGroup, findUser, groupsOf } from "./accounts.js";
import { noNewPrivileges } from "./no-new-privileges.js";
import { readThreads, type ThreadIdentity } from "./threads.js";

/** Who {@link dropPrivileges} shall make of this process. */
export interface DropPrivilegesOptions {
  /** Name or id of the user. Not root. */
  readonly user: string | number;
  /** Name or id of the group. The user's own by default; an id that no user has needs it. */
  readonly group?: string | number | undefined;
  /** Exactly these supplementary groups, by name or id; `[]` for none. Those that the system gives the user by default, initgroups(3). */
  readonly groups?: readonly (string | number)[] | undefined;
  /** Sets `no_new_privs` as well; see {@link noNewPrivileges}. On by default. */
  readonly noNewPrivileges?: boolean | undefined;
  /** Sets HOME, USER and LOGNAME to the user's (`/`, and none, for an id that no user has). On by default. */
  readonly environment?: boolean | undefined;
}

/** Who this process is now, real, effective and saved, in each of its threads. */
export interface DroppedPrivileges {
  /** Real, effective and saved user id. */
  readonly uid: number;
  /** Real, effective and saved group id. */
  readonly gid: number;
  /** Supplementary groups, in rising order. */
  readonly groups: readonly number[];
}

interface Target {
  readonly uid: number;
  readonly gid: number;
  /** Absent: those of the account. */
  readonly groups: readonly number[] | undefined;
  readonly account: Account | undefined;
}

/** What the types of Node do not know of. */
interface WithInitgroups {
  initgroups(user: string, extraGroup: number): void;
}

const OPERATION = "dropPrivileges";
/** One more than the highest id: the kernel's "no id". */
const HIGHEST_ID = 2 ** 32 - 2;

/**
 * Gives up root for good: what needs its rights (binding a low port, a socket in a folder of root's) comes before, everything that looks at the bytes of others after.
 *
 * Sets the supplementary groups, then the group, then the user, real, effective and saved, in all threads of the process, and gives up all capabilities. Then it reads
 * back what the kernel says of each thread, and tries the ways back, which must fail. Descriptors stay open and keep their rights. The kernel makes the process
 * undumpable, so that others of the same user can neither trace it nor read its memory. When the process is that user already, with no capability left, only
 * `no_new_privs` and the environment are set: a program needs no case of its own for being started unprivileged.
 *
 * @param options - who to be
 * @returns what was read back
 * @throws TypeError or RangeError for a wrong option, such as root as the user
 * @throws ChannelError `ERR_NO_PEER` when there is no such user or group; `ERR_ACCESS_DENIED` when the process is neither root nor that user; `ERR_UNSUPPORTED` in a
 *   worker, without the native core or /proc, with io_uring enabled in libuv, or as {@link noNewPrivileges}. With these the identity is what it was.
 * @throws ChannelError `ERR_SYSTEM` when it failed half-way or did not prove true: **the process is in an undefined state and must exit at once**
 *
 * @example
 * ```ts
 * import { UnixSocket } from "sluice";
 * import { dropPrivileges } from "sluice/daemon";
 *
 * const listener = await UnixSocket.listen("/run/app.sock", { mode: 0o666, allow: "anyone" }); // root's folder
 * dropPrivileges({ user: "nobody" });
 * for await (const channel of listener) void channel.send(Buffer.from("hello"));
 * ```
 *
 * @see setgroups(2), setgid(2), setuid(2), credentials(7), capabilities(7)
 */
export function dropPrivileges(options: DropPrivilegesOptions): DroppedPrivileges {
  if ((options as unknown) === undefined)
    throw new TypeError("options must be an object, received undefined");
  checkOptions(options);
  checkBoolean("noNewPrivileges", options.noNewPrivileges);
  checkBoolean("environment", options.environment);
  checkId("options.user", options.user);
  if (isWorker()) {
    const text =
      "Cannot drop privileges in a worker thread: it concerns the whole process; call dropPrivileges() in the main thread";
    throw unsupported(text, { operation: OPERATION });
  }
  const core = loadCore();
  const target = resolveTarget(options);
  const before = threads();
  const isDone = isTarget(before, target);
  if (!isDone && process.geteuid?.() !== 0) throw notRoot(target);
  // While nothing has changed yet, and before there are threads that the kernel would not let it be spread to.
  if (options.noNewPrivileges !== false) noNewPrivileges();
  if (!isDone) {
    const kept = core.processControl(PR_SET_KEEPCAPS, 0);
    if (kept < 0)
      throw fromErrno(kept, { operation: OPERATION, syscall: "prctl", action: "clear PR_SET_KEEPCAPS" });
    setIdentity(target);
    const cleared = core.clearCapabilities();
    if (cleared < 0) throw undefinedState("capset", "the capabilities stay", cleared);
  }
  const groups = verify(target);
  if (options.environment !== false) setEnvironment(target.account);
  return { uid: target.uid, gid: target.gid, groups };
}

function resolveTarget({ user, group, groups }: DropPrivilegesOptions): Target {
  const account = findUser(user);
  if (account === undefined && typeof user === "string") throw nobody("user", user);
  const uid = account?.uid ?? Number(user);
  if (uid === 0) throw new RangeError(`options.user must not be root, received ${describe(user)}`);
  const gid = group === undefined ? account?.gid : groupId("options.group", group);
  if (gid === undefined)
    throw new TypeError(`options.group must be given for ${describe(user)}, an id that no user has`);
  if (groups !== undefined && !Array.isArray(groups))
    throw new TypeError(`options.groups must be an array of names or ids, received ${describe(groups)}`);
  const ids = (groups as readonly (string | number)[] | undefined)?.map((each, index) =>
    groupId(`options.groups[${index}]`, each),
  );
  return { uid, gid, groups: ids ?? (account === undefined ? [] : undefined), account };
}

function checkId(name: string, id: string | number): void {
  if (typeof id === "number") checkCount(name, id, 0, HIGHEST_ID);
  else if (typeof id !== "string" || id === "")
    throw new TypeError(`${name} must be a name or a numeric id, received ${describe(id)}`);
}

function groupId(name: string, group: string | number): number {
  checkId(name, group);
  if (typeof group === "number") return group;
  const gid = findGroup(group);
  if (gid === undefined) throw nobody("group", group);
  return gid;
}

/** Whether every thread is that user already, and has nothing to lose. */
function isTarget(all: readonly ThreadIdentity[], target: Target): boolean {
  const { account } = target;
  // A user's own groups are no more than these. Others would be taken away by one who may.
  const groups = target.groups ?? (account === undefined ? [] : [...groupsOf(account.name), target.gid]);
  const hasGroups = (thread: ThreadIdentity): boolean =>
    target.groups === undefined
      ? thread.groups.every((group) => groups.includes(group))
      : sameSet(thread.groups, groups);
  return all.every((thread) => hasIds(thread, target) && !isCapable(thread) && hasGroups(thread));
}

function hasIds({ uids, gids }: ThreadIdentity, target: Target): boolean {
  return uids.every((uid) => uid === target.uid) && gids.every((gid) => gid === target.gid);
}

/**
 * Inheritable capabilities of threads other than this one are left: nobody can take them away from outside, they are no rights, and children have those of the
 * main thread, which executes them.
 */
function isCapable({ tid, capabilities }: ThreadIdentity): boolean {
  const [inheritable = 0n, ...others] = capabilities;
  return others.some((set) => set !== 0n) || (tid === process.pid && inheritable !== 0n);
}

function sameSet(left: readonly number[], right: readonly number[]): boolean {
  return left.every((each) => right.includes(each)) && right.every((each) => left.includes(each));
}

function setIdentity({ uid, gid, groups, account }: Target): void {
  let step = "setgroups";
  try {
    if (groups === undefined && account !== undefined)
      (process as typeof process & WithInitgroups).initgroups(account.name, gid);
    else process.setgroups?.([...(groups ?? [])]);
    step = "setgid";
    process.setgid?.(gid);
    step = "setuid";
    process.setuid?.(uid);
  } catch (cause) {
    const { errno, message } = cause as NodeJS.ErrnoException;
    if (step !== "setgroups") throw undefinedState(step, message, errno, cause);
    const text = `Cannot drop privileges: ${message}; nothing was changed`;
    // Without an errno it is Node's own refusal: io_uring would go on with the rights of root (CVE-2024-22017).
    const code = errno === undefined ? "ERR_UNSUPPORTED" : codeOf(errno, OPERATION);
    throw new ChannelError(code, text, details(step, errno, cause));
  }
}

/** Proves that every thread is what was asked for, and that there is no way back. Returns the groups. */
function verify(target: Target): readonly number[] {
  const all = threads();
  const groups = target.groups ?? all[0]?.groups ?? [];
  for (const thread of all) {
    const wrong = !hasIds(thread, target)
      ? `has uids ${thread.uids.join(" ")} and gids ${thread.gids.join(" ")}`
      : isCapable(thread)
        ? "still has capabilities"
        : sameSet(thread.groups, groups)
          ? undefined
          : `has the groups ${thread.groups.join(" ")}`;
    if (wrong !== undefined) throw undefinedState("setuid", `thread ${thread.tid} ${wrong}`);
  }
  refuses("setuid", () => process.setuid?.(0));
  refuses("seteuid", () => process.seteuid?.(0));
  if (target.gid !== 0) {
    refuses("setgid", () => process.setgid?.(0));
    refuses("setegid", () => process.setegid?.(0));
  }
  if (!groups.includes(0)) refuses("setgroups", () => process.setgroups?.([0]));
  return all[0]?.groups ?? [];
}

function refuses(syscall: string, attempt: () => void): void {
  try {
    attempt();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EPERM") return;
    throw undefinedState(
      syscall,
      `the way back fails by ${String(error)} and not by EPERM`,
      undefined,
      error,
    );
  }
  throw undefinedState(syscall, "the way back to root is open");
}

function setEnvironment(account: Account | undefined): void {
  process.env["HOME"] = account?.home ?? "/";
  for (const name of ["USER", "LOGNAME"]) {
    if (account !== undefined) process.env[name] = account.name;
    // eslint-disable-next-line @typescript-eslint/no-dynamic-delete -- only `delete` removes a variable
    else delete process.env[name];
  }
}

function threads(): ThreadIdentity[] {
  try {
    return readThreads();
  } catch (cause) {
    throw unsupported(
      "Cannot drop privileges: /proc cannot be read, so that nothing could be proved; mount it",
      {
        operation: OPERATION,
        cause,
      },
    );
  }
}

function nobody(kind: "user" | "group", name: string): ChannelError {
  const text = `Cannot drop privileges: there is no ${kind} ${describe(name)}; create it, or give a numeric id`;
  return new ChannelError("ERR_NO_PEER", text, { operation: OPERATION, address: name });
}

function notRoot({ uid, gid }: Target): ChannelError {
  const text = `Cannot drop privileges to uid ${uid}, gid ${gid}: this process has uid ${String(process.geteuid?.())}, which may not change its identity or give up capabilities and groups in all threads; start it as root, or as that user with nothing to give up`;
  return new ChannelError("ERR_ACCESS_DENIED", text, { operation: OPERATION });
}

function undefinedState(syscall: string, reason: string, errno?: number, cause?: unknown): ChannelError {
  const text = `Cannot drop privileges: ${reason} (${syscall}); the process is in an undefined state: exit at once`;
  return new ChannelError("ERR_SYSTEM", text, details(syscall, errno, cause));
}

function details(syscall: string, errno: number | undefined, cause: unknown): ErrorDetails {
  return { operation: OPERATION, syscall, errno: errno === undefined ? undefined : Math.abs(errno), cause };
}
