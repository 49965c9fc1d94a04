/**
 * Typed calls over any channel: functions of another process, streams both ways, cancellation, and limits that hold.
 *
 * @module sluice/rpc
 */
export { type ClientOptions, createClient } from "./client.js";
export type { ConnectionOptions, Protocol, StreamCredit } from "./limits.js";
export {
  method,
  type MethodGives,
  type MethodReceives,
  type MethodReturns,
  type MethodSchemas,
  type MethodTakes,
  type ValueOrStream,
} from "./method.js";
export type {
  SchemaInput,
  SchemaIssue,
  SchemaOutput,
  SchemaResult,
  StandardSchema,
} from "../codec/standard-schema.js";
export { type Peer, peer, type PeerOptions } from "./peer.js";
export { type ErrorBody, RemoteError } from "./remote-error.js";
export { type BytesListener, serve, type Server } from "./serve.js";
export type { CallEnded, ErrorOrigin, ServeOptions } from "./serve-options.js";
export type {
  AnyMethod,
  BytesChannel,
  Call,
  CallContext,
  CallOf,
  CallOptions,
  Client,
  ClientControl,
  ClientMethod,
  ClientNotify,
  InputOf,
  Method,
  MethodTable,
  MethodTypes,
  Notify,
  OptionalCall,
  OptionalNotify,
  OptionalStreamCall,
  RemoteStream,
  StreamCall,
  ValueCall,
} from "./types.js";
