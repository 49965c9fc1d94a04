import type { Credentials } from "../../core/channel.js";
import { ChannelError } from "../../core/errors.js";
import { checkCount, checkOptions } from "../../core/options.js";
import { reached } from "../../core/step.js";
import { checkDuration, describe } from "../../core/wait.js";
import type { Allow } from "../../mechanisms/authorise.js";
import type { UnixSocketChannel, UnixSocketListener } from "../../mechanisms/unix-socket/types.js";
import { UnixSocket } from "../../mechanisms/unix-socket/unix-socket.js";
import type { DaemonLogger } from "../logger.js";
import {
  type HandOverMessage,
  handOverOptions,
  MOST_DESCRIPTORS,
  type OfferedSocket,
  STEP_TIMEOUT,
  VERSION,
} from "./protocol.js";

/** A listener that is to be handed over, whatever it carries; or any other descriptor, which stays the caller's to close after the hand-over. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- what the listener's channels carry does not matter
export type HandedSocket = UnixSocketListener<any, any> | number;

/** Options of {@link offerSockets}. */
export interface OfferSocketsOptions {
  /** Who may take the sockets. `"self"` by default: this user, and root. */
  readonly allow?: Allow | undefined;
  /** Milliseconds that a successor may take from the offer until it serves; then it is refused, and this process goes on. 60,000 by default. */
  readonly readyTimeout?: number | undefined;
  /** Told of successors that fail. */
  readonly logger?: Pick<DaemonLogger, "warn"> | undefined;
}

/** Sockets that wait for a successor. */
export interface SocketOffer extends AsyncDisposable {
  /**
   * Fulfils when a successor serves in this process's place and nothing more can arrive here, with who it is. What remains is to end in order: to answer the calls in flight, and to close the
   * channels. It never rejects, and waits for ever when the offer is closed first.
   */
  readonly handedOver: Promise<Credentials>;
  /** Withdraws the offer. A successor that has not said that it serves is refused. To be called *before* the listeners are closed. */
  close(): Promise<void>;
}

/**
 * Offers listening sockets to the next version of this program, which asks for them by {@link takeSockets}. Until that one serves, this process goes on: a successor that dies, fails or
 * takes too long changes nothing. Then the listeners are handed over with the names and locks of their paths, and with everybody in their backlog; see
 * {@link UnixSocketListener.handOver}.
 *
 * @param path - of a socket for this alone, in a directory where only this user may write; its mode is 0o600
 * @param sockets - listeners (and other descriptors) by name
 * @param options - who may take them, and how long that may take
 * @returns a promise that fulfils when successors can come
 * @throws (by the promise) TypeError or RangeError for a wrong argument; ChannelError as {@link UnixSocket.listen}
 * @example
 * ```ts run
 * import { UnixSocket } from "sluice";
 * import { offerSockets, takeSockets } from "sluice/daemon";
 *
 * const path = `/tmp/sluice-example-restart-${process.pid}.sock`;
 * const old = await UnixSocket.listen(path);
 * const offer = await offerSockets(`${path}.restart`, { control: old });
 *
 * // In the new process:
 * const taken = await takeSockets(`${path}.restart`);
 * await using listener = await (taken?.listen("control") ?? UnixSocket.listen(path));
 * await taken?.ready();
 *
 * // And in the old one, which ends when its calls are answered:
 * console.log("handed over to pid", (await offer.handedOver).pid);
 * await old.close();
 * ```
 */
export async function offerSockets(
  path: string,
  sockets: Readonly<Record<string, HandedSocket>>,
  options: OfferSocketsOptions = {},
): Promise<SocketOffer> {
  checkOptions(options);
  const { readyTimeout = 60_000 } = options;
  checkDuration("options.readyTimeout", readyTimeout);
  checkSockets(sockets);
  const listener = await UnixSocket.listen(path, handOverOptions(options.allow));
  return new Offer(listener, Object.entries(sockets), readyTimeout, options.logger);
}

type Successor = UnixSocketChannel<HandOverMessage>;

class Offer implements SocketOffer {
  readonly handedOver: Promise<Credentials>;
  readonly #listener: UnixSocketListener<HandOverMessage>;
  readonly #sockets: readonly (readonly [string, HandedSocket])[];
  readonly #readyTimeout: number;
  readonly #logger: OfferSocketsOptions["logger"];
  readonly #withdrawn = new AbortController();
  #settled: Promise<void>;
  #done!: (successor: Credentials) => void;

  constructor(
    listener: UnixSocketListener<HandOverMessage>,
    sockets: readonly (readonly [string, HandedSocket])[],
    readyTimeout: number,
    logger: OfferSocketsOptions["logger"],
  ) {
    this.#listener = listener.unref();
    this.#sockets = sockets;
    this.#readyTimeout = readyTimeout;
    this.#logger = logger;
    this.handedOver = new Promise((resolve) => {
      this.#done = resolve;
    });
    this.#settled = this.#serve().catch((err: unknown) => {
      this.#logger?.warn({ err }, "no successor can come any more; this process goes on");
    });
  }

  async close(): Promise<void> {
    this.#withdrawn.abort(new Error("it is about to end"));
    await this.#listener.close();
    await this.#settled;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** One successor at a time; the others wait in the backlog. */
  async #serve(): Promise<void> {
    for await (const successor of this.#listener) {
      try {
        if (!(await this.#becomesReady(successor))) continue;
        await this.#handOver(successor);
        return;
      } finally {
        successor.destroy();
      }
    }
  }

  async #becomesReady(successor: Successor): Promise<boolean> {
    const { signal } = this.#withdrawn;
    const peer = successor.peer;
    try {
      const { take } = await successor.receive({ timeout: STEP_TIMEOUT, signal });
      if (take !== VERSION)
        throw new Error(`it knows version ${VERSION} of the hand-over, not ${describe(take)}`);
      STEP: reached("hand-over: asked for");
      const { offer, handles } = this.#collect();
      await successor.send({ offer }, { handles, timeout: STEP_TIMEOUT, signal });
      STEP: reached("hand-over: offered");
      const { ready } = await successor.receive({ timeout: this.#readyTimeout, signal });
      signal.throwIfAborted();
      STEP: reached("hand-over: successor ready");
      if (ready === true) return true;
      throw new Error("it has said something else than ready");
    } catch (error) {
      this.#logger?.warn({ err: error, peer }, "a successor has not become ready; this process goes on");
      await this.#refuse(successor, error as Error);
      return false;
    }
  }

  /** A successor that is told nothing takes this process for dead. */
  async #refuse(successor: Successor, error: Error): Promise<void> {
    const late = error instanceof ChannelError && error.code === "ERR_TIMEOUT";
    try {
      await successor.send({ refused: late ? "its patience is over" : error.message }, { timeout: 0 });
      await successor.close({ deadline: STEP_TIMEOUT });
    } catch (gone) {
      // It has died, which is why it was refused; or it does not read, and will find what was sent when it does.
      if (!(gone instanceof ChannelError)) throw gone;
    }
  }

  async #handOver(successor: Successor): Promise<void> {
    const { peer } = successor;
    // One that was closed meanwhile is gone for the successor, too, which finds that out.
    await Promise.allSettled(
      this.#sockets.map(([, socket]) => (typeof socket === "number" ? Promise.resolve() : socket.handOver())),
    );
    STEP: reached("hand-over: listeners left");
    // The name is free when it hears that all is its own.
    await this.#listener.close();
    try {
      STEP: reached("hand-over: name free");
      await successor.send({ yours: true }, { timeout: STEP_TIMEOUT });
      await successor.close({ deadline: STEP_TIMEOUT });
    } catch (error) {
      this.#logger?.warn({ err: error, peer }, "the successor was ready, and has died since");
    }
    STEP: reached("hand-over: done");
    this.#done(peer);
  }

  #collect(): { readonly offer: readonly OfferedSocket[]; readonly handles: readonly number[] } {
    const handles: number[] = [];
    const offer = this.#sockets.map(([name, socket]) => {
      const fds = typeof socket === "number" ? [socket] : socket.handles;
      if (fds.length === 0) throw new Error(`its listener ${describe(name)} is closed`);
      handles.push(...fds);
      return { name, locked: fds.length > 1 };
    });
    return { offer, handles };
  }
}

function checkSockets(sockets: unknown): void {
  if (typeof sockets !== "object" || sockets === null)
    throw new TypeError(`sockets must be an object of listeners, received ${describe(sockets)}`);
  const entries = Object.entries(sockets as Record<string, unknown>);
  checkCount("the number of sockets", entries.length, 1, Math.floor(MOST_DESCRIPTORS / 2));
  for (const [name, socket] of entries) {
    if (typeof socket === "number") checkCount(`sockets.${name}`, socket, 0, 2 ** 31 - 1);
    else if (typeof (socket as Partial<UnixSocketListener<unknown>> | null)?.handOver !== "function")
      throw new TypeError(
        `sockets.${name} must be a listener of UnixSocket or a descriptor, received ${describe(socket)}`,
      );
  }
}
