import type { Channel, Listener, Receiver, Sender, WaitOptions } from "../core/channel.js";
import type { ChannelOptions } from "../core/options.js";
import type { MessageQueueChannel, MessageQueueOptions } from "../mechanisms/message-queue/options.js";
import type { NamedPipeReaderOptions, NamedPipeWriterOptions } from "../mechanisms/named-pipe/options.js";
import type { SharedBufferChannel } from "../mechanisms/shared-buffer/shared-buffer-channel.js";
import type {
  SharedBufferConnectOptions,
  SharedBufferListener,
  SharedBufferListenOptions,
} from "../mechanisms/shared-buffer/shared-buffer-connection.js";
import type {
  TcpChannel,
  TcpConnectOptions,
  TcpListener,
  TcpListenOptions,
} from "../mechanisms/tcp-socket/types.js";
import type { UdpBindOptions, UdpChannel, UdpConnectOptions } from "../mechanisms/udp-socket/types.js";
import type {
  UnixDatagramSocket,
  UnixSocketBindOptions,
  UnixSocketChannel,
  UnixSocketConnectOptions,
  UnixSocketListener,
  UnixSocketListenOptions,
} from "../mechanisms/unix-socket/types.js";

/** Options of {@link connect} that every scheme takes: all that a program can say which reads its URL at run time. */
export interface AnyConnectOptions<Out, In> extends Omit<ChannelOptions<Out, In>, "halfOpen">, WaitOptions {
  /** With `tls://` only: options of `tls.connect()`. */
  readonly tls?: TcpConnectOptions<Out, In>["tls"];
}

/** Options of {@link listen} that every scheme takes. */
export interface AnyListenOptions<Out, In> extends Omit<ChannelOptions<Out, In>, "halfOpen"> {
  /** With `tls://` only, and needed there: options of `tls.createServer()`, at least `key` and `cert`. */
  readonly tls?: TcpListenOptions<Out, In>["tls"];
}

/** The types of one scheme. */
export interface SchemeTypes<Gives, Takes> {
  /** What is opened. */
  readonly gives: Gives;
  /** The options beside the URL. */
  readonly takes: Takes;
}

/**
 * The schemes of {@link connect}: what each gives, and the options it takes. They are those of the mechanism without what the URL says itself.
 *
 * @typeParam Out - what `send` takes
 * @typeParam In - what `receive` gives
 */
export interface ConnectSchemes<Out, In> {
  /** `unix:/run/a.sock`, `unix:@name` */
  readonly unix: SchemeTypes<
    UnixSocketChannel<Out, In>,
    Omit<UnixSocketConnectOptions<Out, In>, "type" | "localAddress">
  >;
  /** `unix-seqpacket:/run/a.sock`, `unix-seqpacket:@name` */
  readonly "unix-seqpacket": SchemeTypes<
    UnixSocketChannel<Out, In>,
    Omit<UnixSocketConnectOptions<Out, In>, "type" | "localAddress" | "framing">
  >;
  /** `unix-dgram:/run/a.sock`, `unix-dgram:@name` */
  readonly "unix-dgram": SchemeTypes<
    UnixSocketChannel<Out, In>,
    Omit<UnixSocketConnectOptions<Out, In>, "type" | "framing">
  >;
  /** `fifo:/run/a`: the end that writes. */
  readonly fifo: SchemeTypes<Sender<Out>, NamedPipeWriterOptions<Out>>;
  /** `shm:/run/a.sock`, `shm:@name` */
  readonly shm: SchemeTypes<SharedBufferChannel<Out, In>, SharedBufferConnectOptions<Out, In>>;
  /** `mq:/jobs`: the end that sends. */
  readonly mq: SchemeTypes<
    MessageQueueChannel<Out, never>,
    Omit<MessageQueueOptions<Out, unknown>, "kind" | "projectId" | "direction"> & WaitOptions
  >;
  /** `sysv:0x1234`, `sysv:/path?projectId=3`: the end that sends. */
  readonly sysv: SchemeTypes<
    MessageQueueChannel<Out, never>,
    Omit<MessageQueueOptions<Out, unknown>, "kind" | "projectId" | "direction"> & WaitOptions
  >;
  /** `tcp://host:port` */
  readonly tcp: SchemeTypes<TcpChannel<Out, In>, Omit<TcpConnectOptions<Out, In>, "host" | "port" | "tls">>;
  /** `tls://host:port` */
  readonly tls: SchemeTypes<TcpChannel<Out, In>, Omit<TcpConnectOptions<Out, In>, "host" | "port">>;
  /** `udp://host:port` */
  readonly udp: SchemeTypes<UdpChannel<Out, In>, Omit<UdpConnectOptions<Out, In>, "host" | "port">>;
}

/**
 * The schemes of {@link listen}: what each gives, and the options it takes. Where there are connections that is a listener; elsewhere the channel itself.
 *
 * @typeParam Out - what `send` takes
 * @typeParam In - what `receive` gives
 */
export interface ListenSchemes<Out, In> {
  /** `unix:/run/a.sock`, `unix:@name` */
  readonly unix: SchemeTypes<UnixSocketListener<Out, In>, Omit<UnixSocketListenOptions<Out, In>, "type">>;
  /** `unix-seqpacket:/run/a.sock`, `unix-seqpacket:@name` */
  readonly "unix-seqpacket": SchemeTypes<
    UnixSocketListener<Out, In>,
    Omit<UnixSocketListenOptions<Out, In>, "type" | "framing">
  >;
  /** `unix-dgram:/run/a.sock`, `unix-dgram:@name`: the bound socket. */
  readonly "unix-dgram": SchemeTypes<
    UnixDatagramSocket<Out, In>,
    Omit<UnixSocketBindOptions<Out, In>, "type">
  >;
  /** `fifo:/run/a`: the end that reads, of a FIFO that is made where it is missing. */
  readonly fifo: SchemeTypes<
    Receiver<In>,
    NamedPipeReaderOptions<In> & {
      /** Permission bits of the FIFO that is made; one that is there may have no wider ones. 0o600 by default. */
      readonly mode?: number | undefined;
    }
  >;
  /** `shm:/run/a.sock`, `shm:@name` */
  readonly shm: SchemeTypes<SharedBufferListener<Out, In>, SharedBufferListenOptions<Out, In>>;
  /** `mq:/jobs`: the end that receives, of a queue that is made where it is missing. */
  readonly mq: SchemeTypes<
    MessageQueueChannel<never, In>,
    Omit<MessageQueueOptions<never, In>, "kind" | "projectId" | "direction">
  >;
  /** `sysv:0x1234`, `sysv:/path?projectId=3`: the end that receives, of a queue that is made where it is missing. */
  readonly sysv: SchemeTypes<
    MessageQueueChannel<never, In>,
    Omit<MessageQueueOptions<never, In>, "kind" | "projectId" | "direction">
  >;
  /** `tcp://host:port` */
  readonly tcp: SchemeTypes<
    TcpListener<Out, In>,
    Omit<TcpListenOptions<Out, In>, "host" | "port" | "tls" | "handshakeTimeout">
  >;
  /** `tls://host:port` */
  readonly tls: SchemeTypes<
    TcpListener<Out, In>,
    Omit<TcpListenOptions<Out, In>, "host" | "port"> & {
      /** Options of `tls.createServer()`, at least `key` and `cert`. */
      readonly tls: NonNullable<TcpListenOptions<Out, In>["tls"]>;
    }
  >;
  /** `udp://host:port`: the bound socket. */
  readonly udp: SchemeTypes<UdpChannel<Out, In>, Omit<UdpBindOptions<Out, In>, "host" | "port">>;
}

/** The schemes that {@link connect} and {@link listen} know. */
export type Scheme = keyof ConnectSchemes<unknown, unknown>;

/** The scheme of a URL as far as it is known when the program is compiled; `string` where it is not. */
export type SchemeOf<Url extends string> = Url extends `${infer Name}:${string}` ? Name : string;

/** A URL, unless it is known to have none of the schemes. */
export type KnownUrl<Url extends string> =
  SchemeOf<Url> extends infer Name ? (string extends Name ? Url : Name extends Scheme ? Url : never) : never;

/** What {@link connect} takes beside a URL. */
export type ConnectOptions<Url extends string, Out, In> =
  SchemeOf<Url> extends infer Name extends Scheme
    ? ConnectSchemes<Out, In>[Name]["takes"]
    : AnyConnectOptions<Out, In>;

/** What {@link connect} gives for a URL: the mechanism's channel, or `Channel` where the scheme is known at run time only. */
export type Connected<Url extends string, Out, In> =
  SchemeOf<Url> extends infer Name extends Scheme ? ConnectSchemes<Out, In>[Name]["gives"] : Channel<Out, In>;

/** What {@link listen} takes beside a URL. */
export type ListenOptions<Url extends string, Out, In> =
  SchemeOf<Url> extends infer Name extends Scheme
    ? ListenSchemes<Out, In>[Name]["takes"]
    : AnyListenOptions<Out, In>;

/**
 * What {@link listen} gives for a URL: the mechanism's listener, or its channel where it has no connections. Where the scheme is known at run time only,
 * `"accept" in result` tells which of them it is.
 */
export type Listening<Url extends string, Out, In> =
  SchemeOf<Url> extends infer Name extends Scheme
    ? ListenSchemes<Out, In>[Name]["gives"]
    : Listener<Channel<Out, In>> | Channel<Out, In>;
