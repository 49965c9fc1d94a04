import type { Socket } from "node:net";
import { observer } from "../../core/observer.js";
import type { ConnectionSink } from "./acceptors.js";
import { type Arrival, arrivalOfDescriptor, arrivalOfSocket, applySettings, toSocket } from "./arrival.js";
import type { CheckedListenOptions } from "./options.js";
import type { TcpStreamChannel } from "./tcp-channel.js";
import { TlsReception } from "./tls-reception.js";
import type { TcpPeer } from "./types.js";

/** Whom a {@link Gate} tells. */
export interface GateHooks<Out, In> {
  /** A peer was let in. `make` gives its channel, or throws and releases it. */
  arrived(make: () => TcpStreamChannel<Out, In>): void;
  /** One more connection may enter, perhaps. */
  changed(): void;
}

/** Peers that shake hands, or about which the user's function is being asked. More wait in the backlog. */
const MOST_PENDING = 1024;

/** What a connection goes through before it is a channel: the handshake of TLS, and the user's `allow`. */
export class Gate<Out, In> implements ConnectionSink {
  refused = 0;
  readonly #options: CheckedListenOptions<Out, In>;
  readonly #hooks: GateHooks<Out, In>;
  readonly #tls: TlsReception | undefined;
  readonly #asked = new Set<Arrival>();
  #open = 0;
  #closed = false;

  /** @throws TypeError for options that node:tls does not take */
  constructor(options: CheckedListenOptions<Out, In>, hooks: GateHooks<Out, In>) {
    this.#options = options;
    this.#hooks = hooks;
    if (options.tls === undefined) return;
    this.#tls = new TlsReception(options.tls, options.handshakeTimeout, {
      shaken: (socket, raw) => {
        this.#judge(arrivalOfSocket(socket, raw));
      },
      failed: (peer, error) => {
        this.#refuse(peer, error);
        this.#hooks.changed();
      },
    });
  }

  /** Whether one more connection may enter. */
  get hasRoom(): boolean {
    const pending = this.#asked.size + (this.#tls?.pending ?? 0);
    return pending < MOST_PENDING && this.#open + pending < this.#options.maxConnections;
  }

  /** A connection of the native core, which belongs to the gate from now on. */
  enterDescriptor(fd: number): void {
    applySettings(fd, this.#options);
    if (this.#tls !== undefined) this.#tls.enter(toSocket(fd));
    else this.#judge(arrivalOfDescriptor(fd));
  }

  /** A connection of `node:net`, likewise. */
  enterSocket(socket: Socket): void {
    if (this.#tls !== undefined) this.#tls.enter(socket);
    else this.#judge(arrivalOfSocket(socket, socket));
  }

  /** Drops whoever is not through. */
  close(): void {
    this.#closed = true;
    this.#tls?.close();
    for (const arrival of this.#asked) arrival.drop();
    this.#asked.clear();
  }

  #judge(arrival: Arrival | undefined): void {
    if (arrival === undefined) return;
    const { allow } = this.#options;
    if (allow === undefined) {
      this.#admit(arrival);
      return;
    }
    this.#asked.add(arrival);
    const decided = (allowed: boolean): void => {
      if (!this.#asked.delete(arrival)) return; // the listener was closed, and the connection dropped
      if (allowed) this.#admit(arrival);
      else {
        arrival.drop();
        this.#refuse(arrival.peer);
      }
      this.#hooks.changed();
    };
    isAllowed(allow, arrival.peer).then(decided, (error: unknown) => {
      decided(false);
      process.nextTick(() => {
        throw error;
      });
    });
  }

  #admit(arrival: Arrival): void {
    this.#hooks.arrived(() => {
      const channel = arrival.open(this.#options);
      this.#open++;
      void channel.closed.then(() => {
        this.#open--;
        this.#hooks.changed();
      });
      return channel;
    });
  }

  #refuse({ remoteAddress, tls }: Omit<TcpPeer, "localAddress">, error?: Error): void {
    this.refused++;
    observer()?.refused({ mechanism: "tcp-socket", address: undefined, peer: { remoteAddress, tls }, error });
    const { onRefuse } = this.#options;
    if (onRefuse === undefined || this.#closed) return;
    process.nextTick(() => {
      onRefuse({ remoteAddress, tls }, error);
    });
  }
}

/** What the user's function says. Strictly true: a function that forgets its return must not let everybody in. */
export async function isAllowed(
  allow: NonNullable<CheckedListenOptions<unknown, unknown>["allow"]>,
  { remoteAddress, localAddress, tls }: TcpPeer,
): Promise<boolean> {
  return ((await allow({ remoteAddress, localAddress, tls })) as unknown) === true;
}
