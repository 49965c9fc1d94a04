import type { ByteSink, ByteStream } from "../core/byte-stream.js";
import { ChannelError } from "../core/errors.js";
import type { Mechanism } from "../core/traits.js";
import { loadCore } from "../native/binding.js";
import {
  EAGAIN,
  EBADF,
  ECONNRESET,
  EHOSTUNREACH,
  ENETDOWN,
  ENETUNREACH,
  ENOTCONN,
  EPIPE,
  ETIMEDOUT,
  READABLE,
  SHUT_RDWR,
  SHUT_WR,
  WRITABLE,
} from "../native/constants.js";
import { fromErrno } from "../native/errors.js";
import type { NativeCore } from "../native/native-core.js";
import { clock } from "./clock.js";
import { HandleReader } from "./handle-reader.js";
import { isAcknowledged, LINGER_MS, LOOK_AGAIN_MS } from "./linger.js";
import { Readiness } from "./readiness.js";

/** What is read in one turn of the event loop at most, so that one busy connection leaves time for the others. */
const BYTES_A_TURN = 1024 * 1024;

const OVER: ReadonlySet<number> = new Set([-EPIPE, -ECONNRESET, -ENOTCONN]);
const SILENT: ReadonlySet<number> = new Set([-ETIMEDOUT, -EHOSTUNREACH, -ENETUNREACH, -ENETDOWN]);

/** What errors say of the connection, and what is peculiar to its protocol. */
export interface ConnectionDetails {
  readonly mechanism: Mechanism;
  readonly address?: string | undefined;
  /**
   * The peer's end of its direction is taken for its end altogether. The kernel of a Unix socket knows the difference; over TCP nobody does before the
   * next write.
   */
  readonly endsAltogether?: boolean | undefined;
  /** Closing in order waits, for a second at most, until the peer has what was written: see `#linger`. */
  readonly lingers?: boolean | undefined;
  /** How many descriptors may come with a message. None by default: then what comes is closed by the kernel. */
  readonly maxHandles?: number | undefined;
}

/**
 * A {@link ByteStream} over the descriptor of a connected stream socket, read and written by the native core when the event loop says so.
 *
 * Beside `net.Socket` it knows at once whether the kernel took a write, without a callback, and when a write finds the peer gone it still reads what the
 * peer had sent before: `net.Socket` closes the descriptor and loses that.
 */
export class ConnectionStream implements ByteStream {
  readonly #core: NativeCore = loadCore();
  readonly #fd: number;
  readonly #readiness: Readiness;
  readonly #details: ConnectionDetails;
  #sink: ByteSink | undefined;
  #reading = false;
  #ended = false;
  #closed = false;
  #lingering: ReturnType<typeof setInterval> | undefined;
  // Written in part; the rest is ours to write.
  #pending: readonly Uint8Array[] | undefined;
  // A message with descriptors found no room.
  #awaitsRoom = false;
  readonly #handles: HandleReader | undefined;
  // How often something was given to the kernel, and whether a read has found something.
  #writes = 0;
  #found = false;

  /**
   * @param fd - a connected, non-blocking stream socket; it belongs to the stream when the constructor has returned
   * @param details - what errors say
   */
  constructor(fd: number, details: ConnectionDetails) {
    this.#fd = fd;
    this.#details = details;
    this.#handles =
      details.maxHandles === undefined || details.maxHandles === 0
        ? undefined
        : new HandleReader(details.maxHandles);
    this.#readiness = new Readiness(fd, {
      wanted: () => (this.#reading ? READABLE : 0) | (this.#awaitsKernel() ? WRITABLE : 0),
      // A writer who asked would find room sooner, and less of it: epoll(7) tells of it when much is free.
      mayAsk: () => this.#reading && !this.#awaitsKernel(),
      ready: (status, events) => {
        this.#ready(status, events);
      },
      look: () => this.#look(),
    });
  }

  start(sink: ByteSink): void {
    this.#sink = sink;
  }

  write(chunks: readonly Uint8Array[]): boolean {
    if (this.#closed) return false;
    this.#writes++;
    this.#pending = chunks;
    return this.#push();
  }

  writeWith(bytes: Uint8Array, handles: readonly number[]): "none" | "part" | "all" {
    if (this.#closed) return "none";
    this.#writes++;
    if (bytes.length === 0) {
      const { mechanism, address } = this.#details;
      const text = `Cannot send on ${mechanism}: descriptors travel with at least one byte, and this message has none in its framing`;
      throw new ChannelError("ERR_INVALID_MESSAGE", text, { operation: "send", mechanism, address });
    }
    const count = this.#core.sendHandles(this.#fd, bytes, Int32Array.from(handles));
    if (count === -EAGAIN) {
      this.#awaitsRoom = true;
      this.#readiness.update();
      return "none";
    }
    if (OVER.has(count)) {
      if (this.#reading) this.#read();
      this.#fail(count, "send", "sendmsg");
      return "none";
    }
    if (count < 0) {
      const hint = "each of options.handles must be open here, and must not be too deep in other sockets";
      throw this.#error(count, "send", "sendmsg", hint);
    }
    this.#pending = rest([bytes], count);
    this.#readiness.update();
    return this.#pending === undefined ? "all" : "part";
  }

  resume(): void {
    this.#reading = !this.#ended;
    this.#readiness.update();
  }

  pause(): void {
    this.#reading = false;
    this.#readiness.update();
  }

  beforeWait(): void {
    if (this.#reading) this.#readiness.beforeWait(this.#writes);
  }

  #look(): boolean {
    this.#found = false;
    if (this.#reading) this.#read();
    return this.#found || !this.#reading;
  }

  close(graceful: boolean): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#pending = undefined;
    if (graceful && this.#details.lingers === true) this.#linger();
    else {
      if (graceful) this.#endInOrder();
      this.#release();
    }
  }

  setRef(alive: boolean): void {
    this.#readiness.setRef(alive);
  }

  /** A socket that is closed with bytes unread makes the peer's next read fail with ECONNRESET, where it should see the end. */
  #endInOrder(): void {
    this.#core.shutdownSocket(this.#fd, SHUT_RDWR); // from now on nothing more can come
    while (this.#core.drain(this.#fd) > 0);
  }

  /**
   * When a TCP socket is closed with bytes unread, or when some come later, its kernel answers with a reset and throws away what the peer does not have
   * yet. So the sending side is ended first, and while something is on its way what comes is read and dropped. With nothing on its way
   * the reset is right: it tells the peer that nobody read its last messages.
   */
  #linger(): void {
    this.#core.shutdownSocket(this.#fd, SHUT_WR);
    if (this.#hasArrived()) {
      this.#release();
      return;
    }
    const end = clock.now() + LINGER_MS;
    this.#lingering = setInterval(() => {
      if (this.#hasArrived() || clock.now() > end) this.#release();
    }, LOOK_AGAIN_MS);
    this.#readiness.watchOnly(READABLE);
  }

  /** Drops what has come; `false`: there was nothing. */
  #drain(): boolean {
    let dropped = 0;
    for (let count = this.#core.drain(this.#fd); count > 0; count = this.#core.drain(this.#fd))
      dropped += count;
    return dropped > 0;
  }

  #hasArrived(): boolean {
    return isAcknowledged(this.#core.unsentBytes(this.#fd));
  }

  #release(): void {
    clearInterval(this.#lingering);
    this.#lingering = undefined;
    this.#readiness.close();
    this.#core.close(this.#fd);
    // Not sooner: a loop of opening and closing must let the event loop turn, or the closed polls pile up in it.
    setImmediate(() => {
      this.#sink?.released();
    });
  }

  #awaitsKernel(): boolean {
    return this.#pending !== undefined || this.#awaitsRoom;
  }

  #ready(status: number, events: number): void {
    if (this.#lingering !== undefined) {
      // Readable with nothing to read: the peer has ended too.
      if (status < 0 || !this.#drain() || this.#hasArrived()) this.#release();
      return;
    }
    if (this.#closed) return;
    if (status < 0) {
      // The socket has an error that a read or write will tell, behind what still can be read.
      if (status !== -EBADF) {
        this.#fail(status, "receive", "poll");
        return;
      }
    }
    if (this.#awaitsRoom && (status < 0 || (events & WRITABLE) !== 0)) {
      this.#awaitsRoom = false;
      this.#sink?.wrote();
      if (this.#closed) return;
    }
    if (this.#pending !== undefined && (status < 0 || (events & WRITABLE) !== 0)) {
      if (this.#push()) this.#sink?.wrote();
      if (this.#closed) return;
    }
    if (this.#reading && (status < 0 || (events & READABLE) !== 0)) this.#readAndCount();
  }

  #readAndCount(): void {
    this.#found = false;
    this.#read();
    if (this.#found) this.#readiness.read(1, this.#writes);
  }

  /** Reads until nothing is there, the sink has enough, or the turn is over; the Poll is level-triggered and brings us back. */
  #read(): void {
    const sink = this.#sink;
    if (sink === undefined) return;
    for (let left = BYTES_A_TURN; left > 0 && this.#reading;) {
      const target = sink.buffer();
      const count =
        this.#handles === undefined
          ? this.#core.read(this.#fd, target, 0, target.length)
          : this.#handles.read(this.#fd, target);
      if (count > 0) {
        this.#found = true;
        const goOn = sink.read(count, this.#handles?.take());
        if (this.#closed) return;
        if (!goOn) this.#reading = false;
        // A short read has emptied the socket; asking again would only cost a system call. With descriptors it ends where some came.
        if (count < target.length && this.#handles === undefined) return;
        left -= count;
      } else if (count === 0) {
        this.#ended = true;
        this.#reading = false;
        sink.ended(this.#details.endsAltogether === true || this.#core.isHungUp(this.#fd) !== 0);
      } else if (count === -EAGAIN) return;
      else {
        this.#fail(count, "receive", "read");
        return;
      }
    }
  }

  /** Writes what is pending, as much as the kernel takes. `true`: all of it. */
  #push(): boolean {
    const chunks = this.#pending ?? [];
    const first = chunks[0];
    const count =
      chunks.length === 1 && first !== undefined
        ? this.#core.write(this.#fd, first, 0, first.length)
        : this.#core.writev(this.#fd, chunks, 0, chunks.length);
    if (count < 0 && count !== -EAGAIN) {
      // What the peer had sent before it went comes first, as far as there is room for it.
      this.#pending = undefined;
      if (this.#reading) this.#read();
      this.#fail(count, "send", "write");
      return false;
    }
    this.#pending = count < 0 ? chunks : rest(chunks, count);
    this.#readiness.update();
    return this.#pending === undefined;
  }

  #fail(result: number, operation: "send" | "receive", syscall: string): void {
    if (this.#closed) return;
    const hint = "the peer is gone, or has closed it without reading everything";
    this.#sink?.fail(this.#error(result, operation, syscall, hint));
  }

  #error(result: number, operation: "send" | "receive", syscall: string, hint: string): ChannelError {
    const { mechanism, address } = this.#details;
    const where = address === undefined ? "" : ` ${JSON.stringify(address)}`;
    return fromErrno(result, {
      operation,
      mechanism,
      address,
      syscall,
      code: codeOfBroken(result),
      action: `${operation} on ${mechanism}${where}`,
      hint,
    });
  }
}

/** The code for an errno that ended a connection, where it is not the usual one: a machine that went away says nothing, and keep-alive finds it out. */
export function codeOfBroken(result: number): "ERR_PEER_DIED" | undefined {
  return SILENT.has(result) ? "ERR_PEER_DIED" : undefined;
}

/** What is left of these chunks after so many bytes; `undefined` when nothing is. */
function rest(chunks: readonly Uint8Array[], written: number): readonly Uint8Array[] | undefined {
  let left = written;
  for (const [index, chunk] of chunks.entries()) {
    if (left < chunk.length) return [chunk.subarray(left), ...chunks.slice(index + 1)];
    left -= chunk.length;
  }
  return undefined;
}
