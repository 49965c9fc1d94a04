import type { ByteSink, ByteStream } from "../core/byte-stream.js";
import type { Mechanism } from "../core/traits.js";
import {
  DISCONNECT,
  EAGAIN,
  EPIPE,
  fromErrno,
  loadCore,
  type NativeCore,
  READABLE,
  WRITABLE,
} from "../native/binding.js";
import { Readiness } from "./readiness.js";
import { WatchedDescriptor } from "./watched-descriptor.js";

/** What is read in one turn of the event loop at most, so that one busy stream leaves time for the others. */
const BYTES_A_TURN = 1024 * 1024;

/** What {@link DescriptorStream} runs over. At least one descriptor; they are two different ones. */
export interface DescriptorStreamOptions {
  /** The mechanism that errors name. */
  readonly mechanism: Mechanism;
  /** The address that errors name. */
  readonly address?: string | undefined;
  /** A descriptor to read from: non-blocking, and one that epoll takes. */
  readonly reader?: number | undefined;
  /** A descriptor to write to, likewise. */
  readonly writer?: number | undefined;
}

/** Why reading stopped. */
type ReadOutcome = "waiting" | "ended" | "paused" | "over";

/**
 * A {@link ByteStream} over descriptors that the kernel reads from and writes to: the two ends of a pipe, or one of them. The event loop drives it;
 * no thread waits in the kernel.
 *
 * The descriptors are the stream's from the moment the constructor has returned. Errors: constructing throws what {@link WatchedDescriptor} throws.
 */
export class DescriptorStream implements ByteStream {
  readonly #core: NativeCore = loadCore();
  readonly #options: DescriptorStreamOptions;
  readonly #reading: Readiness | undefined;
  readonly #writing: WatchedDescriptor | undefined;
  #sink: ByteSink | undefined;
  #wantsBytes = false;
  #closed = false;
  // Written in part, and the rest is the stream's to write.
  #pending: readonly Uint8Array[] | undefined;
  // The readers of what is written here have gone: what the next write will be told.
  #readersGone = false;
  #used = false;
  #leavesOpen = false;
  // How often something was given to the kernel, and whether the last reading found bytes.
  #writes = 0;
  #found = false;

  constructor(options: DescriptorStreamOptions) {
    const { reader, writer } = options;
    this.#options = options;
    this.#reading = reader === undefined ? undefined : this.#ready(reader);
    try {
      this.#writing =
        writer === undefined
          ? undefined
          : new WatchedDescriptor(writer, (status) => {
              this.#onWritable(status);
            });
    } catch (error) {
      this.#reading?.close();
      throw error;
    }
  }

  #ready(reader: number): Readiness {
    return new Readiness(reader, {
      wanted: () => (this.#wantsBytes ? READABLE : 0),
      mayAsk: () => this.#wantsBytes,
      ready: (status) => {
        this.#onReadable(status);
      },
      look: () => {
        this.#readWithoutEvent();
        return this.#found || !this.#wantsBytes;
      },
    });
  }

  /** Whether something was read, the end included, or given to be written. */
  get isUsed(): boolean {
    return this.#used;
  }

  /** From now on the descriptors belong to the caller: `close` stops watching them and leaves them open. */
  leaveOpen(): void {
    this.#leavesOpen = true;
  }

  start(sink: ByteSink): void {
    this.#sink = sink;
    // Watching for nothing but the end: it tells at once, also while nobody sends, that the readers have gone.
    this.#writing?.watch(DISCONNECT);
  }

  write(chunks: readonly Uint8Array[]): boolean {
    if (this.#closed || this.#writing === undefined) return false;
    this.#used = true;
    this.#writes++;
    this.#pending = chunks;
    if (this.#readersGone) {
      this.#failWriting(-EPIPE);
      return false;
    }
    return this.#push(this.#writing);
  }

  resume(): void {
    this.#wantsBytes = true;
    // Not read here: only an event tells 0 bytes of a FIFO that nobody has opened yet from 0 bytes at its end.
    this.#reading?.update();
  }

  pause(): void {
    this.#wantsBytes = false;
    this.#reading?.update();
  }

  beforeWait(): void {
    if (this.#wantsBytes) this.#reading?.beforeWait(this.#writes);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#pending = undefined;
    for (const side of [this.#reading, this.#writing]) {
      if (side === undefined) continue;
      side.close();
      if (!this.#leavesOpen) this.#core.close(side.fd);
    }
    // libuv lets go of what it knew of the descriptors in a turn of the event loop, which opening and closing in a loop must not starve.
    setImmediate(() => {
      this.#sink?.released();
    });
  }

  setRef(alive: boolean): void {
    for (const side of [this.#reading, this.#writing]) {
      side?.setRef(alive);
    }
  }

  #onReadable(status: number): void {
    if (this.#reading?.isAsked === true) {
      this.#readWithoutEvent();
      if (this.#found) this.#reading.read(1, this.#writes);
      return;
    }
    this.#used = true;
    this.#found = false;
    const outcome = this.#read(BYTES_A_TURN);
    if (outcome === "ended") this.#end();
    else if (status < 0 && outcome === "waiting") this.#fail(status, "receive", "read");
    else if (this.#found) this.#reading?.read(1, this.#writes);
  }

  /**
   * Only an event tells an end from a writer who has not come yet: where nothing is queued it is left to that. And who shares the pipe, as a program that has inherited it, may have made it blocking.
   */
  #readWithoutEvent(): void {
    this.#found = false;
    const side = this.#reading;
    if (side === undefined || side.isClosed || this.#core.queuedBytes(side.fd) <= 0) return;
    this.#read(BYTES_A_TURN);
  }

  /** Reads until nothing is there, or the sink has enough, or so many bytes were read. */
  #read(limit: number): ReadOutcome {
    const side = this.#reading;
    const sink = this.#sink;
    if (side === undefined || sink === undefined || side.isClosed) return "over";
    for (let left = limit; left > 0;) {
      const target = sink.buffer();
      const count = this.#core.read(side.fd, target, 0, target.length);
      if (count === 0) return "ended";
      if (count === -EAGAIN) return "waiting";
      if (count < 0) {
        this.#fail(count, "receive", "read");
        return "over";
      }
      this.#found = true;
      const goOn = sink.read(count);
      if (this.#closed) return "over";
      if (!goOn) {
        this.pause();
        return "paused";
      }
      // A short read has emptied the pipe; asking again would only cost a system call.
      if (count < target.length) return "waiting";
      left -= count;
    }
    return "waiting";
  }

  #end(): void {
    this.#wantsBytes = false;
    this.#reading?.close();
    const side = this.#writing;
    this.#sink?.ended(side === undefined || this.#core.isHungUp(side.fd) !== 0);
  }

  #onWritable(status: number): void {
    const side = this.#writing;
    if (side === undefined || this.#closed) return;
    if (status < 0) {
      this.#loseReaders();
      return;
    }
    // Watched for room a moment longer than needed: a busy writer then does not switch it off and on for each write.
    if (this.#pending === undefined) side.watch(DISCONNECT);
    else if (this.#push(side)) this.#sink?.wrote();
  }

  /** Writes what is pending, as much as the kernel takes. */
  #push(side: WatchedDescriptor): boolean {
    const chunks = this.#pending ?? [];
    const first = chunks[0];
    const count =
      chunks.length === 1 && first !== undefined
        ? this.#core.write(side.fd, first, 0, first.length)
        : this.#core.writev(side.fd, chunks, 0, chunks.length);
    if (count < 0 && count !== -EAGAIN) {
      this.#failWriting(count);
      return false;
    }
    this.#pending =
      chunks.length === 1 && count === first?.length ? undefined : rest(chunks, Math.max(count, 0));
    if (this.#pending === undefined) return true;
    side.watch(DISCONNECT | WRITABLE);
    return false;
  }

  #loseReaders(): void {
    // A peer that closes both directions ends in good order if nothing is on its way to it: the other descriptor tells that, behind
    // what the peer has sent. Only a write is told that nobody reads it.
    this.#readersGone = true;
    if (this.#pending !== undefined || this.#reading === undefined) this.#failWriting(-EPIPE);
    else if (this.#wantsBytes) this.#lookForWriters(this.#reading);
  }

  /** Of a FIFO that nobody has opened to write since it was opened here, poll(2) tells nothing, and a peer that has gone already never will. */
  #lookForWriters(side: Readiness): void {
    this.#used = true;
    if (this.#read(BYTES_A_TURN) !== "ended") return;
    // Asked after reading: the peer may have closed one descriptor before the other.
    if (this.#core.isHungUp(side.fd) !== 0) this.#end();
    else this.#fail(-EPIPE, "receive", "poll");
  }

  /** What was given to `write` cannot be written. What the peer had sent before it went is read first, as far as there is room for it. */
  #failWriting(result: number): void {
    if (this.#wantsBytes && this.#read(BYTES_A_TURN) === "ended") this.#end();
    this.#fail(result, "send", "write");
  }

  #fail(result: number, operation: string, syscall: string): void {
    if (this.#closed) return;
    const { mechanism, address } = this.#options;
    const where = address === undefined ? "" : ` ${JSON.stringify(address)}`;
    const broken = result === -EPIPE;
    this.#sink?.fail(
      fromErrno(result, {
        operation,
        mechanism,
        address,
        syscall,
        message: broken
          ? `Cannot ${operation} on ${mechanism}${where}: nobody reads ${operation === "send" ? "it" : "or writes it"} any more (EPIPE); open it again when there is a new reader`
          : undefined,
        action: `${operation} on ${mechanism}${where}`,
      }),
    );
  }
}

/** What is left of these chunks after so many bytes; `undefined` when nothing is. */
function rest(chunks: readonly Uint8Array[], written: number): readonly Uint8Array[] | undefined {
  if (written === 0) return chunks;
  let left = written;
  for (const [index, chunk] of chunks.entries()) {
    if (left < chunk.length) return [chunk.subarray(left), ...chunks.slice(index + 1)];
    left -= chunk.length;
  }
  return undefined;
}
