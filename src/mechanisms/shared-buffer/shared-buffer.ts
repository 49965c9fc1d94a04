import { ChannelError } from "../../core/errors.js";
import { checkCount, checkOptions } from "../../core/options.js";
import { BufferView } from "../../core/view.js";
import { describe } from "../../core/wait.js";
import { loadCore } from "../../native/binding.js";
import { F_SEAL_SHRINK, STATUS_LENGTH, STATUS_SIZE } from "../../native/constants.js";
import { fromErrno } from "../../native/errors.js";
import type { NativeCore } from "../../native/native-core.js";
import type { Allow, AllowFunction } from "../authorise.js";
import { resolveOwners } from "../trusted-owner.js";
import {
  broadcast,
  type BroadcastOptions,
  type BroadcastReceiver,
  type BroadcastSender,
  follow,
  type FollowOptions,
} from "./broadcast/broadcast.js";
import type { LayoutFields } from "./layout/field-types.js";
import { Layout } from "./layout/layout.js";
import { SharedRecord } from "./layout/record.js";
import type { Condition } from "./locks/condition.js";
import { Locks } from "./locks/locks.js";
import type { Mutex } from "./locks/mutex.js";
import type { RwLock } from "./locks/rwlock.js";
import type { Semaphore } from "./locks/semaphore.js";
import {
  checkSegmentName,
  type CreatedSegment,
  createSegment,
  openSegment,
  removeCreated,
  unlinkSegment,
} from "./segment.js";
import type { SharedBufferChannel } from "./shared-buffer-channel.js";
import {
  connect,
  listen,
  type SharedBufferConnectOptions,
  type SharedBufferListener,
  type SharedBufferListenOptions,
} from "./shared-buffer-connection.js";

/** Options of `SharedBuffer.create`. */
export interface SharedBufferCreateOptions {
  /** Bytes, 1 to 4 GiB. */
  readonly size: number;
  /** The name for other processes to open, such as `"/jobs"`; no further slash, at most 255 bytes. Without one the memory is anonymous. */
  readonly name?: string | undefined;
  /** Permission bits of a named segment, 0 to 0o777, exactly, whatever the umask. 0o600 by default. */
  readonly mode?: number | undefined;
}

/** Options of `SharedBuffer.open`. */
export interface SharedBufferOpenOptions {
  /** Who may own the segment: whoever owns it can cut it, and so kill this process. `"self"` by default: this user, or root. */
  readonly allow?: Exclude<Allow, AllowFunction> | undefined;
}

/** A constructor of typed arrays or of `DataView`. */
export type ViewConstructor<View> = new (buffer: ArrayBuffer, byteOffset: number, length: number) => View;

const MOST_BYTES = 2 ** 32;
const MAKING = Symbol("made by a factory");

/**
 * Memory that several processes share; and, with `listen` and `connect`, the fastest {@link Channel} between two of them.
 *
 * - *Named* memory is a file in `/dev/shm` (shm_overview(7)) that any process of a permitted user can open, a C or Python program too. Its creator removes the name at
 *   `close` and at the end of its process; after `kill -9` the name stays until {@link SharedBuffer.unlink}.
 * - *Anonymous* memory is a memfd (memfd_create(2)), sealed so that nobody can change its size. It is shared by its descriptor, which a
 *   child process inherits; there it calls {@link SharedBuffer.adopt}.
 *
 * Nothing orders what two processes do with the memory but what you do: `Atomics` works on views of it across processes.
 *
 * @example
 * ```ts run
 * import { SharedBuffer } from "sluice";
 *
 * using counters = SharedBuffer.create({ name: `/docs-${process.pid}`, size: 4096 });
 * using same = SharedBuffer.open(`/docs-${process.pid}`); // in another process, usually
 *
 * Atomics.add(counters.view(Int32Array), 0, 5);
 * console.log(Atomics.load(same.view(Int32Array), 0)); // 5
 * ```
 */
export class SharedBuffer implements Disposable {
  /** The name with its leading slash; `undefined` for anonymous memory. */
  readonly name: string | undefined;
  readonly #core: NativeCore;
  readonly #memory: ArrayBuffer;
  readonly #created: CreatedSegment | undefined;
  readonly #fd: number;
  #locks: Locks | undefined;
  #bytes: Uint8Array<ArrayBuffer>;
  #closed = false;

  private constructor(
    making: symbol,
    core: NativeCore,
    fd: number,
    size: number,
    name: string | undefined,
    created: CreatedSegment | undefined,
  ) {
    if (making !== MAKING) {
      throw new TypeError(
        "SharedBuffer has no public constructor; use create(), open(), adopt(), listen(), connect(), broadcast() or follow()",
      );
    }
    const memory = core.mapMemory(fd, 0, size, true);
    if (typeof memory === "number") {
      throw fromErrno(memory, {
        operation: "create",
        mechanism: "shared-buffer",
        address: name,
        syscall: "mmap",
        action: `map ${size} bytes of shared memory`,
      });
    }
    this.#core = core;
    this.#memory = memory;
    this.#bytes = new BufferView(memory, 0, size) as Uint8Array<ArrayBuffer>;
    this.#created = created;
    this.name = name;
    this.#fd = fd;
  }

  // ---- memory ---------------------------------------------------------------------------------------------------------

  /**
   * Makes memory of zero bytes. Memory that the system does not have shows here: `ERR_SYSTEM` with errno ENOSPC (named) or ENOMEM.
   *
   * @throws TypeError or RangeError for a wrong option; ChannelError `ERR_ADDRESS_IN_USE` when the name exists, `ERR_ACCESS_DENIED`,
   *   `ERR_UNSUPPORTED` without the native core, `ERR_SYSTEM`
   */
  static create(options: SharedBufferCreateOptions): SharedBuffer {
    if (options === undefined)
      throw new TypeError("options must be { size, name?, mode? }, received undefined");
    checkOptions(options);
    const size = checkCount("options.size", options.size, 1, MOST_BYTES);
    const mode = checkCount("options.mode", options.mode ?? 0o600, 0, 0o777);
    if (options.name === undefined) {
      if (options.mode !== undefined) {
        throw new TypeError(
          `options.mode must be absent without options.name: anonymous memory has no file, received ${mode}`,
        );
      }
      const core = loadCore();
      const fd = core.createMemory(size, "sluice");
      if (fd < 0) {
        const action = `create ${size} bytes of anonymous shared memory`;
        throw fromErrno(fd, {
          operation: "create",
          mechanism: "shared-buffer",
          syscall: "memfd_create",
          action,
        });
      }
      return SharedBuffer.#make(core, fd, size, undefined, undefined);
    }
    const name = checkSegmentName(options.name);
    const core = loadCore();
    const segment = createSegment(core, name, size, mode);
    return SharedBuffer.#make(core, segment.fd, size, `/${name}`, segment);
  }

  /**
   * Opens memory that another process has named, all of it, as large as it is now.
   *
   * Only its owner and root can change its size. If one of them cuts it, touching what was cut kills this process (SIGBUS): that is
   * why `allow` trusts nobody else by default. Anonymous memory has no such danger.
   *
   * @throws TypeError or RangeError for a wrong argument; ChannelError `ERR_NO_PEER` when there is no such name, `ERR_ACCESS_DENIED`,
   *   `ERR_INVALID_MESSAGE` for what is no memory or has no bytes, `ERR_UNSUPPORTED`, `ERR_SYSTEM`
   */
  static open(name: string, options?: SharedBufferOpenOptions): SharedBuffer {
    const bare = checkSegmentName(name);
    checkOptions(options);
    const authorisation = resolveOwners(options?.allow, "open() does not wait");
    const core = loadCore();
    const { fd, size } = openSegment(core, bare, authorisation);
    return SharedBuffer.#make(core, fd, size, `/${bare}`, undefined);
  }

  /**
   * Maps anonymous memory whose descriptor came from another process: inherited, say. The descriptor belongs to the
   * SharedBuffer from now on, which closes it at `close`; when this throws it is closed too.
   *
   * @throws TypeError or RangeError for what is no descriptor; ChannelError `ERR_ACCESS_DENIED` for memory that is not sealed against shrinking, `ERR_SYSTEM`
   */
  static adopt(fd: number): SharedBuffer {
    checkCount("fd", fd, 0, 2 ** 31 - 1);
    const core = loadCore();
    const status = new BigInt64Array(STATUS_LENGTH);
    const result = core.status(fd, status);
    if (result < 0) {
      const action = `adopt descriptor ${fd}`;
      throw fromErrno(result, { operation: "adopt", mechanism: "shared-buffer", syscall: "statx", action });
    }
    core.adopt(fd);
    const seals = core.getSeals(fd);
    if (seals < 0 || (seals & F_SEAL_SHRINK) === 0) {
      core.close(fd);
      const message = `Cannot adopt descriptor ${fd}: it is no memory that is sealed against shrinking, so its other users could kill this process`;
      throw new ChannelError("ERR_ACCESS_DENIED", message, {
        operation: "adopt",
        mechanism: "shared-buffer",
      });
    }
    core.setCloseOnExec(fd, true);
    return SharedBuffer.#make(core, fd, Number(status[STATUS_SIZE]), undefined, undefined);
  }

  /**
   * Removes a name. Who has the memory open keeps it; it is freed when the last of them has closed it. See shm_unlink(3).
   *
   * @throws TypeError or RangeError for a wrong name; ChannelError `ERR_NO_PEER` when there is none, `ERR_ACCESS_DENIED`
   */
  static unlink(name: string): void {
    const bare = checkSegmentName(name);
    unlinkSegment(loadCore(), bare);
  }

  static #make(
    core: NativeCore,
    fd: number,
    size: number,
    name: string | undefined,
    created: CreatedSegment | undefined,
  ): SharedBuffer {
    try {
      return new SharedBuffer(MAKING, core, fd, size, name, created);
    } catch (error) {
      if (created !== undefined) removeCreated(core, created);
      core.close(fd);
      throw error;
    }
  }

  /** All of it. Length 0 after `close`. Do not transfer its ArrayBuffer. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes;
  }

  /** Its size in bytes. */
  get size(): number {
    return this.#bytes.length;
  }

  /**
   * The descriptor of anonymous memory, for a child process to inherit; it belongs to this object. `undefined` for named memory
   * and after `close`.
   */
  get fd(): number | undefined {
    return this.name === undefined && !this.#closed ? this.#fd : undefined;
  }

  /**
   * A view of a part, such as `buffer.view(Int32Array, 64, 16)`. Length 0 after `close`.
   *
   * @param constructor - of a typed array, or `DataView`
   * @param byteOffset - where it begins; a multiple of the element's size
   * @param length - elements (bytes for `DataView`); by default as many as there are
   * @throws RangeError for what is not inside the memory; TypeError after `close`
   */
  view<View>(constructor: ViewConstructor<View>, byteOffset = 0, length?: number): View {
    if (typeof constructor !== "function") {
      throw new TypeError(
        `constructor must be that of a typed array or DataView, received ${describe(constructor)}`,
      );
    }
    if (this.#closed) throw new TypeError("Cannot view this SharedBuffer: it is closed");
    checkCount("byteOffset", byteOffset, 0, this.size);
    const elementSize = (constructor as { readonly BYTES_PER_ELEMENT?: number }).BYTES_PER_ELEMENT ?? 1;
    const rest = Math.floor((this.size - byteOffset) / elementSize);
    const count = length === undefined ? rest : checkCount("length", length, 0, rest);
    return new constructor(this.#memory, byteOffset, count);
  }

  // ---- locks ----------------------------------------------------------------------------------------------------------

  /**
   * The mutex at this place: {@link Mutex.BYTES} (64) bytes, which must be zeros when nobody has used them. The same place gives the same object.
   *
   * @param offset - a multiple of 64, the same in all programs
   * @throws TypeError or RangeError for a wrong offset; TypeError after `close`; ChannelError `ERR_INVALID_MESSAGE` where there is something
   *   else, `ERR_SYSTEM`
   */
  mutex(offset: number): Mutex {
    return this.#lockable().mutex(offset);
  }

  /** The lock for many readers or one writer at this place: {@link RwLock.BYTES} (256) bytes; else as {@link SharedBuffer.mutex}. */
  rwlock(offset: number): RwLock {
    return this.#lockable().rwlock(offset);
  }

  /**
   * The semaphore at this place: {@link Semaphore.bytes} says how many bytes; else as {@link SharedBuffer.mutex}.
   *
   * @param offset - a multiple of 64, the same in all programs
   * @param permits - how many leases there can be at a time, 1 to 4,096, the same in all programs
   */
  semaphore(offset: number, permits: number): Semaphore {
    return this.#lockable().semaphore(offset, permits);
  }

  /** The condition at this place: {@link Condition.BYTES} (64) bytes; else as {@link SharedBuffer.mutex}. */
  condition(offset: number): Condition {
    return this.#lockable().condition(offset);
  }

  /**
   * The record of these fields at this place: {@link SharedRecord.bytes} says how many bytes. The first to ask for it writes its header.
   *
   * @param layout - made by `layout()`, equal in all programs
   * @param offset - a multiple of 64, 0 by default
   * @throws TypeError or RangeError for a wrong argument; TypeError after `close`; ChannelError `ERR_INVALID_MESSAGE` where there is something
   *   else, or a record of another layout
   */
  record<F extends LayoutFields>(layout: Layout<F>, offset = 0): SharedRecord<F> {
    if (!(layout instanceof Layout))
      throw new TypeError(`layout must be made by layout(), received ${describe(layout)}`);
    return SharedRecord.make(this.#memory, offset, layout, this.#lockable().owner);
  }

  #lockable(): Locks {
    if (this.#closed) throw new TypeError("Cannot use this SharedBuffer: it is closed");
    return (this.#locks ??= new Locks(this.#core, this.#memory, this.#fd));
  }

  /**
   * Unmaps the memory; views of it have length 0 from now on. The creator removes the name. Locks that are held go to the next with `ownerDied`.
   * Harmless when called twice.
   */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#created !== undefined) removeCreated(this.#core, this.#created);
    this.#locks?.close();
    if (this.#memory.byteLength > 0) this.#core.unmapMemory(this.#memory);
    this.#core.close(this.#fd);
  }

  /** What `using` does at the end of its block: {@link SharedBuffer.close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  // ---- the channel ----------------------------------------------------------------------------------------------------

  /** Listens for clients that talk through shared memory; carries Buffers. */
  static listen(
    path: string,
    options?: SharedBufferListenOptions<Uint8Array, Buffer> & { codec?: undefined },
  ): Promise<SharedBufferListener<Uint8Array, Buffer>>;
  /**
   * Listens for clients that talk through shared memory. They meet at a Unix socket, which is as safe as that of `UnixSocket.listen`; each connection then has
   * memory of its own, which no third process can reach.
   *
   * @param path - of the socket, at most 107 bytes, or an abstract name (`"\0name"`)
   * @throws (by the promise) TypeError or RangeError for a wrong argument; ChannelError `ERR_ADDRESS_IN_USE`, `ERR_ACCESS_DENIED`,
   *   `ERR_UNSUPPORTED` without the native core, `ERR_SYSTEM`
   * @example
   * ```ts run
   * import { json, SharedBuffer } from "sluice";
   *
   * const codec = json<{ job: number }>();
   * const listener = await SharedBuffer.listen("\0docs-jobs", { codec });
   * const client = await SharedBuffer.connect("\0docs-jobs", { codec });
   * const server = await listener.accept();
   * await client.send({ job: 7 });
   * console.log(await server.receive(), server.peer.uid === process.getuid?.()); // { job: 7 } true
   * await client.close();
   * await server.close();
   * await listener.close();
   * ```
   */
  static listen<Out, In = Out>(
    path: string,
    options: SharedBufferListenOptions<Out, In>,
  ): Promise<SharedBufferListener<Out, In>>;
  static listen(
    path: string,
    options?: SharedBufferListenOptions<unknown, unknown>,
  ): Promise<SharedBufferListener<unknown, unknown>> {
    return listen(path, options);
  }

  /** Connects to a process that listens; carries Buffers. */
  static connect(
    path: string,
    options?: SharedBufferConnectOptions<Uint8Array, Buffer> & { codec?: undefined },
  ): Promise<SharedBufferChannel<Uint8Array, Buffer>>;
  /**
   * Connects to a process that listens. Fulfils once the server has let us in and its memory is mapped.
   *
   * The server decides about the capacity; `maxMessageSize` is at most what it allows (`traits.maxMessageSize` tells).
   *
   * @throws (by the promise) TypeError or RangeError for a wrong argument; ChannelError `ERR_NO_PEER`, `ERR_PEER_DIED` when the server died before it let us in, `ERR_ACCESS_DENIED` when either side refuses
   *   the other, `ERR_INVALID_MESSAGE` when the server's memory is not as it must be, `ERR_TIMEOUT`, `ERR_UNSUPPORTED`, `ERR_SYSTEM`; the abort reason
   */
  static connect<Out, In = Out>(
    path: string,
    options: SharedBufferConnectOptions<Out, In>,
  ): Promise<SharedBufferChannel<Out, In>>;
  static connect(
    path: string,
    options?: SharedBufferConnectOptions<unknown, unknown>,
  ): Promise<SharedBufferChannel<unknown, unknown>> {
    return connect(path, options);
  }

  // ---- one to many ----------------------------------------------------------------------------------------------------

  /** Opens a broadcast of bytes: one writer, many followers. */
  static broadcast(
    path: string,
    options?: BroadcastOptions<Uint8Array> & { codec?: undefined },
  ): Promise<BroadcastSender<Uint8Array>>;
  /**
   * Opens a broadcast: what this process sends, all followers read from one ring in shared memory. Each message is written once, however many follow, and the writer waits for
   * nobody: a follower that is too slow misses the oldest messages, and is told how many. Followers meet the writer at a Unix socket, which is as safe as
   * that of `UnixSocket.listen`; they cannot write to the memory.
   *
   * `send` never waits for room, `trySend` never says `false`. `close` tells the followers that this was all; they still get what is in the ring.
   *
   * @param path - of the socket, at most 107 bytes, or an abstract name (`"\0name"`)
   * @throws (by the promise) TypeError or RangeError for a wrong argument; ChannelError `ERR_ADDRESS_IN_USE`, `ERR_ACCESS_DENIED`,
   *   `ERR_UNSUPPORTED` without the native core or before Linux 5.1, `ERR_SYSTEM`
   * @example
   * ```ts run
   * import { json, SharedBuffer } from "sluice";
   *
   * const codec = json<{ price: number }>();
   * const sender = await SharedBuffer.broadcast("\0docs-prices", { codec });
   * const follower = await SharedBuffer.follow("\0docs-prices", { codec }); // in other processes, usually
   * await sender.send({ price: 7 });
   * console.log(await follower.receive(), follower.missed); // { price: 7 } 0
   * await sender.close();
   * await follower.close();
   * ```
   */
  static broadcast<Out>(path: string, options: BroadcastOptions<Out>): Promise<BroadcastSender<Out>>;
  static broadcast(path: string, options?: BroadcastOptions<never>): Promise<BroadcastSender<never>> {
    return broadcast(path, options);
  }

  /** Follows a broadcast of bytes. */
  static follow(
    path: string,
    options?: FollowOptions<Buffer> & { codec?: undefined },
  ): Promise<BroadcastReceiver<Buffer>>;
  /**
   * Follows a broadcast. Fulfils once the writer has let us in; what it sends from that moment on is received, or counted as missed.
   *
   * Messages that were overwritten before they were read are counted exactly: `receiveEnvelope()` says how many were lost just before its message (`envelope.missed`),
   * `missed` how many in all.
   *
   * @throws (by the promise) TypeError or RangeError for a wrong argument; ChannelError `ERR_NO_PEER`, `ERR_PEER_DIED` when the server died before it let us in, `ERR_ACCESS_DENIED` when either side refuses
   *   the other, `ERR_INVALID_MESSAGE` when the memory is not as it must be, `ERR_TIMEOUT`, `ERR_UNSUPPORTED`, `ERR_SYSTEM`; the abort reason
   */
  static follow<In>(path: string, options: FollowOptions<In>): Promise<BroadcastReceiver<In>>;
  static follow(path: string, options?: FollowOptions<unknown>): Promise<BroadcastReceiver<unknown>> {
    return follow(path, options);
  }
}
