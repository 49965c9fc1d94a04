import { BaseListener } from "../../core/base-listener.js";
import type { InternetAddress } from "../../core/channel.js";
import type { Acceptor } from "./acceptors.js";
import { Gate } from "./gate.js";
import type { CheckedListenOptions } from "./options.js";
import type { TcpChannel, TcpListener } from "./types.js";

/** A listener: an {@link Acceptor} brings connections, a {@link Gate} lets them in. */
export class TcpServer<Out, In> extends BaseListener<TcpChannel<Out, In>> implements TcpListener<Out, In> {
  declare readonly address: InternetAddress;
  readonly #acceptor: Acceptor;
  readonly #gate: Gate<Out, In>;

  /**
   * @param acceptor - it belongs to the listener when the constructor has returned
   * @param options - complete and checked
   */
  constructor(acceptor: Acceptor, options: CheckedListenOptions<Out, In>) {
    super(acceptor.address, "tcp-socket");
    this.#acceptor = acceptor;
    this.#gate = new Gate(options, {
      arrived: (make) => {
        try {
          this.arrived(make());
        } catch (error) {
          this.failed(error as Error);
        }
      },
      changed: () => {
        acceptor.watch();
      },
    });
    acceptor.start(this.#gate, (error) => {
      this.failed(error);
    });
  }

  get refused(): number {
    return this.#gate.refused;
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
    this.#acceptor.close();
    this.#gate.close();
    return Promise.resolve();
  }
}
