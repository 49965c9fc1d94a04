import type { Credentials } from "../../core/channel.js";
import { ChannelError } from "../../core/errors.js";
import type { PacketPort, PacketSink } from "../../core/packet-port.js";
import { EAGAIN, type ErrnoDetails, ESRCH, fromErrno } from "../../native/binding.js";
import { packetOf, valueIn } from "./signal-message.js";
import type { SignalPeer } from "./signal-peer.js";
import { SignalSource } from "./signal-source.js";
import { type SignalDescription, signalNumbered } from "./signal-table.js";

/** The kernel does not tell when a full queue of signals has room again, so it is asked: after this long, then twice as long, … */
const FIRST_RETRY_MS = 1;
const LAST_RETRY_MS = 16;

/** Signals of this process, from anybody or from one peer only, and signals to that peer. */
export class SignalPort implements PacketPort {
  readonly #source: SignalSource;
  readonly #peer: SignalPeer | undefined;
  readonly #receives: boolean;
  #sink!: PacketSink;
  #keepsAlive = true;
  #closed = false;
  #peerHasEnded = false;
  #endTold = false;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #retryMs = FIRST_RETRY_MS;

  constructor(signals: readonly SignalDescription[], peer: SignalPeer | undefined) {
    this.#peer = peer;
    this.#receives = signals.length > 0;
    this.#source = new SignalSource({
      signal: (number, value, sender) => this.#signal(number, value, sender),
      dropped: (count) => {
        this.#dropped(count);
      },
      told: (drained) => {
        this.#told(drained);
      },
      failed: (error) => {
        this.#sink.fail(error);
      },
    });
    try {
      for (const { number } of signals) this.#source.subscribe(number);
    } catch (error) {
      this.#source.close();
      throw error;
    }
  }

  start(sink: PacketSink): void {
    this.#sink = sink;
    this.#peer?.whenEnded(() => {
      this.#peerHasEnded = true;
      if (this.#receives) this.#readToEnd();
      else this.#sink.fail(this.#peerDied("send signals"));
    });
  }

  send(packets: readonly Uint8Array[], start: number, end: number): number {
    if (this.#retry !== undefined || this.#peer === undefined) return 0;
    let next = start;
    for (let packet = packets[next]; next < end && packet !== undefined; packet = packets[++next]) {
      const result = this.#peerHasEnded ? -ESRCH : this.#peer.send(packet[0] ?? 0, valueIn(packet));
      if (result < 0) return this.#refused(result, packet[0] ?? 0, next - start);
      this.#retryMs = FIRST_RETRY_MS;
    }
    return next - start;
  }

  resume(): void {
    this.#source.resume();
    if (this.#peerHasEnded) this.#readToEnd();
  }

  pause(): void {
    this.#source.pause();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#peer?.close();
    this.#source.close();
    setImmediate(() => {
      this.#sink.released();
    });
  }

  /** Releases everything where no channel could be made of this port. */
  abandon(): void {
    this.#closed = true;
    this.#source.close();
  }

  setRef(alive: boolean): void {
    this.#keepsAlive = alive;
    this.#source.setRef(alive);
    this.#peer?.setRef(alive);
    if (alive) this.#retry?.ref();
    else this.#retry?.unref();
  }

  // ---- from the kernel --------------------------------------------------------------------------------------------

  #signal(number: number, value: number | undefined, sender: Credentials | undefined): boolean {
    // A stranger's signal is no message of this peer; other channels and handlers of this process hear it.
    if (this.#peer !== undefined && sender?.pid !== this.#peer.pid) return true;
    const details = {
      ...(sender === undefined ? undefined : { credentials: sender }),
      ...(value === undefined ? undefined : { value }),
    };
    return this.#sink.packet(packetOf(number, value), details);
  }

  #dropped(count: number): void {
    const text = `${count} ${count === 1 ? "signal was" : "signals were"} lost: they came faster than they were received`;
    this.#sink.spoiled(
      new ChannelError(
        "ERR_SYSTEM",
        `Cannot receive on signal: ${text}; receive sooner, or send values through a channel that has flow control`,
        { operation: "receive", mechanism: "signal", syscall: "write", errno: EAGAIN },
      ),
    );
  }

  #told(drained: boolean): void {
    this.#sink.arrived();
    if (drained && this.#peerHasEnded) this.#tellEnd();
  }

  #tellEnd(): void {
    if (this.#endTold || this.#closed) return;
    this.#endTold = true;
    this.#source.pause();
    this.#sink.ended(true);
  }

  /** The peer's last signals may still be on their way into the pipe, from the handler on another thread: a turn later they are there. */
  #readToEnd(): void {
    setImmediate(() => {
      while (!this.#closed && !this.#endTold && this.#source.isReading) this.#source.read();
    });
  }

  // ---- to the peer ------------------------------------------------------------------------------------------------

  /** Says what follows from a refusal after `sent` packets. */
  #refused(result: number, number: number, sent: number): number {
    // An error that is not the first packet's is told when that packet is the first.
    if (result === -EAGAIN || sent > 0) {
      this.#retryLater();
      return sent;
    }
    const name = signalNumbered(number)?.name ?? String(number);
    if (result !== -ESRCH) throw fromErrno(result, this.#details(`send ${name}`));
    // What it sent before it ended is still received.
    this.#peerHasEnded = true;
    while (!this.#endTold && !this.#closed) this.#source.read();
    this.#tellEnd();
    const error = this.#peerDied(`send ${name}`);
    this.#sink.fail(error);
    throw error;
  }

  #peerDied(what: string): ChannelError {
    const details = this.#details(what);
    return fromErrno(-ESRCH, {
      ...details,
      code: "ERR_PEER_DIED",
      message: `Cannot ${details.action}: it has ended`,
    });
  }

  #details(what: string): ErrnoDetails & { readonly action: string } {
    const pid = this.#peer?.pid ?? 0;
    return {
      operation: "send",
      mechanism: "signal",
      address: `pid ${pid}`,
      syscall: "pidfd_send_signal",
      action: `${what} to process ${pid}`,
    };
  }

  #retryLater(): void {
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      this.#sink.writable();
    }, this.#retryMs);
    if (!this.#keepsAlive) this.#retry.unref();
    this.#retryMs = Math.min(this.#retryMs * 2, LAST_RETRY_MS);
  }
}
