/**
 * Typed inter-process communication for Node.js: every mechanism behind one `Channel`.
 *
 * @module sluice
 */
export type * from "./core/channel.js";
export type { Codec, FrameDecoder, Framing } from "./core/codec.js";
export { FrameError } from "./core/codec.js";
export { ChannelError, type ErrorCode, type ErrorDetails } from "./core/errors.js";
export type { ChannelOptions, QueueLimits, StreamOptions } from "./core/options.js";
export type { ChannelTraits, Mechanism } from "./core/traits.js";
export * from "./codec/index.js";
export { MemoryChannel } from "./mechanisms/memory/memory-channel.js";
