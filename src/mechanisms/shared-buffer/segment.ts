import { ChannelError } from "../../core/errors.js";
import { extend } from "../../core/extend.js";
import { reached } from "../../core/step.js";
import { describe } from "../../core/wait.js";
import { fromErrno } from "../../native/errors.js";
import {
  ENOSPC,
  S_IFMT,
  S_IFREG,
  STATUS_DEVICE,
  STATUS_GID,
  STATUS_INODE,
  STATUS_LENGTH,
  STATUS_MODE,
  STATUS_SIZE,
  STATUS_UID,
} from "../../native/constants.js";
import type { NativeCore } from "../../native/native-core.js";
import type { Authorisation } from "../authorise.js";
import { ownerRefusal } from "../trusted-owner.js";

const FOLDER = "/dev/shm/";

/** A named segment, open. */
export interface Segment {
  readonly fd: number;
  readonly size: number;
}

/** A segment that this process has made: its name, and which file the name stood for. */
export interface CreatedSegment extends Segment {
  readonly name: string;
  readonly device: bigint;
  readonly inode: bigint;
}

// What this thread has made and not yet removed. A process that ends without closing its buffers removes them at its exit.
const created = new Set<CreatedSegment>();
let removesAtExit = false;

/** The name without its leading slash. Throws what is wrong with it. See shm_open(3). */
export function checkSegmentName(name: unknown): string {
  if (typeof name !== "string") {
    throw new TypeError(`name must be a string such as "/jobs", received ${describe(name)}`);
  }
  const bare = name.startsWith("/") ? name.slice(1) : name;
  if (bare === "" || bare === "." || bare === ".." || bare.includes("/") || bare.includes("\0")) {
    throw new TypeError(
      `name must be one name such as "/jobs", with no further slash and no NUL, received ${describe(name)}`,
    );
  }
  const length = Buffer.byteLength(bare);
  if (length > 255)
    throw new RangeError(`name must have at most 255 bytes, received ${length} (${describe(name)})`);
  return bare;
}

/** Makes a segment that did not exist, of zero bytes that the system has set aside. */
export function createSegment(core: NativeCore, name: string, size: number, mode: number): CreatedSegment {
  const details = { operation: "create", mechanism: "shared-buffer", address: `/${name}` } as const;
  const action = `create shared memory "/${name}"`;
  const { O_CREAT = 0, O_EXCL = 0, O_RDWR = 0 } = core.constants;
  const fd = core.openShared(name, O_CREAT | O_EXCL | O_RDWR, mode);
  if (fd < 0) {
    const hint =
      "choose another name, open it with SharedBuffer.open(), or remove what a dead process left with SharedBuffer.unlink()";
    const exists = fromErrno(fd, { ...details, syscall: "shm_open", action });
    throw exists.code === "ERR_ADDRESS_IN_USE"
      ? fromErrno(fd, { ...details, syscall: "shm_open", action, hint })
      : exists;
  }
  STEP: reached("segment: made");
  // The umask may have taken rights away that were asked for.
  let result = core.setMode(fd, mode);
  STEP: reached("segment: mode set");
  // Memory that is missing shows here, and not as SIGBUS when it is touched.
  if (result >= 0) result = core.allocate(fd, size);
  if (result < 0) {
    core.unlinkShared(name);
    core.close(fd);
    const hint = result === -ENOSPC ? `${FOLDER} has no room for ${size} bytes; see df(1)` : undefined;
    throw fromErrno(result, { ...details, syscall: "fallocate", action: `${action} of ${size} bytes`, hint });
  }
  const status = new BigInt64Array(STATUS_LENGTH);
  core.status(fd, status);
  const segment = extend(identityOf(status), { fd, size, name });
  STEP: reached("segment: room kept");
  created.add(segment);
  if (!removesAtExit) {
    removesAtExit = true;
    process.once("exit", () => {
      for (const left of created) removeCreated(core, left);
    });
  }
  return segment;
}

/** Opens a segment that exists, if it is what it should be. */
export function openSegment(core: NativeCore, name: string, authorisation: Authorisation): Segment {
  const details = { operation: "open", mechanism: "shared-buffer", address: `/${name}` } as const;
  const action = `open shared memory "/${name}"`;
  const fd = core.openShared(name, core.constants["O_RDWR"] ?? 0, 0);
  if (fd < 0) throw fromErrno(fd, { ...details, syscall: "shm_open", action });
  const status = new BigInt64Array(STATUS_LENGTH);
  const result = core.status(fd, status);
  let error: ChannelError | undefined;
  if (result < 0) error = fromErrno(result, { ...details, syscall: "statx", action });
  else {
    const reason = refusal(status, authorisation);
    if (reason !== undefined) {
      const code = reason.isAccess ? "ERR_ACCESS_DENIED" : "ERR_INVALID_MESSAGE";
      error = new ChannelError(code, `Cannot ${action}: ${reason.text}`, details);
    }
  }
  if (error === undefined) return { fd, size: Number(status[STATUS_SIZE]) };
  core.close(fd);
  throw error;
}

/** Removes a name; who has the memory open keeps it. */
export function unlinkSegment(core: NativeCore, name: string): void {
  const result = core.unlinkShared(name);
  if (result >= 0) return;
  const details = { operation: "unlink", mechanism: "shared-buffer", address: `/${name}` } as const;
  throw fromErrno(result, { ...details, syscall: "shm_unlink", action: `remove shared memory "/${name}"` });
}

/** Removes the name of a segment that this process has made, unless it stands for something else by now. */
export function removeCreated(core: NativeCore, segment: CreatedSegment): void {
  if (!created.delete(segment)) return;
  const status = new BigInt64Array(STATUS_LENGTH);
  if (core.statusOf(FOLDER + segment.name, status) < 0) return;
  const { device, inode } = identityOf(status);
  STEP: reached("segment: about to be removed");
  if (device === segment.device && inode === segment.inode) core.unlinkShared(segment.name);
}

function identityOf(status: BigInt64Array): { readonly device: bigint; readonly inode: bigint } {
  return { device: status[STATUS_DEVICE] ?? 0n, inode: status[STATUS_INODE] ?? 0n };
}

function refusal(
  status: BigInt64Array,
  authorisation: Authorisation,
): { readonly text: string; readonly isAccess: boolean } | undefined {
  if ((Number(status[STATUS_MODE]) & S_IFMT) !== S_IFREG) {
    return { text: "it is no shared memory but another kind of file", isAccess: false };
  }
  const text = ownerRefusal(authorisation, Number(status[STATUS_UID]), Number(status[STATUS_GID]));
  if (text !== undefined) return { text, isAccess: true };
  if (status[STATUS_SIZE] === 0n) {
    return { text: "it has no bytes; its creator has not finished, or has failed", isAccess: false };
  }
  return undefined;
}
