import { ChannelError, type ErrorCode } from "../core/errors.js";
import { checkWaitOptions, describe } from "../core/wait.js";
import { AbortWatch } from "./abort-watch.js";
import type { Connection } from "./connection.js";
import { Deadlines } from "./deadlines.js";
import { ItemPump, isStream } from "./item-pump.js";
import { PendingCall } from "./pending-call.js";
import { bodyOf, type ErrorBody, RemoteError } from "./remote-error.js";
import type { CallOptions, RemoteStream } from "./types.js";
import { type CallId, WireError } from "./wire.js";

const MAX_ID = 0xffff_ffff;

/** The half of a connection that calls: who waits for which answer. */
export class Caller {
  readonly connection: Connection;
  /** Milliseconds without an answer, where a call says nothing else. */
  timeout: number = Infinity;
  readonly #pending = new Map<number, PendingCall>();
  readonly #signals = new AbortWatch();
  readonly #deadlines: Deadlines<PendingCall>;
  #lastId = 0;
  #wrapped = false;
  #streams = 0;

  constructor(connection: Connection) {
    this.connection = connection;
    this.#deadlines = new Deadlines(
      () => this.#pending.values(),
      (late) => this.#late(late),
    );
  }

  /** How many calls have no answer yet. */
  get inFlight(): number {
    return this.#pending.size;
  }

  call(method: string, input: unknown, options: CallOptions | undefined): Promise<unknown> {
    const call = new PendingCall(this, method);
    try {
      if (options !== undefined) checkWaitOptions(options);
      this.#send(call, method, input);
      const timeout = options?.timeout ?? this.timeout;
      if (timeout !== Infinity) {
        call.timeout = timeout;
        this.#deadlines.set(call, timeout);
      }
      if (options?.signal !== undefined) {
        call.signal = options.signal;
        this.#signals.add(options.signal, call);
      }
    } catch (error) {
      call.failed(error);
    }
    return call.promise;
  }

  async notify(method: string, input: unknown): Promise<void> {
    const { connection } = this;
    if (connection.failure !== undefined) throw connection.failure;
    if (isStream(input))
      throw this.error("ERR_UNSUPPORTED", method, "a notification takes no stream as input");
    connection.wire.notify(method, input);
    if (connection.outbox.blocked) await connection.outbox.room();
  }

  // ---- what came ------------------------------------------------------------------------------------------------------

  answered(id: CallId, output: unknown): void {
    const call = this.#find(id);
    if (call === undefined) return;
    this.#forget(call);
    call.answered(output);
  }

  failed(id: CallId, body: ErrorBody): void {
    const call = this.#find(id);
    if (call === undefined) return;
    this.#forget(call);
    // An item that this side refuses is the end here, and the other side does not know.
    if (call.stream !== undefined) this.#tell(() => this.connection.wire.cancel(call.id));
    call.failed(new RemoteError(body, call.method));
  }

  opened(id: CallId): void {
    const call = this.#find(id);
    if (call === undefined) return;
    call.opened();
    // A stream that nobody iterates yet has all the time of the world.
    if (call.stream?.waiting !== true) call.deadline = Infinity;
  }

  outputItem(id: CallId, item: unknown, size: number): void {
    const call = this.#find(id);
    if (call === undefined) return;
    if (call.stream?.push(item, size) !== true)
      throw new WireError(`an item of ${call.method} came that nobody had asked for`);
    call.deadline = Infinity;
    if (call.stream.waiting) this.#restart(call);
  }

  inputCredit(id: CallId, items: number, bytes: number): void {
    this.#find(id)?.input?.grant(items, bytes);
  }

  inputStopped(id: CallId): void {
    this.#find(id)?.input?.stop();
  }

  /** The connection is over, for this reason. */
  end(reason: Error): void {
    this.#deadlines.close();
    for (const call of this.#pending.values()) {
      this.#forget(call);
      call.failed(reason);
    }
  }

  // ---- for the calls --------------------------------------------------------------------------------------------------

  /** The caller does not want the answer any more. */
  abandon(call: PendingCall, reason: unknown): void {
    if (!this.#pending.has(call.id)) return;
    this.#forget(call);
    this.#tell(() => this.connection.wire.cancel(call.id));
    call.failed(reason);
  }

  /** The stream's loop takes so much more. */
  grant(call: PendingCall, items: number, bytes: number): void {
    if (!this.#pending.has(call.id)) return;
    this.#tell(() => this.connection.wire.outputCredit(call.id, items, bytes));
  }

  /** The loop waits for an item: from now on the time without an answer counts. */
  awaits(call: PendingCall): void {
    if (this.#pending.has(call.id)) this.#restart(call);
  }

  error(code: ErrorCode, method: string, text: string, cause?: unknown): ChannelError {
    const { mechanism } = this.connection.channel.traits;
    return new ChannelError(code, `Cannot call ${method} over ${mechanism}: ${text}`, {
      operation: "call",
      mechanism,
      cause,
    });
  }

  // ---- beneath --------------------------------------------------------------------------------------------------------

  #send(call: PendingCall, method: string, input: unknown): void {
    const { connection } = this;
    const { limits, wire } = connection;
    if (connection.failure !== undefined) throw connection.failure;
    if (this.#pending.size >= limits.maxCallsInFlight) {
      const message = `Cannot call ${method}: ${this.#pending.size} calls have no answer yet (options.maxCallsInFlight)`;
      throw new RemoteError({ name: "Error", code: "ERR_TOO_MANY_CALLS", message }, method);
    }
    const streams = isStream(input);
    if (streams && !wire.streams) throw this.error("ERR_UNSUPPORTED", method, "JSON-RPC has no streams");
    const id = this.#nextId();
    wire.call(id, method, streams ? undefined : input, streams);
    call.id = id;
    this.#pending.set(id, call);
    if (streams) this.#pump(call, input);
  }

  #nextId(): number {
    do {
      if (this.#lastId === MAX_ID) {
        this.#lastId = 0;
        this.#wrapped = true;
      }
      this.#lastId++;
    } while (this.#wrapped && this.#pending.has(this.#lastId));
    return this.#lastId;
  }

  #pump(call: PendingCall, input: AsyncIterable<unknown>): void {
    const { wire, outbox, options } = this.connection;
    const { id } = call;
    call.input = new ItemPump(
      input[Symbol.asyncIterator](),
      {
        send: (item) => wire.inputItem(id, item),
        ended: () => {
          wire.inputEnd(id);
        },
        failed: (reason) => {
          this.#tell(() => wire.inputError(id, bodyOf(reason, options.exposeStack)));
        },
      },
      outbox,
    );
  }

  /** The call with this number; `undefined` when it is over. Throws for one that was never made. */
  #find(id: CallId): PendingCall | undefined {
    const call = this.#pending.get(id as number);
    if (call !== undefined) return call;
    const made =
      typeof id === "number" && Number.isInteger(id) && id > 0 && (id <= this.#lastId || this.#wrapped);
    if (!made) throw new WireError(`an answer came to the call ${describe(id)}, which was never made`);
    return undefined;
  }

  #forget(call: PendingCall): void {
    this.#pending.delete(call.id);
    if (call.counted) this.#streams--;
    call.input?.stop();
    if (call.signal !== undefined) this.#signals.remove(call.signal, call);
  }

  /** A call turns out to be a stream. `false`: there are too many. */
  takesStream(call: PendingCall): boolean {
    if (!this.#pending.has(call.id)) return true;
    if (this.#streams >= this.connection.limits.maxStreams) {
      const message = `${this.#streams} streams are open (options.maxStreams)`;
      this.abandon(
        call,
        new RemoteError({ name: "Error", code: "ERR_TOO_MANY_CALLS", message }, call.method),
      );
      return false;
    }
    this.#streams++;
    call.counted = true;
    return true;
  }

  #restart(call: PendingCall): void {
    if (call.timeout !== Infinity) this.#deadlines.set(call, call.timeout);
  }

  #late(call: PendingCall): void {
    this.abandon(call, this.error("ERR_TIMEOUT", call.method, `no answer came within ${call.timeout} ms`));
  }

  /** Writes something short that may find the connection gone. */
  #tell(write: () => void): void {
    if (this.connection.failure !== undefined) return;
    try {
      write();
    } catch (error) {
      this.connection.report(error);
    }
  }
}

/** What a call gives: a promise that can be iterated if it turns out to be a stream. */
export type CallResult = Promise<unknown> & RemoteStream<unknown>;
