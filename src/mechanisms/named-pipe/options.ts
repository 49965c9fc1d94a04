import type { WaitOptions } from "../../core/channel.js";
import type { StreamOptions } from "../../core/options.js";
import type { Allow, AllowFunction } from "../authorise.js";

/** Options of `NamedPipe.create`. */
export interface NamedPipeCreateOptions {
  /** The FIFO's rights, 0 to 0o777, exactly, whatever the umask. 0o600 by default: the owner reads and writes. */
  readonly mode?: number | undefined;
  /**
   * `true` (the default): a path that exists is `ERR_ADDRESS_IN_USE`. `false`: a FIFO that is there is taken, if `allow` names its owner and its
   * rights are no wider than `mode`; one of this user's that is narrower gets `mode`.
   */
  readonly exclusive?: boolean | undefined;
  /** With `exclusive: false`, who may own the FIFO that is there. `"self"` by default: this user, or root. */
  readonly allow?: Exclude<Allow, AllowFunction> | undefined;
}

/** What all ways of opening a FIFO have in common. */
export interface NamedPipeOpenOptions extends WaitOptions {
  /**
   * Bytes that the kernel shall hold between the two sides, 4096 at least; it rounds up. A pipe that holds more is left so. What the user's limits do not allow
   * (`fs.pipe-max-size`, `fs.pipe-user-pages-soft`) is `ERR_ACCESS_DENIED`. Without this option the pipe is as the kernel
   * made it: 64 KiB.
   */
  readonly capacity?: number | undefined;
  /**
   * Who may own the FIFO: anybody could have made one of this name before, in a folder that others can write to, to read what you send or to be read in
   * the place of those you wait for. `"self"` by default: this user, or root. The owner of the FIFO is not who writes to it: that is a matter of its mode.
   */
  readonly allow?: Exclude<Allow, AllowFunction> | undefined;
}

/** Options of `NamedPipe.openReader`. */
export interface NamedPipeReaderOptions<In>
  extends Omit<StreamOptions<never, In>, "sendQueue" | "halfOpen">, NamedPipeOpenOptions {
  /**
   * Goes on when the last writer leaves, and waits for the next. The reader then holds the FIFO open for writing itself, and so needs the right
   * to write. Off by default: the last writer's leaving is the end of the channel.
   */
  readonly keepOpen?: boolean | undefined;
}

/** Options of `NamedPipe.openWriter`. */
export interface NamedPipeWriterOptions<Out>
  extends Omit<StreamOptions<Out, unknown>, "receiveQueue" | "halfOpen">, NamedPipeOpenOptions {
  /**
   * `"single"` (the default): nobody else writes to this FIFO meanwhile, and messages may have any size. `"many"`: other processes do, so each message has
   * to fit, with its frame, into one atomic write (4096 bytes, PIPE_BUF); a larger one is `ERR_MESSAGE_TOO_LARGE`.
   */
  readonly writers?: "single" | "many" | undefined;
}

/** Options of `NamedPipe.openDuplex`. */
export interface NamedPipeDuplexOptions<Out, In> extends StreamOptions<Out, In>, NamedPipeOpenOptions {
  /**
   * Which side this process is: `"a"` reads `path.a` and writes `path.b`, `"b"` the other way round. Without it, whoever comes
   * first is `"a"`.
   */
  readonly side?: "a" | "b" | undefined;
  /** Makes the two FIFOs, with mode 0o600, where they are missing. `true` by default. */
  readonly create?: boolean | undefined;
}
