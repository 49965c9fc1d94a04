import type { Credentials } from "../core/channel.js";
import type { Connection } from "./connection.js";
import type { Timed } from "./deadlines.js";
import type { ItemPump } from "./item-pump.js";
import { ItemQueue, type ItemSource } from "./item-queue.js";
import type { CallEnded } from "./serve-options.js";
import type { BytesChannel, CallContext } from "./types.js";
import type { CallId } from "./wire.js";

/** What the server keeps of a call. */
export class ServerCall implements Timed, ItemSource {
  readonly id: CallId;
  /** What the wire wants back with the answer; over a notification nothing is answered. */
  readonly reply: unknown;
  readonly context: ServerContext;
  deadline: number = Infinity;
  input: ItemQueue | undefined = undefined;
  output: ItemPump | undefined = undefined;
  /** Whether somebody waits for the answer. */
  readonly answers: boolean;
  /** Somebody has aborted it. */
  aborted = false;
  /** It was answered before the method has ended, with this. */
  told: Error | undefined = undefined;
  /** Whom to tell of its end. */
  ended: CallEnded | undefined = undefined;
  readonly #connection: Connection;
  // What the caller granted before there was a stream.
  #items = 0;
  #bytes = 0;

  constructor(connection: Connection, id: CallId, method: string, answers: boolean, reply: unknown) {
    this.#connection = connection;
    this.id = id;
    this.answers = answers;
    this.reply = reply;
    this.context = new ServerContext(connection, method);
  }

  /** Begins to take a stream as input. */
  takeStream(): ItemQueue {
    this.input = new ItemQueue(this, this.#connection.limits);
    return this.input;
  }

  /** The caller takes so much more of the output. */
  credit(items: number, bytes: number): void {
    if (this.output !== undefined) this.output.grant(items, bytes);
    else {
      this.#items += items;
      this.#bytes += bytes;
    }
  }

  /** The output is a stream. */
  giveStream(output: ItemPump): void {
    this.output = output;
    if (this.#items > 0) output.grant(this.#items, this.#bytes);
  }

  grant(items: number, bytes: number): void {
    const { failure, wire } = this.#connection;
    if (failure === undefined) wire.inputCredit(this.id, items, bytes);
  }

  stop(): void {
    const { failure, wire } = this.#connection;
    if (failure === undefined) wire.inputStop(this.id);
  }

  /** Nobody waits for the answer any more. */
  abort(reason: unknown): void {
    this.aborted = true;
    ServerContext.abort(this.context, reason);
    this.output?.stop();
    this.input?.fail(reason);
  }
}

/** What a method is given. The signal is made when it is asked for: most methods never do, and it costs a microsecond. */
class ServerContext implements CallContext {
  readonly method: string;
  readonly #connection: Connection;
  readonly #peer: Credentials | undefined;
  #controller: AbortController | undefined = undefined;
  #aborted: { readonly reason: unknown } | undefined = undefined;

  static abort(context: ServerContext, reason: unknown): void {
    if (context.#aborted !== undefined) return;
    context.#aborted = { reason };
    context.#controller?.abort(reason);
  }

  constructor(connection: Connection, method: string) {
    this.#connection = connection;
    this.#peer = connection.sender;
    this.method = method;
  }

  get channel(): BytesChannel {
    return this.#connection.channel;
  }

  get peer(): Credentials | undefined {
    return this.#peer;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#aborted !== undefined) this.#controller.abort(this.#aborted.reason);
    }
    return this.#controller.signal;
  }
}
