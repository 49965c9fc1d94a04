/**
 * Typed inter-process communication for Node.js: every mechanism behind one `Channel`.
 *
 * @module sluice
 */
import { installObserver } from "./observing/observer.js";

export type * from "./core/channel.js";
export type { Codec, FrameDecoder, Framing, OnInvalid } from "./core/codec.js";
export { FrameError, MessageError } from "./core/codec.js";
export {
  ChannelError,
  type ErrorCode,
  type ErrorDetails,
  type IssuePathStep,
  type MessageIssue,
} from "./core/errors.js";
export type { ChannelOptions, QueueLimits, StreamOptions } from "./core/options.js";
export type {
  ChannelStatistics,
  DropCause,
  DropCounts,
  ListenerStatistics,
  QueueDepth,
} from "./core/statistics.js";
export type { ChannelTraits, Mechanism } from "./core/traits.js";
export type * from "./observing/events.js";
export * from "./codec/index.js";
export { MemoryChannel } from "./mechanisms/memory/memory-channel.js";
export { MessageQueue } from "./mechanisms/message-queue/message-queue.js";
export type {
  MessageQueueChannel,
  MessageQueueIdentity,
  MessageQueueKind,
  MessageQueueOptions,
  MessageQueueStatus,
} from "./mechanisms/message-queue/options.js";
export { AnonymousPipe } from "./mechanisms/anonymous-pipe/anonymous-pipe.js";
export type * from "./mechanisms/anonymous-pipe/types.js";
export { NamedPipe } from "./mechanisms/named-pipe/named-pipe.js";
export type {
  NamedPipeCreateOptions,
  NamedPipeDuplexOptions,
  NamedPipeOpenOptions,
  NamedPipeReaderOptions,
  NamedPipeWriterOptions,
} from "./mechanisms/named-pipe/options.js";
export { Signal, type SignalOptions, type SignalSendOptions } from "./mechanisms/signal/signal.js";
export type { SignalHandler } from "./mechanisms/signal/signal-handlers.js";
export type { SignalMessage } from "./mechanisms/signal/signal-message.js";
export type {
  RealtimeSignal,
  SignalAction,
  SignalAlias,
  SignalDescription,
  SignalName,
  SignalTable,
  StandardSignal,
} from "./mechanisms/signal/signal-table.js";
export type { Allow, AllowedIds, AllowFunction } from "./mechanisms/authorise.js";
export type { ListeningOptions } from "./mechanisms/listening-socket.js";
export { UnixSocket } from "./mechanisms/unix-socket/unix-socket.js";
export type * from "./mechanisms/unix-socket/types.js";
export { TcpSocket } from "./mechanisms/tcp-socket/tcp-socket.js";
export type * from "./mechanisms/tcp-socket/types.js";
export { UdpSocket } from "./mechanisms/udp-socket/udp-socket.js";
export type * from "./mechanisms/udp-socket/types.js";
export { SharedBuffer } from "./mechanisms/shared-buffer/shared-buffer.js";
export type {
  SharedBufferCreateOptions,
  SharedBufferOpenOptions,
  ViewConstructor,
} from "./mechanisms/shared-buffer/shared-buffer.js";
export type {
  AtomicField,
  BigIntType,
  FieldInput,
  FieldType,
  FieldValue,
  LayoutFields,
  LayoutValues,
  NumberType,
  NumericArrays,
  NumericType,
} from "./mechanisms/shared-buffer/layout/field-types.js";
export {
  type FieldPlace,
  layout,
  type Layout,
  type LayoutMemory,
  type LayoutOptions,
  type LayoutView,
} from "./mechanisms/shared-buffer/layout/layout.js";
export { SharedRecord } from "./mechanisms/shared-buffer/layout/record.js";
export { Condition } from "./mechanisms/shared-buffer/locks/condition.js";
export type { ExclusiveLease, Lease, Lock, SyncWaitOptions } from "./mechanisms/shared-buffer/locks/lock.js";
export { Mutex } from "./mechanisms/shared-buffer/locks/mutex.js";
export { RwLock, type WriteLock } from "./mechanisms/shared-buffer/locks/rwlock.js";
export { Semaphore } from "./mechanisms/shared-buffer/locks/semaphore.js";
export type { ReceivedLoan, SendLoan } from "./mechanisms/shared-buffer/loan.js";
export type { Visitor } from "./mechanisms/shared-buffer/ring-lender.js";
export type {
  SendInPlaceOptions,
  SharedBufferChannel,
} from "./mechanisms/shared-buffer/shared-buffer-channel.js";
export type { InPlaceWriter } from "./mechanisms/shared-buffer/ring-writer.js";
export type {
  SharedBufferChannelSettings,
  SharedBufferConnectOptions,
  SharedBufferListener,
  SharedBufferListenOptions,
} from "./mechanisms/shared-buffer/shared-buffer-connection.js";
export type {
  BroadcastOptions,
  BroadcastReceiver,
  BroadcastSender,
  FollowOptions,
} from "./mechanisms/shared-buffer/broadcast/broadcast.js";
export type { ConnectingOptions } from "./mechanisms/connecting-socket.js";
export { connect } from "./door/connect.js";
export { listen } from "./door/listen.js";
export type {
  AnyConnectOptions,
  AnyListenOptions,
  Connected,
  ConnectOptions,
  ConnectSchemes,
  KnownUrl,
  Listening,
  ListenOptions,
  ListenSchemes,
  Scheme,
  SchemeOf,
  SchemeTypes,
} from "./door/types.js";

// Not in a module that is imported for its effect alone: bundlers leave those out of packages that say they have none.
installObserver();
