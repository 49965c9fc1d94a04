/** Room in the outgoing ring, lent to be filled in place. Made by {@link SharedBufferChannel.loan}. */
export interface SendLoan extends Disposable {
  /**
   * The room, as many bytes as were asked for, with whatever was in the ring before. After `commit`, `abandon` or the end of the channel it has no bytes;
   * a view that you have kept must not be used then: it still points into the ring.
   */
  readonly bytes: Buffer;
  /**
   * Sends the bytes as one message.
   *
   * @param length - how many of them, all by default
   * @throws TypeError when the loan was committed or abandoned before; ChannelError `ERR_CHANNEL_CLOSED` or `ERR_PEER_DIED` when the channel has ended
   */
  commit(length?: number): void;
  /** Gives the room back; nothing is sent. Harmless after `commit`. `using` does it too. */
  abandon(): void;
}

/** A message in the incoming ring, lent to be read in place. Made by {@link SharedBufferChannel.receiveLoan}. */
export interface ReceivedLoan extends Disposable {
  /**
   * The message. After `release` or the end of the channel it has no bytes; a view that you have kept must not be used then: the peer writes
   * other messages there. A peer that you do not trust can change the bytes while you read them, so check a copy.
   */
  readonly bytes: Buffer;
  /** Gives the memory back to the peer. Harmless when called twice. `using` does it too. */
  release(): void;
}

/** What a loan is part of. */
export interface Lending {
  endLoan(length: number | undefined): void;
  /** Throws when the channel has ended. */
  checkOpen(): void;
}

const NOTHING: Buffer = Buffer.alloc(0);

export class RingSendLoan implements SendLoan {
  #bytes: Buffer;
  #state: "open" | "committed" | "abandoned" = "open";
  readonly #lending: Lending;

  constructor(bytes: Buffer, lending: Lending) {
    this.#bytes = bytes;
    this.#lending = lending;
  }

  get bytes(): Buffer {
    return this.#bytes;
  }

  commit(length?: number): void {
    if (this.#state !== "open") throw new TypeError(`Cannot commit this loan: it was ${this.#state} before`);
    this.#lending.checkOpen();
    const sent = length ?? this.#bytes.length;
    if (!Number.isInteger(sent) || sent < 0 || sent > this.#bytes.length) {
      throw new RangeError(
        `length must be a whole number from 0 to ${this.#bytes.length}, the size of the loan, received ${String(length)}`,
      );
    }
    this.#end("committed", sent);
  }

  abandon(): void {
    if (this.#state === "open") this.#end("abandoned", undefined);
  }

  [Symbol.dispose](): void {
    this.abandon();
  }

  #end(state: "committed" | "abandoned", length: number | undefined): void {
    this.#state = state;
    this.#bytes = NOTHING;
    this.#lending.endLoan(length);
  }
}

export class RingReceivedLoan implements ReceivedLoan {
  /** Where its record begins in the ring. */
  readonly position: number;
  isReleased = false;
  #bytes: Buffer;
  readonly #owner: { loanReleased(): void } | undefined;

  // There is no owner for a message that was copied before it was asked for in place.
  constructor(bytes: Buffer, position: number, owner: { loanReleased(): void } | undefined) {
    this.#bytes = bytes;
    this.position = position;
    this.#owner = owner;
  }

  get bytes(): Buffer {
    return this.#bytes;
  }

  release(): void {
    if (this.isReleased) return;
    this.isReleased = true;
    this.#bytes = NOTHING;
    this.#owner?.loanReleased();
  }

  [Symbol.dispose](): void {
    this.release();
  }
}
