import type { ReceiveOptions } from "../../core/channel.js";
import type { Codec } from "../../core/codec.js";
import { DROPPED, Incoming, type IncomingHooks, type Kind } from "../../core/incoming.js";
import type { ResolvedQueueLimits } from "../../core/options.js";
import { describe, Wait } from "../../core/wait.js";
import { ANY, type QueuePort, type Wanted } from "./queue-port.js";

/** A loop of receives that finds a message each time never leaves the microtask queue; after so many it waits for a turn of the event loop. */
const MESSAGES_A_TURN = 512;

/** Somebody who waits for messages. */
class DemandWait extends Wait<unknown> {
  readonly kind: Kind;
  readonly max: number;
  readonly selection: number;
  readonly operation: string;

  constructor(kind: Kind, max: number, selection: number, operation: string) {
    super();
    this.kind = kind;
    this.max = max;
    this.selection = selection;
    this.operation = operation;
  }
}

/** Those who wait, in the order of their calls, and how many want what. */
class Line {
  readonly waits = new Set<DemandWait>();
  readonly wanted = new Map<number, number>();
  readonly #onLeave: () => void;

  constructor(onLeave: () => void) {
    this.#onLeave = onLeave;
  }

  append(wait: DemandWait): void {
    this.waits.add(wait);
    this.wanted.set(wait.selection, (this.wanted.get(wait.selection) ?? 0) + 1);
  }

  remove(wait: DemandWait): void {
    if (!this.waits.delete(wait)) return;
    const others = (this.wanted.get(wait.selection) ?? 1) - 1;
    if (others > 0) this.wanted.set(wait.selection, others);
    else {
      this.wanted.delete(wait.selection);
      this.#onLeave();
    }
  }
}

/**
 * The receiving half of a channel whose messages belong to whoever takes them first. It takes a message from the kernel only in the moment in which somebody
 * gets it, so that none is in hand when this side closes.
 */
export class DemandIncoming<In, Owner> extends Incoming<In, Owner> {
  readonly #port: QueuePort;
  readonly #limits: ResolvedQueueLimits;
  readonly #maxMessageSize: number;
  readonly #owner: Owner;
  readonly #hooks: IncomingHooks<Owner>;
  readonly #mayTakeMany: boolean;
  readonly #line: Line;
  #isOver = false;
  #serving = false;
  #takenThisTurn = 0;

  constructor(
    port: QueuePort,
    maxMessageSize: number,
    limits: ResolvedQueueLimits,
    codec: Codec<never, In>,
    owner: Owner,
    hooks: IncomingHooks<Owner>,
  ) {
    super(limits, codec, owner, hooks);
    this.#port = port;
    this.#limits = limits;
    this.#maxMessageSize = maxMessageSize;
    this.#owner = owner;
    this.#hooks = hooks;
    // What a codec refuses is an error between two messages, and what follows it must not have been taken yet.
    this.#mayTakeMany = codec.decodesToItself === true;
    this.#line = new Line(() => {
      if (!this.#serving) port.watch();
    });
  }

  /** Who waits for what. */
  get wanted(): Wanted {
    return this.#line.wanted;
  }

  /** There may be messages. A codec is the user's code, which must not run in the native callback that reports them. */
  readable(): void {
    if (this.#mayTakeMany) this.#serve();
    else process.nextTick(() => this.#serve());
  }

  override receive(
    kind: Kind,
    max: number,
    options: ReceiveOptions | undefined,
    operation: string,
  ): Promise<unknown> {
    try {
      const selection = options?.type === undefined ? ANY : checkSelection(options.type);
      if (this.#isOver) return super.receive(kind, max, undefined, operation);
      // Those who wait come first: then everybody stands in the line.
      if (this.#line.waits.size === 0 && !this.#isTurnDue()) {
        const taken = this.#take(kind, max, selection, operation);
        if (taken !== undefined) return taken;
      }
      return this.#wait(new DemandWait(kind, max, selection, operation), options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  override tryReceive(): In | undefined {
    this.#serve();
    while (!this.#isOver && this.pending === 0 && !this.wanted.has(ANY)) {
      const [message] = this.#port.take(ANY, 1);
      if (message === undefined) break;
      this.#push(message);
      const taken = this.takeMessage();
      if (taken !== DROPPED) return taken;
    }
    return super.tryReceive();
  }

  override over(reason: () => Error): void {
    super.over(reason);
    if (this.#isOver) return;
    this.#isOver = true;
    process.nextTick(() => {
      this.#tellOver();
    });
  }

  #tellOver(): void {
    for (const wait of this.#line.waits)
      wait.fulfil(super.receive(wait.kind, wait.max, undefined, wait.operation));
  }

  #wait(wait: DemandWait, options: ReceiveOptions | undefined): Promise<unknown> {
    const isFirst = this.#line.waits.size === 0;
    wait.join(this.#line);
    if (this.#isOver) this.#tellOver();
    else if (isFirst) this.#port.watch();
    else this.#serve();
    if (options !== undefined && this.#line.waits.has(wait)) {
      const { operation } = wait;
      wait.bound(options, () =>
        this.#hooks.error(
          this.#owner,
          "ERR_TIMEOUT",
          operation,
          `nothing came within ${options.timeout ?? 0} ms`,
        ),
      );
    }
    return wait.promise;
  }

  /** Serves those who wait, each with what it wants, in the order of their calls. */
  #serve(): void {
    if (this.#serving || this.#isOver || this.#line.waits.size === 0) return;
    this.#serving = true;
    try {
      const missing = new Set<number>();
      for (const wait of this.#line.waits) {
        if (this.#isOver || this.#isTurnDue() || missing.has(ANY)) break;
        if (missing.has(wait.selection)) continue;
        const taken = this.#take(wait.kind, wait.max, wait.selection, wait.operation);
        if (taken === undefined) missing.add(wait.selection);
        else wait.fulfil(taken);
      }
    } finally {
      this.#serving = false;
    }
    if (!this.#isOver) this.#port.watch();
  }

  /** What one receive gets, in the shape that it wants; `undefined`: nothing is there. */
  #take(kind: Kind, max: number, selection: number, operation: string): Promise<unknown> | undefined {
    if (this.pending > 0) return this.receiveNow(kind, max);
    if (kind === "many") return this.#takeMany(Math.min(max, this.#limits.messages), selection, operation);
    for (;;) {
      const [message] = this.#port.take(selection, 1);
      if (message === undefined) return undefined;
      this.#push(message, kind === "envelope");
      const taken = this.receiveNow(kind, max);
      if (taken !== undefined || this.#isTurnDue()) return taken;
    }
  }

  #takeMany(most: number, selection: number, operation: string): Promise<unknown> | undefined {
    const messages: In[] = [];
    let bytes = 0;
    while (messages.length < most && bytes < this.#limits.bytes) {
      const taken = this.#port.take(selection, this.#mayTakeMany ? most - messages.length : 1);
      if (taken.length === 0) break;
      for (const message of taken) {
        bytes += message.length;
        this.#push(message);
        try {
          const got = this.takeMessage();
          if (got !== DROPPED) messages.push(got);
        } catch (error) {
          // What was good is delivered now; the error goes to the next receive. No message follows it (see `QueuePort.take`).
          this.unshiftError(error);
          return messages.length > 0
            ? Promise.resolve(messages)
            : super.receive("many", 1, undefined, operation);
        }
      }
      if (this.#isTurnDue()) break;
    }
    return messages.length > 0 ? Promise.resolve(messages) : undefined;
  }

  /** Hands a message that was taken to the queue, from which it is received at once. */
  #push(message: Buffer, detailed = false): void {
    this.#countForTurn();
    if (message.length > this.#maxMessageSize) {
      const text = `a message came that is over the limit of ${this.#maxMessageSize} bytes (traits.maxMessageSize), and was dropped`;
      this.pushError(this.#hooks.error(this.#owner, "ERR_MESSAGE_TOO_LARGE", "receive", text));
    } else if (detailed) this.push(message, { [this.#port.gradeName]: this.#port.gradeOf(0) });
    else this.push(message);
  }

  #isTurnDue(): boolean {
    return this.#takenThisTurn >= MESSAGES_A_TURN;
  }

  #countForTurn(): void {
    if (this.#takenThisTurn++ > 0) return;
    setImmediate(() => {
      this.#takenThisTurn = 0;
      this.#serve();
    });
  }
}

function checkSelection(type: number): number {
  if (typeof type !== "number")
    throw new TypeError(`options.type must be a number, received ${describe(type)}`);
  if (Number.isSafeInteger(type)) return type;
  throw new RangeError(`options.type must be a whole number within 2 ** 53, received ${String(type)}`);
}
