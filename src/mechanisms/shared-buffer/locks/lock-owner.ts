import { reached } from "../../../core/step.js";
import { EAGAIN } from "../../../native/constants.js";
import { fromErrno } from "../../../native/errors.js";
import { loadCore, type NativeCore } from "../../../native/binding.js";
import type { Owner } from "./protocol.js";
import type { Watch } from "./sleepers.js";
import { LAST_OWNER } from "./words.js";

/** Where the claims begin in the file of the memory: beyond all that it can hold. */
export const FIRST_CLAIM: number = 2 ** 40;
const ATTEMPTS = 8;

/**
 * One open SharedBuffer as an owner of locks. Its number is random and, as long as it lives, its own: it holds a claim on the byte `FIRST_CLAIM + id`
 * of the memory's file, which the kernel takes back when the file is closed, in whatever way that comes about.
 */
export class LockOwner implements Owner {
  readonly id: number;
  readonly #core: NativeCore = loadCore();
  readonly #fd: number;

  // `fd` is an open file of the memory that no other process has; it stays the caller's.
  constructor(fd: number) {
    this.#fd = fd;
    this.id = claim(this.#core, fd);
  }

  isAlive(id: number): boolean {
    return this.#core.isByteClaimed(this.#fd, FIRST_CLAIM + id) !== 0;
  }

  /** What a sleeper watches who waits for this owner; 0: nobody. */
  watch(id: number): Watch | undefined {
    return id === 0 ? undefined : { fd: this.#fd, byte: FIRST_CLAIM + id };
  }
}

function randomId(): number {
  // The global one loads its module when it is first used, and not when this library is.
  const [random = 0] = crypto.getRandomValues(new Uint32Array(1));
  return (random % LAST_OWNER) + 1;
}

function claim(core: NativeCore, fd: number): number {
  let result = -EAGAIN;
  // A number that is taken already is one chance in 2 ** 29 for each owner there is.
  for (let attempt = 0; attempt < ATTEMPTS && result === -EAGAIN; attempt++) {
    const id = randomId();
    result = core.claimByte(fd, FIRST_CLAIM + id);
    STEP: reached("locks: owner's number claimed");
    if (result >= 0) return id;
  }
  throw fromErrno(result, {
    operation: "acquire",
    mechanism: "shared-buffer",
    syscall: "fcntl",
    action: "claim an owner's number for the locks of this shared memory",
  });
}
