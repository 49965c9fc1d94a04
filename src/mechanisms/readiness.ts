import { loadCore } from "../native/binding.js";
import { READABLE, WRITABLE } from "../native/constants.js";
import { BusyPoll } from "./busy-poll.js";
import { Courtesy } from "./courtesy.js";
import { WatchedDescriptor } from "./watched-descriptor.js";

/** What {@link Readiness} needs of its port. */
export interface ReadinessHooks {
  /** What there is to be told of, now: a mask of READABLE, WRITABLE and DISCONNECT. */
  wanted(): number;
  /** Whether asking by turns may tell it as well as watching. */
  mayAsk(): boolean;
  /** As of a {@link WatchedDescriptor}. Also where it is asked by turns: whatever is wanted is to be tried then. */
  ready(status: number, events: number): void;
  /** Reads what is there, on the stack of a receiver who is about to wait. Whether something has come, or nothing can. */
  look(): boolean;
}

/**
 * How a port learns that its descriptor can be read or written: the event loop watches it (epoll(7)), or asks it at each turn while messages follow one another
 * ({@link BusyPoll}), or a receiver who is about to wait looks after offering the processor to its peer ({@link Courtesy}).
 */
export class Readiness {
  readonly #hooks: ReadinessHooks;
  readonly #watched: WatchedDescriptor;
  readonly #busyPoll: BusyPoll;
  #courtesy: Courtesy | undefined;
  #only: number | undefined;

  /** @throws what {@link WatchedDescriptor} throws */
  constructor(fd: number, hooks: ReadinessHooks) {
    this.#hooks = hooks;
    this.#watched = new WatchedDescriptor(fd, (status, events) => {
      hooks.ready(status, events);
      this.settle();
    });
    this.#busyPoll = new BusyPoll(() => {
      // Who has paused meanwhile must not be made to read.
      if (hooks.mayAsk()) hooks.ready(0, hooks.wanted() & (READABLE | WRITABLE));
      this.settle();
    });
  }

  /** So many messages came, or left. */
  found(count: number): void {
    this.#busyPoll.found(count);
  }

  /**
   * Something was read; see {@link BusyPoll.read}.
   *
   * @param count - messages
   * @param sent - changes with everything that is sent
   */
  read(count: number, sent: number): void {
    this.#busyPoll.read(count, sent);
  }

  get fd(): number {
    return this.#watched.fd;
  }

  /** Whether `close` was called. */
  get isClosed(): boolean {
    return this.#watched.isClosed;
  }

  /** Whether nobody watches, because the descriptor is asked at the next turn of the event loop. */
  get isAsked(): boolean {
    return this.#busyPoll.isOn;
  }

  /** What is wanted may have changed. */
  update(): void {
    if (!this.isClosed) this.#watched.watch(this.#only ?? this.#events());
  }

  /** As `update`, after messages that may have come or left: decides how to learn of more. */
  settle(): void {
    if (this.isClosed) return;
    if (this.#only === undefined && this.#hooks.mayAsk()) this.#busyPoll.goesOn();
    else this.#busyPoll.stop();
    this.update();
  }

  /** From now on these events are watched for and nothing else. */
  watchOnly(events: number): void {
    this.#only = events;
    this.settle();
  }

  /**
   * Somebody is about to wait for a message.
   *
   * @param sent - changes with everything that is sent
   */
  beforeWait(sent: number): void {
    if (sent === 0) return;
    this.#courtesy ??= new Courtesy(
      loadCore(),
      // A look that found the peer gone has closed the descriptor, whose number may be somebody else's by now.
      () => this.isClosed || this.#hooks.look(),
      () => {
        this.update();
      },
    );
    if (this.#courtesy.isFitting(sent)) this.#courtesy.offer();
  }

  setRef(alive: boolean): void {
    this.#watched.setRef(alive);
    this.#busyPoll.setRef(alive);
    this.update();
  }

  /** Nothing is told any more. The descriptor stays open. */
  close(): void {
    this.#busyPoll.stop();
    this.#watched.close();
  }

  #events(): number {
    if (this.#busyPoll.isOn) return 0;
    const wanted = this.#hooks.wanted();
    return this.#courtesy?.converses === true ? wanted & WRITABLE : wanted;
  }
}
