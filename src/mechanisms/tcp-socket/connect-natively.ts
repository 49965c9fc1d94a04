import type { InternetAddress } from "../../core/channel.js";
import type { ErrorDetails } from "../../core/errors.js";
import { loadCore, Poll } from "../../native/binding.js";
import {
  ECONNREFUSED,
  EINPROGRESS,
  ENDPOINT_BYTES,
  SO_ERROR,
  SO_REUSEADDR,
  SOCK_STREAM,
  WRITABLE,
} from "../../native/constants.js";
import type { NativeCore } from "../../native/native-core.js";
import type { Bounds } from "../bounds.js";
import { familyOf, toEndpoint } from "../internet-address.js";
import { connectError } from "./connect-error.js";

/** How long an address has to answer before the next one is tried beside it: RFC 8305, section 5. */
const NEXT_AFTER_MS = 250;

/**
 * Connects to the first of these addresses that answers.
 *
 * @returns a descriptor, which belongs to the caller
 * @throws (by the promise) ChannelError as the last address gave it, or what ends the bounds
 */
export async function connectNatively(
  hosts: readonly string[],
  port: number,
  localAddress: InternetAddress | undefined,
  details: ErrorDetails,
  bounds: Bounds,
): Promise<number> {
  const attempts: Attempt[] = [];
  let winner: number | undefined;
  try {
    for (const [index, host] of hosts.entries()) {
      attempts.push(new Attempt({ host, port }, localAddress));
      const isLast = index === hosts.length - 1;
      winner = await bounds.during(firstOf(attempts, isLast ? undefined : NEXT_AFTER_MS));
      if (winner !== undefined) return winner;
    }
    const [result = -ECONNREFUSED, syscall = "connect"] = attempts.at(-1)?.failure ?? [];
    throw connectError(result, syscall, details);
  } finally {
    for (const attempt of attempts) attempt.abandon(winner);
  }
}

/** The descriptor of the first that succeeds; `undefined` when all have failed, or none has answered in time. */
async function firstOf(
  attempts: readonly Attempt[],
  milliseconds: number | undefined,
): Promise<number | undefined> {
  const successes = attempts.map(async (attempt) => {
    const fd = await attempt.outcome;
    if (fd === undefined) throw new Error("this attempt has failed");
    return fd;
  });
  const first = Promise.any(successes).catch(() => undefined); // all have failed, and each knows why
  if (milliseconds === undefined) return first;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => {
      resolve(undefined);
    }, milliseconds);
  });
  try {
    return await Promise.race([first, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** One address that is tried. */
class Attempt {
  /** The descriptor once it is connected; `undefined` when it cannot be: then `failure` tells why. */
  readonly outcome: Promise<number | undefined>;
  failure: readonly [result: number, syscall: string] | undefined;
  readonly #core: NativeCore = loadCore();
  #fd: number;
  #poll: Poll | undefined;
  #resolve!: (fd: number | undefined) => void;

  constructor(address: InternetAddress, localAddress: InternetAddress | undefined) {
    this.outcome = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    const core = this.#core;
    const family = familyOf(address.host);
    this.#fd = core.internetSocket(family, SOCK_STREAM);
    if (this.#fd < 0) {
      this.#fail(this.#fd, "socket");
      return;
    }
    if (localAddress !== undefined) {
      core.setOption(this.#fd, SO_REUSEADDR, 1);
      const bound = core.bindInternet(this.#fd, toEndpoint(localAddress, family));
      if (bound < 0) {
        this.#fail(bound, "bind");
        return;
      }
    }
    const result = core.connectInternet(this.#fd, toEndpoint(address));
    if (result === -EINPROGRESS) this.#wait();
    else this.#finish(result);
  }

  /** Lets go of everything, except of the descriptor that is to be kept. */
  abandon(kept: number | undefined): void {
    this.#poll?.close();
    this.#poll = undefined;
    if (this.#fd >= 0 && this.#fd !== kept) this.#core.close(this.#fd);
    this.#fd = -1;
    this.#resolve(undefined);
  }

  #wait(): void {
    let poll: Poll;
    try {
      poll = new Poll(this.#fd, () => {
        poll.close();
        this.#poll = undefined;
        const error = this.#core.getOption(this.#fd, SO_ERROR);
        this.#finish(error > 0 ? -error : error);
      });
    } catch (error) {
      this.#core.close(this.#fd);
      this.#fd = -1;
      throw error;
    }
    this.#poll = poll;
    poll.set(WRITABLE);
  }

  #finish(result: number): void {
    if (result < 0) this.#fail(result, "connect");
    else if (this.#isSelf()) this.#fail(-ECONNREFUSED, "connect");
    else this.#resolve(this.#fd);
  }

  /** A socket whose own port the kernel has chosen to be the one it connects to is connected to itself: nobody listens there. */
  #isSelf(): boolean {
    const remote = Buffer.alloc(ENDPOINT_BYTES);
    const local = Buffer.alloc(ENDPOINT_BYTES);
    this.#core.internetPeerName(this.#fd, remote);
    this.#core.internetName(this.#fd, local);
    return remote.equals(local);
  }

  #fail(result: number, syscall: string): void {
    this.failure = [result, syscall];
    if (this.#fd >= 0) this.#core.close(this.#fd);
    this.#fd = -1;
    this.#resolve(undefined);
  }
}
