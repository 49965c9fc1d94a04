import type { ChannelStatistics, ListenerStatistics } from "./statistics.js";
import type { ChannelTraits } from "./traits.js";

/** A host and port of the network. */
export interface InternetAddress {
  /** An IPv4 or IPv6 address. */
  readonly host: string;
  /** The port, 0-65535. */
  readonly port: number;
}

/**
 * Where a channel or a peer is. A path of the file system, an abstract socket name (starts with `"\0"`), the name of a
 * queue or segment, or a host and port.
 */
export type Address = string | InternetAddress;

/** Who a peer is, as the kernel (not the peer) tells it. */
export interface Credentials {
  /** Process id. May be reused by the time you look: authorise on `uid` and `gid`. 0 when the kernel does not tell. */
  readonly pid: number;
  /** Effective user id. */
  readonly uid: number;
  /** Effective group id. -1 when the mechanism does not tell it. */
  readonly gid: number;
}

/** An open file descriptor that came with a message and now belongs to the receiver, close-on-exec. */
export interface FileHandle extends Disposable {
  /** The descriptor, until it is closed or taken. */
  readonly fd: number;
  /** Gives the descriptor away: the caller closes it from now on. */
  take(): number;
  /** Closes the descriptor. Harmless when called twice. */
  close(): void;
}

/** Bounds on how long a call may wait. */
export interface WaitOptions {
  /** Ends the wait; the call rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds after which the call rejects with `ERR_TIMEOUT`. 0 means: only if it can be done at once. No limit by default. */
  readonly timeout?: number | undefined;
}

/**
 * Options of `send`. What the mechanism cannot do is refused with `ERR_UNSUPPORTED`.
 *
 * A send that rejects by its `signal` or `timeout` has sent nothing, unless the message has over 16 KiB. Such a one is accepted as soon as there is room, and what the send then waits for is that it
 * leaves: its end takes nothing back. The message goes out whole, `statistics().messagesSent` counts it, and its bytes are the channel's until `flush` has fulfilled.
 */
export interface SendOptions extends WaitOptions {
  /** The receiver, on a channel that has no fixed peer (a bound datagram socket). */
  readonly to?: Address | undefined;
  /** The priority, on a POSIX message queue: 0 (the default) to 32767; higher is delivered first. */
  readonly priority?: number | undefined;
  /** The message type, on a SysV message queue: a positive number. */
  readonly type?: number | undefined;
  /** File descriptors that travel with the message. */
  readonly handles?: readonly number[] | undefined;
}

/** Options of `receive`. What the mechanism cannot do is refused with `ERR_UNSUPPORTED`. */
export interface ReceiveOptions extends WaitOptions {
  /** Which messages, on a SysV message queue: see msgrcv(2). */
  readonly type?: number | undefined;
}

/** Options of `close`. */
export interface CloseOptions {
  /** Milliseconds that accepted messages have to leave. After that `close` destroys the channel and rejects with `ERR_TIMEOUT`. */
  readonly deadline?: number | undefined;
}

/** A message with what is known of its sender. */
export interface Envelope<In> {
  /** The message. */
  readonly message: In;
  /** The sender's address, where it has one. */
  readonly from?: Address;
  /** Who sent it, as the kernel tells it. */
  readonly credentials?: Credentials;
  /** The priority, on a POSIX message queue. */
  readonly priority?: number;
  /** The message type, on a SysV message queue. */
  readonly type?: number;
  /** The value that came with a signal. */
  readonly value?: number;
  /** Messages that were lost just before this one, on a broadcast. */
  readonly missed?: number;
  /** The descriptors that came with it. They belong to the receiver, who closes them. */
  readonly handles?: readonly FileHandle[];
}

/**
 * Two ends, messages between them, and one set of rules whatever carries them. The contract, each line of which is a
 * test that runs against every mechanism (see `docs/contract.md`):
 *
 * - Messages arrive whole, in the order of `send`, exactly once, where the traits say ordered and reliable.
 * - `send` fulfils when the message is accepted: the kernel or the ring has it, or it waits in the bounded outgoing
 *   queue. The bytes then belong to the caller again. When the queue is full `send` waits, and `trySend` says `false`.
 * - `flush` fulfils when everything accepted before it has left this process.
 * - Incoming messages wait in a bounded queue. When it is full, reading stops and the peer feels it.
 * - Waiting receives are served in their order. At the peer's orderly end what has arrived is still delivered; then
 *   `receive` rejects with `ERR_END_OF_CHANNEL`, iteration ends, and the channel closes itself.
 * - After `close`, `send` rejects with `ERR_CHANNEL_CLOSED`. `close` flushes, then releases, and may be called again.
 * - Leaving a `for await` early closes the channel.
 * - Every waiting call takes `signal` and `timeout`. An aborted send was sent whole or not at all.
 * - A message over `maxMessageSize` is refused with `ERR_MESSAGE_TOO_LARGE` before a byte leaves.
 * - The peer's death ends or fails the channel promptly.
 * - A received Buffer is the receiver's own: nothing writes to it later.
 *
 * @typeParam Out - what `send` takes
 * @typeParam In - what `receive` gives
 */
export interface Channel<Out, In = Out> extends AsyncIterable<In>, AsyncDisposable {
  /** What this channel can and cannot do. */
  readonly traits: ChannelTraits;
  /** `"closing"` while `close` flushes; `"closed"` from when nothing more can be sent. */
  readonly state: "open" | "closing" | "closed";
  /** Fulfils once everything is released: descriptors, files, memory, timers. It never rejects. */
  readonly closed: Promise<void>;

  /**
   * Sends one message. Waits only for room.
   *
   * The promise fulfils when the message is accepted (see the contract above); the bytes may then be reused. A message of over 16 KiB may go
   * out although its send has rejected by its signal or timeout: see {@link SendOptions}.
   * Rejects with `ERR_MESSAGE_TOO_LARGE`, `ERR_CHANNEL_CLOSED`, `ERR_PEER_DIED`, `ERR_TIMEOUT`, the abort reason, or `ERR_UNSUPPORTED` for an
   * option that the mechanism lacks. A `TypeError` tells of a message that the codec cannot encode.
   */
  send(message: Out, options?: SendOptions): Promise<void>;
  /** Sends one message if there is room now. `false`: no room, nothing was sent. Throws what `send` rejects with. */
  trySend(message: Out): boolean;
  /**
   * Sends messages in order, as many at a time as the mechanism takes; faster than as many `send`s. Fulfils when the last
   * is accepted. An abort or an error may leave the first of them sent; each was sent whole or not at all.
   */
  sendMany(messages: Iterable<Out>, options?: SendOptions): Promise<void>;
  /** Fulfils when all that was accepted before has left this process: the kernel or the ring has it. */
  flush(options?: WaitOptions): Promise<void>;

  /**
   * Receives the next message. Rejects with `ERR_END_OF_CHANNEL` at the peer's end, `ERR_CHANNEL_CLOSED` after `close`,
   * `ERR_INVALID_MESSAGE` for bytes that the codec refuses, `ERR_PEER_DIED`, `ERR_TIMEOUT` or the abort reason.
   */
  receive(options?: ReceiveOptions): Promise<In>;
  /** The next message if one is there, else `undefined`. Throws what `receive` rejects with. */
  tryReceive(): In | undefined;
  /** Receives one message or more: as many as are there, at most `max` (no limit by default). Waits for the first. */
  receiveMany(options?: ReceiveManyOptions): Promise<In[]>;
  /** Receives the next message with what is known of its sender. */
  receiveEnvelope(options?: ReceiveOptions): Promise<Envelope<In>>;

  /**
   * Sends what was accepted, then releases everything. Sends that still wait for room go first. Fulfils when the last byte
   * has left and everything is released. Rejects with `ERR_TIMEOUT` at the deadline, or with the error that broke the channel, telling
   * how many messages did not leave; everything is released then too. May be called again.
   */
  close(options?: CloseOptions): Promise<void>;
  /** Releases everything at once. What did not leave is lost; waiting calls reject with `reason` or `ERR_CHANNEL_CLOSED`. */
  destroy(reason?: Error): void;
  /** What this channel has done so far: messages and bytes, depth of the queues, waits, drops. Works after the end as well. */
  statistics(): ChannelStatistics;
  /** Lets the open channel keep the process alive (the default). */
  ref(): this;
  /** Lets the process end while this channel is open. As long as something else keeps the process alive the channel works on. */
  unref(): this;
}

/** Options of `receiveMany`. */
export interface ReceiveManyOptions extends ReceiveOptions {
  /** The most messages to give at once. */
  readonly max?: number | undefined;
}

/** A channel that only sends. */
export type Sender<Out> = Channel<Out, never>;
/** A channel that only receives. */
export type Receiver<In> = Channel<never, In>;

/**
 * Waits for peers and gives a channel for each.
 *
 * @typeParam C - the kind of channel it gives
 */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- the listener does not care what its channels carry
export interface Listener<C extends Channel<any, any>> extends AsyncIterable<C>, AsyncDisposable {
  /** Where it listens. */
  readonly address: Address;
  /**
   * The next peer's channel. Rejects with `ERR_CHANNEL_CLOSED` after `close`, `ERR_TIMEOUT`, or the abort reason. Peers that nobody accepts
   * wait in a bounded queue, then in the kernel's backlog.
   */
  accept(options?: WaitOptions): Promise<C>;
  /** How many peers have come so far, and how many wait to be accepted. */
  statistics(): ListenerStatistics;
  /** Stops listening and releases the address. Channels already accepted live on; those nobody accepted are closed. */
  close(): Promise<void>;
}
