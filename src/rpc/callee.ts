import { issuesInWords, type SchemaResult, type StandardSchema } from "../codec/standard-schema.js";
import { ChannelError } from "../core/errors.js";
import type { Connection } from "./connection.js";
import { Deadlines } from "./deadlines.js";
import { ItemPump, isStream } from "./item-pump.js";
import { bodyOf, type ErrorBody } from "./remote-error.js";
import { ServerCall } from "./server-call.js";
import type { ResolvedMethod, ResolvedService } from "./serve-options.js";
import { type CallId, WireError } from "./wire.js";

/** An error of the server itself, which `mapError` does not see. */
class Refusal extends Error {
  readonly code: string;
  readonly data: unknown;

  constructor(code: string, message: string, data?: unknown) {
    super(message);
    this.name = "Error";
    this.code = code;
    this.data = data;
  }
}

/** The half of a connection that is called: which methods there are, and which calls run. */
export class Callee {
  readonly #connection: Connection;
  readonly #service: ResolvedService;
  readonly #calls = new Map<CallId, ServerCall>();
  readonly #notices = new Set<ServerCall>();
  readonly #deadlines: Deadlines<ServerCall>;
  #streams = 0;
  #closing = false;
  #idle: (() => void) | undefined;

  constructor(connection: Connection, service: ResolvedService) {
    this.#connection = connection;
    this.#service = service;
    this.#deadlines = new Deadlines(
      () => this.#calls.values(),
      (late) => this.#late(late),
    );
  }

  /** How many calls run. */
  get inFlight(): number {
    return this.#calls.size + this.#notices.size;
  }

  // ---- what came ------------------------------------------------------------------------------------------------------

  called(id: CallId, name: string, input: unknown, streams: boolean, reply: unknown): void {
    const call = new ServerCall(this.#connection, id, name, true, reply);
    const { limits, wire } = this.#connection;
    const runs = this.#calls.has(id);
    if (runs && wire.strictIds) throw new WireError(`the call ${String(id)} was made twice`);
    if (!this.#begin(call, streams ? undefined : input)) return;
    if (runs) {
      // Under this id there is a call whose answer must not be taken for this one's.
      this.#refuse(call, "ERR_INVALID_MESSAGE", `a call with the id ${JSON.stringify(id)} runs already`);
    } else if (this.inFlight >= limits.maxCallsInFlight) {
      const text = `${this.inFlight} calls of this peer run already (options.maxCallsInFlight)`;
      this.#refuse(call, "ERR_TOO_MANY_CALLS", text);
    } else this.#start(call, name, input, streams);
  }

  refused(id: CallId, name: string, error: ErrorBody, answers: boolean, reply: unknown): void {
    const call = new ServerCall(this.#connection, id, name, answers, reply);
    if (!this.#begin(call, undefined)) return;
    if (answers) this.#connection.wire.error(id, error, reply);
    this.#end(call, error);
  }

  notified(name: string, input: unknown): void {
    const call = new ServerCall(this.#connection, null, name, false, undefined);
    if (!this.#begin(call, input)) return;
    if (this.inFlight < this.#connection.limits.maxCallsInFlight) this.#start(call, name, input, false);
    else this.#refuse(call, "ERR_TOO_MANY_CALLS", "it was dropped: too many calls of this peer run already");
  }

  cancelled(id: CallId): void {
    const call = this.#calls.get(id);
    if (call === undefined) return;
    const reason = new DOMException("The caller has cancelled this call", "AbortError");
    call.abort(reason);
    // A stream ends here; what a function returns after this is sent, and ignored by the caller.
    if (call.output !== undefined) this.#answer(call, undefined);
  }

  inputItem(id: CallId, item: unknown, size: number): void {
    const call = this.#calls.get(id);
    if (call?.input === undefined) return;
    if (!call.input.push(item, size))
      throw new WireError(`an item for ${call.context.method} came that nobody had asked for`);
  }

  inputEnd(id: CallId): void {
    this.#calls.get(id)?.input?.end();
  }

  inputFailed(id: CallId, error: ErrorBody): void {
    this.#calls
      .get(id)
      ?.input?.fail(new Refusal(String(error.code ?? "ERR_INPUT"), error.message, error.data));
  }

  outputCredit(id: CallId, items: number, bytes: number): void {
    this.#calls.get(id)?.credit(items, bytes);
  }

  // ---- the end --------------------------------------------------------------------------------------------------------

  /** Takes no further calls; fulfils when those that run have ended. */
  drain(): Promise<void> {
    this.#closing = true;
    if (this.inFlight === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#idle = resolve;
    });
  }

  /** Nobody waits for any answer any more. */
  abort(reason: Error): void {
    this.#closing = true;
    this.#deadlines.close();
    for (const call of this.#calls.values()) call.abort(reason);
    for (const call of this.#notices) call.abort(reason);
    for (const call of this.#calls.values())
      if (call.output !== undefined) {
        this.#forget(call);
        this.#end(call, reason);
      }
  }

  // ---- a call ---------------------------------------------------------------------------------------------------------

  /** Tells the hook of a call. `false`: it has refused it. */
  #begin(call: ServerCall, input: unknown): boolean {
    const { onCall } = this.#service.options;
    if (onCall === undefined) return true;
    try {
      call.ended = onCall(call.context, input);
      return true;
    } catch (error) {
      const { wire, options } = this.#connection;
      if (call.answers) wire.error(call.id, bodyOf(error, options.exposeStack), call.reply);
      else this.#connection.report(error, call.context.method);
      return false;
    }
  }

  #end(call: ServerCall, error: unknown): void {
    const { ended } = call;
    if (ended === undefined) return;
    call.ended = undefined;
    try {
      ended(error);
    } catch (thrown) {
      this.#connection.report(thrown, call.context.method);
    }
  }

  #start(call: ServerCall, name: string, input: unknown, streams: boolean): void {
    const method = this.#service.methods.get(name);
    if (method === undefined) {
      this.#refuse(call, "ERR_UNKNOWN_METHOD", `there is no method ${JSON.stringify(name.slice(0, 100))}`);
      return;
    }
    if (this.#closing) {
      this.#refuse(call, "ERR_CHANNEL_CLOSED", "the server closes and takes no further calls");
      return;
    }
    if (streams && this.#streams >= this.#connection.limits.maxStreams) {
      this.#refuse(call, "ERR_TOO_MANY_CALLS", `${this.#streams} streams are open (options.maxStreams)`);
      return;
    }
    if (streams) {
      this.#streams++;
      this.#keep(call);
    }
    let output: unknown;
    try {
      const given = streams ? call.takeStream() : input;
      output =
        method.checked === undefined && this.#service.options.authorize === undefined
          ? method.run(given, call.context)
          : this.#guarded(method, given, call);
    } catch (error) {
      this.#fail(call, error);
      return;
    }
    this.#settle(call, method, output);
  }

  async #guarded(method: ResolvedMethod, input: unknown, call: ServerCall): Promise<unknown> {
    const { authorize } = this.#service.options;
    if (authorize !== undefined && !(await this.#admits(authorize, call)))
      throw new Refusal("ERR_ACCESS_DENIED", `calling ${call.context.method} is not allowed`);
    const schemas = method.checked?.schemas;
    if (schemas === undefined) return method.run(input, call.context);
    return method.run(await checkInput(schemas, input, call), call.context);
  }

  async #admits(
    authorize: NonNullable<ResolvedService["options"]["authorize"]>,
    call: ServerCall,
  ): Promise<boolean> {
    try {
      // Whatever its type promises: what is not true does not let a call pass.
      const admitted: unknown = await authorize(call.context);
      return admitted === true;
    } catch (error) {
      this.#connection.report(error, call.context.method);
      return false;
    }
  }

  #settle(call: ServerCall, method: ResolvedMethod, output: unknown): void {
    if (typeof output === "object" && output !== null) {
      if (typeof (output as PromiseLike<unknown>).then === "function") {
        this.#keep(call);
        const { callTimeout } = this.#service.options;
        if (callTimeout !== undefined && call.answers) this.#deadlines.set(call, callTimeout);
        (output as PromiseLike<unknown>).then(
          (value) => this.#settle(call, method, value),
          (reason: unknown) => {
            this.#fail(call, reason);
          },
        );
        return;
      }
      if (isStream(output)) {
        this.#stream(call, method, output);
        return;
      }
    }
    const schema = method.checked?.schemas.output;
    if (schema === undefined) this.#answer(call, output);
    else
      checkOutput(schema, output, call.context.method).then(
        (value) => {
          this.#answer(call, value);
        },
        (reason: unknown) => {
          this.#fail(call, reason);
        },
      );
  }

  #stream(call: ServerCall, method: ResolvedMethod, output: AsyncIterable<unknown>): void {
    const { wire, outbox, limits } = this.#connection;
    call.deadline = Infinity;
    const schema = method.checked?.schemas.output;
    const { id } = call;
    const pump = new ItemPump(
      output[Symbol.asyncIterator](),
      {
        send: (item) =>
          schema === undefined
            ? wire.outputItem(id, item)
            : checkOutput(schema, item, call.context.method).then((value) => wire.outputItem(id, value)),
        ended: () => {
          this.#answer(call, undefined);
        },
        failed: (reason) => {
          this.#fail(call, reason);
        },
      },
      outbox,
    );
    const reason = this.#whyNoStream(call, wire.streams, limits.maxStreams);
    if (reason !== undefined) {
      pump.stop();
      this.#fail(call, reason);
      return;
    }
    if (call.input === undefined) this.#streams++;
    this.#keep(call);
    if (call.aborted) {
      pump.stop();
      call.output = pump;
      this.#answer(call, undefined);
      return;
    }
    // Before the first item, which may leave as soon as there is credit.
    wire.open(id);
    call.giveStream(pump);
  }

  #whyNoStream(call: ServerCall, streams: boolean, most: number): Refusal | undefined {
    if (!call.answers) return new Refusal("ERR_UNSUPPORTED", "a notification has no answer, and no stream");
    if (!streams)
      return new Refusal("ERR_UNSUPPORTED", "JSON-RPC has no streams, and this method answers with one");
    if (this.#streams < most || call.input !== undefined) return undefined;
    return new Refusal("ERR_TOO_MANY_CALLS", `${this.#streams} streams are open (options.maxStreams)`);
  }

  #answer(call: ServerCall, output: unknown): void {
    this.#forget(call);
    const { failure, wire } = this.#connection;
    if (call.answers && call.told === undefined && failure === undefined) {
      try {
        wire.result(call.id, output, call.reply);
      } catch (error) {
        // It has no form, or is too large: that concerns this call alone.
        this.#fail(call, error);
        return;
      }
    }
    this.#end(call, call.told ?? failure);
  }

  #refuse(call: ServerCall, code: string, message: string): void {
    const refusal = new Refusal(code, message);
    if (call.answers) this.#connection.wire.error(call.id, bodyOf(refusal, false), call.reply);
    else if (!call.context.method.startsWith("$/")) this.#connection.report(refusal, call.context.method);
    this.#end(call, refusal);
  }

  #fail(call: ServerCall, thrown: unknown): void {
    this.#forget(call);
    const { failure, wire, options } = this.#connection;
    const { method } = call.context;
    this.#end(call, call.told ?? failure ?? thrown);
    if (failure !== undefined || call.told !== undefined) return;
    if (!call.answers) {
      this.#connection.report(thrown, method);
      return;
    }
    let told = thrown;
    if (thrown instanceof InvalidOutput) {
      this.#connection.report(thrown, method);
      told = new Refusal(thrown.code, thrown.message, options.exposeOutput ? thrown.issues : undefined);
    } else if (this.#service.options.mapError !== undefined && !(thrown instanceof Refusal)) {
      try {
        told = this.#service.options.mapError(thrown, call.context);
      } catch (error) {
        this.#connection.report(error, method);
        told = new Refusal("ERR_INTERNAL", "the method failed");
      }
    }
    try {
      wire.error(call.id, bodyOf(told, options.exposeStack), call.reply);
    } catch (error) {
      this.#connection.report(error, method);
      wire.error(call.id, shortened(told), call.reply);
    }
  }

  #late(call: ServerCall): void {
    const { callTimeout } = this.#service.options;
    call.deadline = Infinity;
    const text = `the method took more than ${callTimeout ?? 0} ms (options.callTimeout)`;
    const { channel, wire } = this.#connection;
    const { mechanism } = channel.traits;
    call.abort(new ChannelError("ERR_TIMEOUT", text, { operation: "call", mechanism }));
    // It counts until the function ends, so that functions which do not end cannot pile up.
    call.told = new Refusal("ERR_TIMEOUT", text);
    wire.error(call.id, bodyOf(call.told, false), call.reply);
  }

  #keep(call: ServerCall): void {
    if (call.answers) this.#calls.set(call.id, call);
    else this.#notices.add(call);
  }

  #forget(call: ServerCall): void {
    if (call.answers) {
      // A refused duplicate must not take away the call that has the id.
      if (this.#calls.get(call.id) === call) this.#calls.delete(call.id);
      else return;
    } else this.#notices.delete(call);
    if (call.output !== undefined || call.input !== undefined) this.#streams--;
    // What the method did not take of its input, nobody needs.
    call.input?.fail(OVER);
    if (this.#idle === undefined || this.inFlight > 0) return;
    this.#idle();
    this.#idle = undefined;
  }
}

const OVER = new Refusal("ERR_END_OF_CHANNEL", "the call is over");

/** The method has returned what its schema refuses. */
class InvalidOutput extends Error {
  readonly code = "ERR_INVALID_OUTPUT";
  readonly issues: unknown;

  constructor(method: string, issues: readonly { readonly message: string }[]) {
    super(`the output of ${method} is not what it should be`);
    this.name = "Error";
    this.issues = issues;
  }
}

async function checkInput(
  schemas: NonNullable<ResolvedMethod["checked"]>["schemas"],
  input: unknown,
  call: ServerCall,
): Promise<unknown> {
  if (call.input !== undefined) {
    if (schemas.inputItem === undefined)
      throw new Refusal("ERR_INVALID_MESSAGE", `${call.context.method} takes no stream as input`);
    return checkEach(schemas.inputItem, call.input);
  }
  if (schemas.inputItem !== undefined)
    throw new Refusal("ERR_INVALID_MESSAGE", `${call.context.method} takes a stream as input`);
  return schemas.input === undefined ? undefined : check(schemas.input, input, "input");
}

async function* checkEach(
  schema: StandardSchema,
  items: AsyncIterable<unknown>,
): AsyncGenerator<unknown, void> {
  for await (const item of items) yield await check(schema, item, "item");
}

async function check(schema: StandardSchema, value: unknown, what: string): Promise<unknown> {
  const result: SchemaResult<unknown> = await schema["~standard"].validate(value);
  if (result.issues === undefined) return result.value;
  const issues = result.issues.map(({ message, path }) => ({
    message,
    path: path?.map((step) => String(typeof step === "object" ? step.key : step)),
  }));
  throw new Refusal("ERR_INVALID_MESSAGE", `the ${what} is invalid: ${issuesInWords(result.issues)}`, issues);
}

async function checkOutput(schema: StandardSchema, value: unknown, method: string): Promise<unknown> {
  const result = await schema["~standard"].validate(value);
  if (result.issues !== undefined) throw new InvalidOutput(method, result.issues);
  return result.value;
}

/** An error that is too large, without what makes it so. */
function shortened(thrown: unknown): ErrorBody {
  const { name, message, code } = bodyOf(thrown, false);
  return { name: name.slice(0, 100), message: `${message.slice(0, 200)} …`, code };
}
