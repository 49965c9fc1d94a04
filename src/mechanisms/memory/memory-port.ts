import { ChannelError } from "../../core/errors.js";
import type { PacketPort, PacketSink } from "../../core/packet-port.js";
import { copyOf } from "../../core/view.js";

/** One end of a pair inside this process. What the other end has room for is copied straight into its queue. */
export class MemoryPort implements PacketPort {
  #sink: PacketSink | undefined;
  #other!: MemoryPort;
  #reading = false;
  #closed = false;
  #ended = false;
  // The other end was refused room and waits to be told of it.
  #owesRoom = false;
  #telling = false;

  /** Two connected ends. */
  static pair(): [MemoryPort, MemoryPort] {
    const left = new MemoryPort();
    const right = new MemoryPort();
    left.#other = right;
    right.#other = left;
    return [left, right];
  }

  start(sink: PacketSink): void {
    this.#sink = sink;
  }

  send(packets: readonly Uint8Array[], start: number, end: number): number {
    const other = this.#other;
    if (other.#closed) {
      const error = new ChannelError("ERR_PEER_DIED", "Cannot send on memory: the other end is closed", {
        operation: "send",
        mechanism: "memory",
      });
      this.#sink?.fail(error);
      throw error;
    }
    let sent = 0;
    for (
      let packet = packets[start];
      start + sent < end && packet !== undefined && other.#reading;
      packet = packets[start + sent]
    ) {
      if (other.#sink?.packet(copyOf(packet)) !== true) other.#reading = false;
      sent++;
    }
    if (start + sent < end) other.#owesRoom = true;
    if (sent > 0) other.#sink?.arrived();
    return sent;
  }

  resume(): void {
    this.#reading = true;
    if (!this.#owesRoom || this.#telling) return;
    // Never from within the other side's receive: there it would run this side's sends.
    this.#telling = true;
    setImmediate(() => {
      this.#telling = false;
      if (!this.#reading || !this.#owesRoom) return;
      this.#owesRoom = false;
      if (!this.#other.#closed) this.#other.#sink?.writable();
    });
  }

  pause(): void {
    this.#reading = false;
  }

  close(graceful: boolean): void {
    this.#closed = true;
    this.#reading = false;
    const other = this.#other;
    setImmediate(() => {
      if (!other.#closed && !other.#ended) {
        other.#ended = true;
        if (graceful) {
          other.#sink?.ended(true);
          // What still waits for room there never gets it: its next attempt says so.
          if (this.#owesRoom) other.#sink?.writable();
        } else {
          const details = { operation: "receive", mechanism: "memory" as const };
          other.#sink?.fail(
            new ChannelError("ERR_PEER_DIED", "Cannot go on: the other end was destroyed", details),
          );
        }
      }
      this.#sink?.released();
    });
  }

  setRef(): void {
    // Nothing here keeps the process alive: there is no handle of the event loop.
  }
}
