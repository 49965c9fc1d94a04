import type { Channel, CloseOptions, Credentials } from "../core/channel.js";

/** A channel that carries calls: whole messages of plain bytes, both ways. */
export type BytesChannel = Channel<Uint8Array, Buffer>;

/** What a method knows of its call. */
export interface CallContext {
  /** Who calls, as the kernel tells it; `undefined` where the mechanism does not tell. */
  readonly peer: Credentials | undefined;
  /** Fires when nobody waits for the result any more: the caller aborted, ran out of time or went away, or the server closes. */
  readonly signal: AbortSignal;
  /** The channel that the call came over. */
  readonly channel: BytesChannel;
  /** The name that was called. */
  readonly method: string;
}

/** Marks what {@link method} makes. */
export const METHOD: unique symbol = Symbol("sluice.rpc.method");

/** What a method takes and gives. */
export interface MethodTypes<Input, Output> {
  /** What a caller passes. */
  readonly input: Input;
  /** What a caller gets. */
  readonly output: Output;
}

/**
 * A method whose input or output is checked, as {@link method} makes it.
 *
 * @typeParam Input - what a caller passes
 * @typeParam Output - what a caller gets
 */
export interface Method<Input, Output> {
  /** Exists for the compiler only. */
  readonly [METHOD]: MethodTypes<Input, Output>;
}

/** A method of a server: a function of the input and the {@link CallContext}, or what {@link method} makes. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- any function is a method, whatever it takes
export type AnyMethod = ((input: any, context: CallContext) => unknown) | Method<any, any>;

/** Methods by name. */
export type MethodTable = Readonly<Record<string, AnyMethod>>;

/** Options of one call. */
export interface CallOptions {
  /** Ends the call: it rejects with the signal's reason, and the method's `context.signal` fires. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds without an answer (of a stream: without a further item) after which the call rejects with `ERR_TIMEOUT`. The client's `timeout` by default. */
  readonly timeout?: number | undefined;
}

/** Results that come one by one. Leaving the `for await` early ends the method on the server. */
export interface RemoteStream<Item> extends AsyncIterable<Item, void, undefined> {
  /** Begins to take items. A stream can be iterated once. */
  [Symbol.asyncIterator](): AsyncIterator<Item, void, undefined>;
}

/** Calls a method. */
export type Call<Input, Output> = (input: Input, options?: CallOptions) => Promise<Output>;
/** Calls a method that needs no input. */
export type OptionalCall<Input, Output> = (input?: Input, options?: CallOptions) => Promise<Output>;
/** Calls a method that answers with a stream. */
export type StreamCall<Input, Item> = (input: Input, options?: CallOptions) => RemoteStream<Item>;
/** Calls a method that needs no input and answers with a stream. */
export type OptionalStreamCall<Input, Item> = (input?: Input, options?: CallOptions) => RemoteStream<Item>;
/** Tells a method something, without an answer. The promise fulfils when there is room for more. */
export type Notify<Input> = (input: Input) => Promise<void>;
/** Tells a method that needs no input, without an answer. */
export type OptionalNotify<Input> = (input?: Input) => Promise<void>;

/** How a method of this input and output is called. */
export type CallOf<Input, Output> = [Output] extends [never]
  ? ValueCall<Input, never>
  : 0 extends 1 & Output
    ? ValueCall<Input, Output>
    : Awaited<Output> extends AsyncIterable<infer Item>
      ? undefined extends Input
        ? OptionalStreamCall<Input, Item>
        : StreamCall<Input, Item>
      : ValueCall<Input, Awaited<Output>>;

/** How a method that answers with a value is called. */
export type ValueCall<Input, Output> = undefined extends Input
  ? OptionalCall<Input, Output>
  : Call<Input, Output>;

/** What a caller passes to a method. */
export type InputOf<M> =
  M extends Method<infer Input, unknown>
    ? Input
    : M extends (...parameters: infer Parameters) => unknown
      ? Parameters extends []
        ? undefined
        : Parameters[0]
      : never;

/** How a client calls a method. */
export type ClientMethod<M> =
  M extends Method<infer Input, infer Output>
    ? CallOf<Input, Output>
    : M extends (...parameters: never) => infer Output
      ? CallOf<InputOf<M>, Output>
      : never;

/** How a client tells a method something without an answer. */
export type ClientNotify<M> = undefined extends InputOf<M> ? OptionalNotify<InputOf<M>> : Notify<InputOf<M>>;

/** What every client has beside the methods. No method can have one of these names. */
export interface ClientControl<Methods extends object> extends AsyncDisposable {
  /** The same methods, called without an answer: nobody tells whether they succeeded, or exist. */
  readonly notify: { readonly [Name in keyof Methods]: ClientNotify<Methods[Name]> };
  /** Ends the calls in flight with `ERR_CHANNEL_CLOSED` and closes the channel. */
  close(options?: CloseOptions): Promise<void>;
}

/**
 * A client of these methods.
 *
 * @typeParam Methods - `typeof methods` of the server
 */
export type Client<Methods extends object> = {
  readonly [Name in keyof Methods]: ClientMethod<Methods[Name]>;
} & ClientControl<Methods>;
