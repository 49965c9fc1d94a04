import { BaseListener } from "../../core/base-listener.js";
import { type ChannelError, unsupported } from "../../core/errors.js";
import type { Mechanism } from "../../core/traits.js";
import type { UnixSocketChannel, UnixSocketListener } from "./types.js";

/** What accepts the connections: a ListeningSocket, or what stands in for it without the native core. */
export interface Acceptor {
  readonly refused: number;
  pause(): void;
  resume(): void;
  ref(): void;
  unref(): void;
  close(): Promise<void>;
  /** Absent: it cannot be handed over. */
  readonly handles?: readonly number[];
  handOver?(): Promise<void>;
}

/** Whom an {@link Acceptor} reports to. */
export interface AcceptorHooks<Out, In> {
  /** A peer was let in. `make` gives its channel, or throws and releases it. */
  arrived(make: () => UnixSocketChannel<Out, In>): void;
  /** No more peers can come. */
  failed(error: ChannelError): void;
}

/** A listener over an {@link Acceptor}. */
export class SocketListener<Out, In>
  extends BaseListener<UnixSocketChannel<Out, In>>
  implements UnixSocketListener<Out, In>
{
  declare readonly address: string;
  readonly #acceptor: Acceptor;

  /**
   * @param address - where it listens
   * @param mechanism - what errors name
   * @param open - begins to accept
   */
  constructor(address: string, mechanism: Mechanism, open: (hooks: AcceptorHooks<Out, In>) => Acceptor) {
    super(address, mechanism);
    this.#acceptor = open({
      arrived: (make) => {
        try {
          this.arrived(make());
        } catch (error) {
          this.failed(error as Error);
        }
      },
      failed: (error) => {
        this.failed(error);
      },
    });
  }

  get refused(): number {
    return this.#acceptor.refused;
  }

  get handles(): readonly number[] {
    return this.#acceptor.handles ?? cannotHandOver(this.address);
  }

  handOver(): Promise<void> {
    const acceptor = this.#acceptor;
    return this.leave(async () => {
      await (acceptor.handOver?.() ?? cannotHandOver(this.address));
    });
  }

  ref(): this {
    this.#acceptor.ref();
    return this;
  }

  unref(): this {
    this.#acceptor.unref();
    return this;
  }

  protected override pauseAccepting(): void {
    this.#acceptor.pause();
  }

  protected override resumeAccepting(): void {
    this.#acceptor.resume();
  }

  protected override release(): Promise<void> {
    return this.#acceptor.close();
  }
}

function cannotHandOver(address: string): never {
  const text = `Cannot hand over the listener at ${JSON.stringify(address)}: that takes the native core`;
  throw unsupported(text, { operation: "hand over", address });
}
