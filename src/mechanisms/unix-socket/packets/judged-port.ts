import type { Credentials, SendOptions } from "../../../core/channel.js";
import type { ChannelError } from "../../../core/errors.js";
import type { PacketDetails, PacketPort, PacketSink } from "../../../core/packet-port.js";
import type { Admission } from "./engine.js";

/** Messages that wait for a verdict at most; then reading stops. */
const WAITING_LIMIT = 64;
const NOBODY: Credentials = Object.freeze({ pid: 0, uid: -1, gid: -1 });

/** A message, or the error in the place of one. */
type Arrival =
  { readonly bytes: Buffer; readonly details: PacketDetails | undefined } | { readonly error: ChannelError };

/**
 * Puts a function of the user between a port and its channel: each incoming message is asked for, in order, outside of native
 * callbacks, and dropped unless the answer is `true`.
 */
export class JudgedPort implements PacketPort {
  readonly hasPeer: boolean;
  readonly capabilities: NonNullable<PacketPort["capabilities"]>;
  readonly sendWith?: (packet: Uint8Array, options: SendOptions) => boolean;
  readonly #port: PacketPort;
  readonly #admission: Admission;
  readonly #waiting: Arrival[] = [];
  #sink!: PacketSink;
  #judging = false;
  // The channel takes messages; it stops the judging as it stops reading.
  #wanted = false;
  #closed = false;

  constructor(port: PacketPort, admission: Admission) {
    this.#port = port;
    this.#admission = admission;
    this.hasPeer = port.hasPeer ?? true;
    this.capabilities = port.capabilities ?? [];
    if (port.sendWith !== undefined)
      this.sendWith = (packet, options) => port.sendWith?.(packet, options) === true;
  }

  start(sink: PacketSink): void {
    this.#sink = sink;
    this.#port.start({
      packet: (bytes, details) => this.#waiting.push({ bytes, details }) < WAITING_LIMIT,
      arrived: () => {
        this.#judgeSoon();
      },
      writable: (to) => {
        sink.writable(to);
      },
      ended: (gone) => {
        sink.ended(gone);
      },
      spoiled: (error) => {
        this.#waiting.push({ error });
      },
      fail: (error) => {
        sink.fail(error);
      },
      released: () => {
        sink.released();
      },
    });
  }

  send(packets: readonly Uint8Array[], start: number, end: number): number {
    return this.#port.send(packets, start, end);
  }

  resume(): void {
    this.#wanted = true;
    if (this.#waiting.length > 0) this.#judgeSoon();
    else this.#port.resume();
  }

  pause(): void {
    this.#wanted = false;
    this.#port.pause();
  }

  close(graceful: boolean): void {
    this.#closed = true;
    this.#port.close(graceful);
  }

  setRef(alive: boolean): void {
    this.#port.setRef(alive);
  }

  #judgeSoon(): void {
    if (this.#judging) return;
    this.#judging = true;
    process.nextTick(() => {
      void this.#judge();
    });
  }

  async #judge(): Promise<void> {
    while (this.#wanted && !this.#closed) {
      const next = this.#waiting.shift();
      if (next === undefined) break;
      if ("error" in next) {
        this.#sink.spoiled(next.error);
        continue;
      }
      const credentials = next.details?.credentials ?? NOBODY;
      const admitted = await this.#ask(credentials);
      if (this.#closed as boolean) break;
      if (!admitted) this.#admission.refused(credentials);
      else if (!this.#sink.packet(next.bytes, next.details)) this.#wanted = false;
    }
    this.#judging = false;
    if (this.#closed) return;
    this.#sink.arrived();
    if (this.#wanted) this.#port.resume();
  }

  async #ask(credentials: Credentials): Promise<boolean> {
    try {
      return await this.#admission.authorisation.ask(credentials);
    } catch (error) {
      // It concerns no call of the user, so it is an ordinary uncaught exception; the message is not let in.
      process.nextTick(() => {
        throw error;
      });
      return false;
    }
  }
}
