import type { Address, Channel, Listener, WaitOptions } from "./channel.js";
import { Deque } from "./deque.js";
import { ChannelError } from "./errors.js";
import { showAs } from "./inspect.js";
import type { Mechanism } from "./traits.js";
import { observer } from "./observer.js";
import type { ListenerStatistics } from "./statistics.js";
import { checkWaitOptions, Wait, WaitList } from "./wait.js";

/** Channels that nobody has accepted yet wait here up to this number; then the kernel's backlog fills. */
const UNACCEPTED_LIMIT = 64;

/** The semantics that every listener shares: who waits for a peer, which peers wait to be accepted, and the end. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- as in Listener: it does not care what its channels carry
export abstract class BaseListener<C extends Channel<any, any>> implements Listener<C> {
  readonly address: Address;
  readonly #mechanism: Mechanism;
  readonly #channels = new Deque<C>();
  readonly #waits = new WaitList<Wait<C>>();
  #closing: Promise<void> | undefined;
  #leaving: Promise<void> | undefined;
  #failure: Error | undefined;
  #arrived = 0;

  static {
    showAs(BaseListener.prototype as BaseListener<Channel<never, unknown>>, "Listener", (self) => {
      const isOpen = (self.#closing ?? self.#leaving ?? self.#failure) === undefined;
      return { mechanism: self.#mechanism, address: self.address, state: isOpen ? "open" : "closed" };
    });
  }

  constructor(address: Address, mechanism: Mechanism) {
    this.address = address;
    this.#mechanism = mechanism;
    observer()?.listening(this, mechanism);
  }

  /** Stops taking peers from the kernel until `resumeAccepting`. */
  protected abstract pauseAccepting(): void;
  protected abstract resumeAccepting(): void;
  /** Stops listening and releases the address. */
  protected abstract release(): Promise<void>;

  accept(options?: WaitOptions): Promise<C> {
    try {
      if (options !== undefined) checkWaitOptions(options);
    } catch (error) {
      return Promise.reject(error);
    }
    const channel = this.#channels.shift();
    if (channel !== undefined) {
      if (this.#channels.length === UNACCEPTED_LIMIT - 1 && this.#closing === undefined)
        this.resumeAccepting();
      return Promise.resolve(channel);
    }
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#closing !== undefined) return Promise.reject(this.#closedError());
    const wait = new Wait<C>();
    wait.join(this.#waits);
    if (options !== undefined)
      wait.bound(options, () =>
        this.#error("ERR_TIMEOUT", "accept", `nobody came within ${options.timeout ?? 0} ms`),
      );
    return wait.promise;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<C, void, undefined> {
    try {
      for (;;) yield await this.accept();
    } catch (error) {
      if (!(error instanceof ChannelError && error.code === "ERR_CHANNEL_CLOSED")) throw error;
    } finally {
      await this.close();
    }
  }

  close(): Promise<void> {
    // After a hand-over there may be channels that nobody has accepted, and nothing else.
    if (this.#closing !== undefined) this.#dropUnaccepted();
    this.#closing ??= this.#close();
    return this.#closing;
  }

  statistics(): ListenerStatistics {
    return { arrived: this.#arrived, waiting: this.#channels.length };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** A peer has come. `false`: too many wait to be accepted; accepting pauses until somebody takes one. */
  protected arrived(channel: C): boolean {
    if (this.#closing !== undefined) {
      channel.destroy();
      return false;
    }
    this.#arrived++;
    const wait = this.#waits.first();
    if (wait !== undefined) {
      wait.fulfil(channel);
      return true;
    }
    this.#channels.push(channel);
    if (this.#channels.length < UNACCEPTED_LIMIT) return true;
    this.pauseAccepting();
    return false;
  }

  /**
   * Stops taking peers, by `detach`, which fulfils when nothing more can arrive here. Channels that wait to be accepted still can be; then the listener is closed.
   */
  protected leave(detach: () => Promise<void>): Promise<void> {
    if (this.#closing !== undefined && this.#leaving === undefined)
      return Promise.reject(this.#error("ERR_CHANNEL_CLOSED", "hand over", "the listener is closed"));
    this.#leaving ??= detach().then(() => {
      if (this.#closing === undefined) observer()?.stopped(this, this.#mechanism);
      this.#closing ??= Promise.resolve();
      this.#waits.rejectAll(() => this.#closedError());
    });
    return this.#leaving;
  }

  /** No further peer can come, for this reason. */
  protected failed(error: Error): void {
    this.#failure = error;
    this.#waits.rejectAll(() => error);
    this.close().catch(() => undefined); // the failure is what accept tells; releasing after it has nobody to tell
  }

  #close(): Promise<void> {
    this.#waits.rejectAll(() => this.#failure ?? this.#closedError());
    this.#dropUnaccepted();
    observer()?.stopped(this, this.#mechanism);
    return this.release();
  }

  #dropUnaccepted(): void {
    for (let channel = this.#channels.shift(); channel !== undefined; channel = this.#channels.shift())
      channel.destroy();
  }

  #closedError(): ChannelError {
    return this.#error("ERR_CHANNEL_CLOSED", "accept", "the listener is closed");
  }

  #error(code: "ERR_CHANNEL_CLOSED" | "ERR_TIMEOUT", operation: string, text: string): ChannelError {
    const details = { operation, mechanism: this.#mechanism, address: this.address };
    return new ChannelError(code, `Cannot ${operation} on ${JSON.stringify(this.address)}: ${text}`, details);
  }
}
