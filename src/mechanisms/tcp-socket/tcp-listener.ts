import type { InternetAddress } from "../../core/channel.js";
import { AcceptorListener } from "../acceptor-listener.js";
import type { Acceptor } from "./acceptors.js";
import { Gate } from "./gate.js";
import type { CheckedListenOptions } from "./options.js";
import type { TcpChannel, TcpListener } from "./types.js";

/** A listener: an {@link Acceptor} brings connections, a {@link Gate} lets them in. */
export class TcpServer<Out, In>
  extends AcceptorListener<TcpChannel<Out, In>, Acceptor>
  implements TcpListener<Out, In>
{
  declare readonly address: InternetAddress;
  readonly #gate: Gate<Out, In>;

  /**
   * @param acceptor - it belongs to the listener when the constructor has returned
   * @param options - complete and checked
   */
  constructor(acceptor: Acceptor, options: CheckedListenOptions<Out, In>) {
    let gate: Gate<Out, In> | undefined;
    super(acceptor.address, "tcp-socket", (hooks) => {
      gate = new Gate(options, {
        arrived: (make) => {
          hooks.arrived(make);
        },
        changed: () => {
          acceptor.watch();
        },
      });
      acceptor.start(gate, (error) => {
        hooks.failed(error);
      });
      return acceptor;
    });
    this.#gate = gate as unknown as Gate<Out, In>;
  }

  get refused(): number {
    return this.#gate.refused;
  }

  protected override async release(): Promise<void> {
    await super.release();
    this.#gate.close();
  }
}
