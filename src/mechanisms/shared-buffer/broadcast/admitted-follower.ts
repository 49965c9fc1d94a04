import { ChannelError } from "../../../core/errors.js";
import { reached } from "../../../core/step.js";
import { Poll, READABLE } from "../../../native/binding.js";
import type { NativeCore } from "../../../native/native-core.js";
import { CURSOR, SLEEP } from "./broadcast-layout.js";
import type { BroadcastWriter } from "./broadcast-writer.js";
import { sendHello } from "./hello.js";

/** A follower, as the writer knows it: a socket that ends with it, and a page in which it says whether it sleeps. */
export class AdmittedFollower {
  readonly #core: NativeCore;
  readonly #fd: number;
  readonly #map: ArrayBuffer;
  readonly #gone: (self: AdmittedFollower) => void;
  readonly #page: Int32Array;
  readonly #positions: BigInt64Array;
  readonly #poll: Poll;
  #rung = 0;

  private constructor(
    core: NativeCore,
    fd: number,
    map: ArrayBuffer,
    gone: (self: AdmittedFollower) => void,
  ) {
    this.#core = core;
    this.#fd = fd;
    this.#map = map;
    this.#gone = gone;
    this.#page = new Int32Array(map);
    this.#positions = new BigInt64Array(map);
    // A follower has nothing to say: whatever comes, it ends the connection.
    this.#poll = new Poll(fd, () => {
      gone(this);
    });
    this.#poll.unref();
    this.#poll.set(READABLE);
  }

  /**
   * Gives a follower what it needs. The socket belongs to this object from the call on.
   *
   * @returns `undefined` when it has gone again, or there is no memory for it: it is hung up
   */
  static admit(
    core: NativeCore,
    fd: number,
    writer: BroadcastWriter,
    gone: (self: AdmittedFollower) => void,
  ): AdmittedFollower | undefined {
    const pageSize = core.pageSize();
    const pageFd = core.createMemory(pageSize, "sluice-follower");
    const map = pageFd < 0 ? pageFd : core.mapMemory(pageFd, 0, pageSize, false);
    const sent = typeof map === "number" ? map : sendHello(core, fd, pageFd, pageSize, writer);
    STEP: reached("broadcast: follower told");
    if (pageFd >= 0) core.close(pageFd);
    if (typeof map !== "number") {
      try {
        if (sent > 0) return new AdmittedFollower(core, fd, map, gone);
      } catch (error) {
        // It cannot be watched, and so is hung up.
        if (!(error instanceof ChannelError)) throw error;
      }
      core.unmapMemory(map);
    }
    core.close(fd);
    return undefined;
  }

  /** Where it says that it is. */
  get cursor(): number {
    return Number(Atomics.load(this.#positions, CURSOR));
  }

  /** Rings if it sleeps, once a sleep. */
  wake(): void {
    const asleep = Atomics.load(this.#page, SLEEP);
    if (asleep === 0 || asleep === this.#rung) return;
    this.#rung = asleep;
    STEP: reached("broadcast: about to ring");
    // Who cannot be woken is hung up, so that it does not sleep for ever. One that has gone is told of by the poll, soon.
    if (this.#core.ringBell(this.#fd) < 0) this.#gone(this);
  }

  close(): void {
    this.#poll.close();
    this.#core.close(this.#fd);
    this.#core.unmapMemory(this.#map);
  }
}
