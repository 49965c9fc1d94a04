import type { ChannelError, ErrorDetails } from "../../../core/errors.js";
import type { PacketPort, PacketSink } from "../../../core/packet-port.js";
import type { NativeCore } from "../../../native/native-core.js";
import { type ListeningOptions, ListeningSocket } from "../../listening-socket.js";
import type { SocketAddress } from "../../socket-address.js";
import { AdmittedFollower } from "./admitted-follower.js";
import { BroadcastWriter } from "./broadcast-writer.js";

/** What a port needs. */
export interface BroadcastPortOptions extends ListeningOptions {
  readonly maxFollowers: number;
}

/**
 * Writes each packet once and rings for who sleeps: at the end of the turn, or when an eighth of the ring has been written, so that what a message costs does not depend on
 * how many follow.
 */
export class BroadcastPort implements PacketPort {
  readonly #writer: BroadcastWriter;
  readonly #listening: ListeningSocket;
  readonly #followers = new Set<AdmittedFollower>();
  readonly #wakeAfter: number;
  #sink!: PacketSink;
  #unrung = 0;
  #ringing = false;
  #closed = false;
  #full = 0;

  /** @throws ChannelError as {@link ListeningSocket.open} does, and when there is no memory */
  constructor(core: NativeCore, address: SocketAddress, capacity: number, options: BroadcastPortOptions) {
    const details: ErrorDetails = {
      operation: "listen",
      mechanism: "shared-buffer",
      address: address.path,
    };
    this.#writer = new BroadcastWriter(core, capacity, details);
    this.#wakeAfter = capacity / 8;
    try {
      this.#listening = ListeningSocket.open(address, "stream", "shared-buffer", options, {
        accepted: (fd) => {
          if (this.#followers.size < options.maxFollowers) this.#admit(core, fd);
          else {
            this.#full++;
            core.close(fd);
          }
        },
        failed: (error: ChannelError) => {
          this.#sink.fail(error);
        },
      });
    } catch (error) {
      this.#writer.close();
      throw error;
    }
  }

  get followers(): number {
    return this.#followers.size;
  }

  /** How many were not let in. */
  get refused(): number {
    return this.#listening.refused + this.#full;
  }

  /** Bytes between the end and the follower that is the farthest behind, at most the capacity. */
  get lag(): number {
    if (this.#closed) return 0;
    const { position } = this.#writer.end;
    let least = position;
    for (const follower of this.#followers) least = Math.min(least, follower.cursor);
    return Math.min(position - least, this.#writer.capacity);
  }

  start(sink: PacketSink): void {
    this.#sink = sink;
  }

  send(packets: readonly Uint8Array[], start: number, end: number): number {
    this.#unrung += this.#writer.write(packets, start, end);
    if (this.#followers.size === 0) this.#unrung = 0;
    else if (this.#unrung >= this.#wakeAfter) this.#ring();
    else if (!this.#ringing) {
      this.#ringing = true;
      process.nextTick(BroadcastPort.#ringLater, this);
    }
    return end - start;
  }

  // There is nothing to be read.
  resume(): void {
    return undefined;
  }

  pause(): void {
    return undefined;
  }

  setRef(alive: boolean): void {
    if (alive) this.#listening.ref();
    else this.#listening.unref();
  }

  close(graceful: boolean): void {
    if (this.#closed) return;
    this.#closed = true;
    if (graceful) this.#writer.finish();
    // The end of its socket wakes a follower.
    for (const follower of this.#followers) follower.close();
    this.#followers.clear();
    this.#writer.close();
    const released = (): void => {
      this.#sink.released();
    };
    this.#listening.close().then(released, (error: unknown) => {
      // The socket's file could not be removed. The next to listen there replaces it, if it may.
      process.emitWarning(error as Error);
      released();
    });
  }

  #admit(core: NativeCore, fd: number): void {
    const follower = AdmittedFollower.admit(core, fd, this.#writer, (self) => {
      this.#followers.delete(self);
      self.close();
    });
    if (follower !== undefined) this.#followers.add(follower);
  }

  // No function of each call's own.
  static #ringLater(port: BroadcastPort): void {
    port.#ringing = false;
    if (port.#unrung > 0 && !port.#closed) port.#ring();
  }

  #ring(): void {
    this.#unrung = 0;
    for (const follower of this.#followers) follower.wake();
  }
}
