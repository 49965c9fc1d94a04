import type { FileHandle } from "../../core/channel.js";
import { StreamChannel, type StreamChannelOptions } from "../../core/stream-channel.js";
import type { DescriptorStream } from "../descriptor-stream.js";
import { OwnedHandle } from "../owned-handle.js";
import { makeBlocking } from "./pipes.js";

/** One end of a pipe in this process, which can be handed on. */
export class PipeEnd<Out, In> extends StreamChannel<Out, In> {
  readonly #stream: DescriptorStream;
  readonly #fd: number;

  constructor(stream: DescriptorStream, fd: number, options: StreamChannelOptions<Out, In>) {
    super(stream, options);
    this.#stream = stream;
    this.#fd = fd;
  }

  detach(): FileHandle {
    if (this.state !== "open")
      throw this.error("ERR_CHANNEL_CLOSED", "detach", "the channel is closed, and its descriptor too");
    const { unsent, waiting } = this.outgoing;
    if (this.#stream.isUsed || unsent > 0 || waiting > 0) {
      const text =
        "it has carried bytes, some of which may be in its buffers; detach an end before it sends or receives";
      throw this.error("ERR_UNSUPPORTED", "detach", text);
    }
    this.#stream.leaveOpen();
    this.destroy();
    makeBlocking(this.#fd);
    return new OwnedHandle(this.#fd);
  }
}
