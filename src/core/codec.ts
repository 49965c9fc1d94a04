import type { MessageIssue } from "./errors.js";

/** What follows a received message that is none: see {@link Codec.onInvalid}. */
export type OnInvalid = "throw" | "drop" | "close";

/**
 * Turns messages into bytes and back.
 *
 * @typeParam Out - what it encodes
 * @typeParam In - what it decodes to
 */
export interface Codec<Out, In = Out> {
  /** Its name, for errors and logs. */
  readonly name: string;
  /** Whether `decode` does nothing but return the bytes: many messages then need not go through it one by one. */
  readonly decodesToItself?: boolean;
  /**
   * What follows received bytes that `decode` refuses. `"throw"` (the default): the receive in line rejects with `ERR_INVALID_MESSAGE`, and the
   * channel goes on. `"drop"`: they are left out and counted (`statistics().dropped.invalid`). `"close"`: the channel fails with that error, for everybody who waits.
   */
  readonly onInvalid?: OnInvalid | undefined;
  /** The message's bytes. Throws a `TypeError` for a value that it cannot encode. */
  encode(message: Out): Uint8Array;
  /**
   * The message in these bytes, which belong to the caller from now on. Throws for bytes that are no message: a {@link MessageError} if it knows what is
   * wrong with which part.
   */
  decode(bytes: Buffer): In;
}

/**
 * Keeps messages apart in a stream of bytes. One framing may serve many channels: what belongs to one
 * stream is in the decoder.
 */
export interface Framing {
  /** Its name, for errors and logs. */
  readonly name: string;
  /** `"none"` when what arrives is pieces of the stream rather than messages. */
  readonly boundaries: "framed" | "none";
  /** The most bytes that a frame adds to a message. */
  readonly overhead: number;
  /** The largest payload in bytes that a frame can tell the length of. Absent: no limit of its own. */
  readonly maxPayload?: number;
  /** The reason why this payload cannot be framed (a line with a newline in it), else `undefined`. Absent: every payload can. */
  refuse?(payload: Uint8Array): string | undefined;
  /** Writes what precedes a payload of this length; returns the offset behind it. */
  writeHeader(target: Uint8Array, offset: number, payloadLength: number): number;
  /** Writes what follows a payload; returns the offset behind it. */
  writeTrailer(target: Uint8Array, offset: number): number;
  /** A decoder for one stream. */
  createDecoder(maxMessageSize: number): FrameDecoder;
}

/**
 * Finds frames in the bytes of one stream. It allocates nothing: the caller owns the memory, and the decoder leaves
 * what it found in its own fields.
 */
export interface FrameDecoder {
  /** Where the payload found last begins, as an offset into `bytes`. */
  payloadStart: number;
  /** Where it ends. */
  payloadEnd: number;
  /** Where the next frame begins. */
  frameEnd: number;
  /** After `find` said `false`: how many bytes from `start` on the frame takes at least. A hint for the size of the memory. */
  needed: number;
  /**
   * Looks for one whole frame in `bytes[start, end)`, `start` being where a frame begins. Between a `false` and the next call for the same
   * frame the bytes may have moved, but `end - start` only grows. Throws a {@link FrameError} when these bytes can be no frame, or the
   * frame is over the limit; it then throws at each further call.
   */
  find(bytes: Buffer, start: number, end: number): boolean;
  /**
   * The stream has ended with `bytes[start, end)` left, no whole frame. `true`: they are the last message all the same (fields set as by
   * `find`). `false`: there was no frame begun. Throws when a frame was cut.
   */
  finish(bytes: Buffer, start: number, end: number): boolean;
}

/** Why a stream cannot be read on. The channel makes a `ChannelError` of it. */
export class FrameError extends Error {
  /** What kind of error it is, for texts. */
  override readonly name = "FrameError";
  /** The code that the channel fails with. */
  readonly code: "ERR_MESSAGE_TOO_LARGE" | "ERR_INVALID_MESSAGE" | "ERR_MESSAGE_TRUNCATED";

  /**
   * @param code - the code that the channel fails with
   * @param message - what is wrong with the bytes
   */
  constructor(
    code: "ERR_MESSAGE_TOO_LARGE" | "ERR_INVALID_MESSAGE" | "ERR_MESSAGE_TRUNCATED",
    message: string,
  ) {
    super(message);
    this.code = code;
  }
}

/** Why received bytes are no message, part by part. The channel makes a `ChannelError` of it, which has the issues too. */
export class MessageError extends Error {
  /** What kind of error it is, for texts. */
  override readonly name = "MessageError";
  /** What is wrong, and where. */
  readonly issues: readonly MessageIssue[];

  /**
   * @param message - what is wrong, in words
   * @param issues - the same, for a program
   */
  constructor(message: string, issues: readonly MessageIssue[]) {
    super(message);
    this.issues = issues;
  }
}

/** A codec is used in a way that cannot work, whatever comes: a mistake in the program, which no `onInvalid` hides. */
export class CodecMistake extends TypeError {}
