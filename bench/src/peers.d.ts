// What is used of the peers. They are not installed with the project, so their own declarations may not be there.
declare module "zeromq" {
  interface SocketOptions {
    readonly noDrop?: boolean;
    readonly verbosity?: "allSubs";
  }
  class Base implements AsyncIterable<Buffer[]> {
    constructor(options?: SocketOptions);
    bind(address: string): Promise<void>;
    connect(address: string): void;
    send(message: Uint8Array): Promise<void>;
    receive(): Promise<Buffer[]>;
    [Symbol.asyncIterator](): AsyncIterator<Buffer[]>;
    close(): void;
  }
  export class Push extends Base {}
  export class Pull extends Base {}
  export class Pair extends Base {}
  export class XPublisher extends Base {}
  export class Subscriber extends Base {
    subscribe(prefix?: string): void;
  }
}

declare module "unix-dgram" {
  import type { EventEmitter } from "node:events";

  export interface Socket extends EventEmitter {
    bind(path: string): void;
    connect(path: string): void;
    send(message: Buffer, done: (error?: Error & { code?: unknown }) => void): void;
    close(): void;
  }
  export function createSocket(type: "unix_dgram", take?: (message: Buffer) => void): Socket;
}

declare module "node-ipc" {
  import type { Socket } from "node:net";

  export interface Client {
    readonly socket: Socket;
    on(event: string, take: (message: string) => void): this;
    emit(event: string, message: string): this;
  }
  export interface Server {
    start(): void;
    stop(): void;
    on(event: string, take: (message: string, socket: Socket) => void): this;
    emit(socket: Socket, event: string, message: string): this;
  }
  export interface Ipc {
    readonly config: { id: string; silent: boolean; maxRetries: number };
    readonly server: Server;
    readonly of: Readonly<Record<string, Client | undefined>>;
    serve(path: string, started: () => void): void;
    connectTo(id: string, path: string, connecting: () => void): void;
  }
  const ipc: Ipc;
  export default ipc;
}

declare module "birpc" {
  interface Channel {
    readonly post: (data: string) => unknown;
    readonly on: (take: (data: Buffer) => void) => void;
    readonly serialize: (message: unknown) => string;
    readonly deserialize: (data: Buffer) => unknown;
  }
  type Remote<Functions> = {
    readonly [Name in keyof Functions]: Functions[Name] extends (
      ...parameters: infer Parameters
    ) => infer Output
      ? (...parameters: Parameters) => Promise<Awaited<Output>>
      : never;
  };
  export function createBirpc<Theirs extends object>(ours: object, channel: Channel): Remote<Theirs>;
}
