import { BaseListener } from "../core/base-listener.js";
import type { Address, Channel } from "../core/channel.js";
import type { Mechanism } from "../core/traits.js";

/** What takes connections from the kernel. */
export interface ConnectionSource {
  /** Leaves further connections in the backlog. */
  pause(): void;
  resume(): void;
  ref(): void;
  unref(): void;
  close(): Promise<void> | void;
}

/** Whom a {@link ConnectionSource} reports to. */
export interface SourceHooks<C> {
  /** A peer was let in. `make` gives its channel, or throws and releases it. */
  arrived(make: () => C): void;
  /** No more peers can come. */
  failed(error: Error): void;
}

/** A listener over what takes the connections. */
export abstract class AcceptorListener<
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- as in Listener: it does not care what its channels carry
  C extends Channel<any, any>,
  Source extends ConnectionSource,
> extends BaseListener<C> {
  protected readonly source: Source;

  /**
   * @param address - where it listens
   * @param mechanism - what errors name
   * @param open - gives the source, which may call back from the next turn of the event loop on
   */
  constructor(address: Address, mechanism: Mechanism, open: (hooks: SourceHooks<C>) => Source) {
    super(address, mechanism);
    this.source = open({
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

  ref(): this {
    this.source.ref();
    return this;
  }

  unref(): this {
    this.source.unref();
    return this;
  }

  protected override pauseAccepting(): void {
    this.source.pause();
  }

  protected override resumeAccepting(): void {
    this.source.resume();
  }

  protected override release(): Promise<void> {
    return Promise.resolve(this.source.close());
  }
}
