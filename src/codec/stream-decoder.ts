import { FrameError, type FrameDecoder } from "../core/codec.js";
import { describe } from "./describe.js";

/** What the decoders share: the fields of the interface, the limit, and that a stream which failed once stays failed. */
export abstract class StreamDecoder implements FrameDecoder {
  payloadStart = 0;
  payloadEnd = 0;
  frameEnd = 0;
  needed = 1;
  protected readonly maxMessageSize: number;
  protected failure: FrameError | undefined = undefined;

  constructor(maxMessageSize: number) {
    // Infinity is a limit too: none.
    if (typeof maxMessageSize !== "number" || !(maxMessageSize >= 0)) {
      throw new RangeError(
        `maxMessageSize must be a number of bytes, 0 or more, not ${describe(maxMessageSize)}`,
      );
    }
    this.maxMessageSize = maxMessageSize;
  }

  abstract find(bytes: Buffer, start: number, end: number): boolean;
  abstract finish(bytes: Buffer, start: number, end: number): boolean;

  /** Remembers why the stream cannot be read on. The caller throws what this returns. */
  protected fail(code: FrameError["code"], message: string): FrameError {
    this.failure = new FrameError(code, message);
    return this.failure;
  }

  protected failTooLarge(size: string): FrameError {
    return this.fail(
      "ERR_MESSAGE_TOO_LARGE",
      `The peer sends a message of ${size} bytes, over the limit of ${this.maxMessageSize}: raise maxMessageSize if that is expected`,
    );
  }

  /** `finish` of a framing whose frames all have an end of their own: what is left is a frame that was cut. */
  protected finishWithin(available: number): false {
    if (this.failure !== undefined) throw this.failure;
    if (available === 0) return false;
    throw this.fail(
      "ERR_MESSAGE_TRUNCATED",
      `The stream ended in the middle of a message, ${available} bytes into its frame`,
    );
  }
}
