import type { Socket } from "node:net";
import type { ByteSink, ByteStream } from "../core/byte-stream.js";
import { fromErrno } from "../native/errors.js";
import { codeOfBroken, type ConnectionDetails } from "./connection-stream.js";
import { LINGER_MS, LOOK_AGAIN_MS } from "./linger.js";
import { errnoOf, tlsFailure } from "./socket-errors.js";

/**
 * A {@link ByteStream} over a connected `net.Socket` of Node. The socket should have been made with `allowHalfOpen`, and nobody else may read, write or listen
 * for its errors.
 */
export class SocketStream implements ByteStream {
  readonly #socket: Socket;
  readonly #details: ConnectionDetails;
  readonly #hasArrived: (() => boolean) | undefined;
  #sink!: ByteSink;
  #reading = false;
  #ended = false;
  #closing = false;
  // Read from the socket, when the sink had enough in the middle of it.
  #left: Buffer | undefined;
  #endPending = false;
  // Writes given to the socket, and those it has called back for.
  #issued = 0;
  #completed = 0;
  #waiting = false;

  /**
   * @param socket - connected, and the stream's from now on
   * @param details - what errors say
   * @param hasArrived - whether the peer's kernel has all that was written, where that can be known
   */
  constructor(socket: Socket, details: ConnectionDetails, hasArrived?: () => boolean) {
    this.#socket = socket;
    this.#details = details;
    this.#hasArrived = hasArrived;
    // Errors may come before `start`, and one that nobody listens for ends the process.
    socket.on("error", (error: NodeJS.ErrnoException) => {
      this.#fail(error);
    });
  }

  start(sink: ByteSink): void {
    this.#sink = sink;
    const socket = this.#socket;
    socket.pause();
    socket.on("data", (bytes: Buffer) => {
      this.#deliver(bytes);
    });
    socket.on("end", () => {
      this.#end();
    });
    socket.on("close", () => {
      sink.released();
    });
  }

  write(chunks: readonly Uint8Array[]): boolean {
    if (this.#closing) return false;
    const socket = this.#socket;
    if (chunks.length > 1) socket.cork();
    for (const [index, chunk] of chunks.entries()) {
      if (index < chunks.length - 1) socket.write(chunk);
      else {
        this.#issued++;
        socket.write(chunk, this.#onWritten);
      }
    }
    if (chunks.length > 1) socket.uncork();
    if (socket.destroyed || socket.errored !== null) return false; // the error event is on its way
    // Zero right after a write: the kernel has taken all of it.
    this.#waiting = socket.writableLength > 0;
    return !this.#waiting;
  }

  resume(): void {
    this.#reading = true;
    const left = this.#left;
    this.#left = undefined;
    if (left !== undefined) this.#deliver(left);
    if (this.#endPending && this.#reading) this.#end();
    if (this.#reading && !this.#ended) this.#socket.resume();
  }

  pause(): void {
    this.#reading = false;
    this.#socket.pause();
  }

  close(graceful: boolean): void {
    if (this.#closing) return;
    this.#closing = true;
    const socket = this.#socket;
    if (graceful && !socket.destroyed && !socket.writableEnded) socket.end(this.#linger);
    else if (socket.closed) {
      process.nextTick(() => {
        this.#sink.released();
      });
    } else socket.destroy();
  }

  setRef(alive: boolean): void {
    if (alive) this.#socket.ref();
    else this.#socket.unref();
  }

  /**
   * What comes to a closed socket makes its kernel answer with a reset and throw away what the peer does not have yet; and something does come from
   * every server of TLS 1.3, its session tickets, after the handshake that a client takes for finished. So that is read and dropped for a while:
   * `#deliver` sees that the stream is closing.
   */
  readonly #linger = (): void => {
    const socket = this.#socket;
    const hasArrived = this.#hasArrived;
    if (hasArrived === undefined || socket.destroyed || hasArrived()) {
      socket.destroy();
      return;
    }
    let looks = LINGER_MS / LOOK_AGAIN_MS;
    const look = (): void => {
      if (hasArrived()) socket.destroy();
    };
    const timer = setInterval(() => {
      if (--looks === 0) socket.destroy();
      else look();
    }, LOOK_AGAIN_MS);
    socket.once("close", () => {
      clearInterval(timer);
    });
    socket.once("end", () => socket.destroy());
    socket.on("data", look).resume();
  };

  #deliver(bytes: Buffer): void {
    let offset = 0;
    while (offset < bytes.length && !this.#closing) {
      if (!this.#reading) {
        this.#left = bytes.subarray(offset);
        this.#socket.pause();
        return;
      }
      const target = this.#sink.buffer();
      const count = Math.min(target.length, bytes.length - offset);
      target.set(bytes.subarray(offset, offset + count));
      offset += count;
      if (!this.#sink.read(count)) this.pause();
    }
  }

  #end(): void {
    if (this.#closing || this.#ended) return;
    this.#endPending = !this.#reading || this.#left !== undefined;
    if (this.#endPending) return;
    this.#ended = true;
    // Whether the other direction is open too, the next write shows.
    this.#sink.ended(this.#details.endsAltogether === true);
  }

  // A write that the kernel took at once calls back too, but later: only the last one outstanding counts.
  readonly #onWritten = (error?: Error | null): void => {
    this.#completed++;
    if (!this.#waiting || this.#completed < this.#issued || (error !== undefined && error !== null)) return;
    this.#waiting = false;
    this.#sink.wrote();
  };

  #fail(error: NodeJS.ErrnoException): void {
    if (this.#closing) return;
    const { mechanism, address } = this.#details;
    const operation = error.syscall === "read" ? "receive" : "send";
    const where = address === undefined ? "" : ` ${JSON.stringify(address)}`;
    const tls = tlsFailure(error, { operation, mechanism, address });
    if (tls !== undefined) {
      this.#sink.fail(tls);
      return;
    }
    const result = errnoOf(error);
    this.#sink.fail(
      fromErrno(result, {
        code: codeOfBroken(result),
        message: result === 0 ? `Cannot ${operation} on ${mechanism}${where}: ${error.message}` : undefined,
        operation,
        mechanism,
        address,
        syscall: error.syscall,
        action: `${operation} on ${mechanism}${where}`,
        hint: "the peer is gone, or has closed it without reading everything",
        cause: error,
      }),
    );
  }
}
