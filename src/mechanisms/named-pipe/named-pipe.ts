import type { Channel, Receiver, Sender, WaitOptions } from "../../core/channel.js";
import { extend } from "../../core/extend.js";
import { checkCount, checkOptions } from "../../core/options.js";
import { StreamChannel } from "../../core/stream-channel.js";
import type { ChannelTraits } from "../../core/traits.js";
import { checkWaitOptions } from "../../core/wait.js";
import { loadCore } from "../../native/binding.js";
import type { Authorisation } from "../authorise.js";
import { checkBoolean, checkChoice } from "../check-option.js";
import { openPipe, type PipeChannelOptions, type PipePlan, planPipe } from "../pipe-channel.js";
import { resolveOwners } from "../trusted-owner.js";
import { openWhenRead } from "./await-reader.js";
import { openDuplexEnds } from "./duplex.js";
import { checkKind, checkPath, failed, openToRead, statusOf } from "./fifo.js";
import { makeFifo } from "./make-fifo.js";
import type {
  NamedPipeCreateOptions,
  NamedPipeDuplexOptions,
  NamedPipeOpenOptions,
  NamedPipeReaderOptions,
  NamedPipeWriterOptions,
} from "./options.js";

/** The descriptors that a channel runs over. */
interface Ends {
  readonly reader?: number;
  readonly writer?: number;
}

/**
 * FIFOs, fifo(7): pipes with a name in the file system, through which programs talk that need not be related, shells included.
 *
 * A FIFO is opened without blocking and driven by the event loop. It never occupies a thread of the pool that `fs` uses, which four
 * blocked opens would exhaust.
 *
 * All calls reject with `ERR_NO_PEER` where there is no such path, `ERR_ADDRESS_IN_USE` where something other than a FIFO is at the path (it is neither
 * opened nor changed; symbolic links are not followed), `ERR_ACCESS_DENIED` where rights are missing or `allow` does not name its owner, a `TypeError` or
 * `RangeError` for a wrong argument, and `ERR_UNSUPPORTED` without the native core. A path has at most 4095 bytes.
 */
export class NamedPipe {
  private constructor() {
    throw new TypeError(
      "NamedPipe has no instances; use NamedPipe.openReader(), openWriter() or openDuplex()",
    );
  }

  /**
   * Makes a FIFO, as mkfifo(3) does. Fulfils when it is there, with exactly the mode asked for, and at no moment a wider one. It stays until somebody
   * removes it: {@link NamedPipe.unlink}.
   *
   * @param path - where; its folder must exist (`ERR_SYSTEM` with errno ENOENT otherwise)
   * @param options - rights, and what to do where the path exists (`ERR_ADDRESS_IN_USE` by default)
   * @example
   * ```ts run
   * import { mkdtempSync, rmSync } from "node:fs";
   * import { NamedPipe } from "sluice";
   *
   * const folder = mkdtempSync("/tmp/sluice-");
   * await NamedPipe.create(`${folder}/jobs`, { mode: 0o600 });
   * await NamedPipe.unlink(`${folder}/jobs`);
   * rmSync(folder, { recursive: true });
   * ```
   */
  // eslint-disable-next-line @typescript-eslint/require-await -- wrong arguments reject, as in all waiting calls
  static async create(path: string, options: NamedPipeCreateOptions = {}): Promise<void> {
    checkPath(path);
    checkOptions(options);
    const mode = checkCount("options.mode", options.mode ?? 0o600, 0, 0o777);
    checkBoolean("exclusive", options.exclusive);
    makeFifo(path, mode, options.exclusive ?? true, ownersOf(options));
  }

  /**
   * Removes a FIFO, and nothing that is something else. Channels that have it open go on. Fulfils when it is gone.
   *
   * @param path - the FIFO
   * @example
   * ```ts
   * import { NamedPipe } from "sluice";
   *
   * await NamedPipe.unlink("/run/app/jobs");
   * ```
   */
  // eslint-disable-next-line @typescript-eslint/require-await -- wrong arguments reject, as in all waiting calls
  static async unlink(path: string): Promise<void> {
    checkPath(path);
    const action = `remove the FIFO ${JSON.stringify(path)}`;
    checkKind(statusOf(path, "unlink", action), path, "unlink", action);
    const result = loadCore().unlink(path);
    if (result < 0) throw failed(result, "unlink", path, "unlink", action);
  }

  /** Opens a FIFO to receive Buffers. */
  static openReader(path: string, options?: NamedPipeReaderOptions<Buffer>): Promise<Receiver<Buffer>>;
  /**
   * Opens a FIFO to receive. Fulfils as soon as it is open, which never waits: writers may come later, and before the first of them there is no
   * end. `receive` gives `ERR_END_OF_CHANNEL` when the last writer has left, unless `keepOpen`. A writer that was killed in
   * the middle of a message is told from one that has ended by `ERR_MESSAGE_TRUNCATED`; between two messages they look alike.
   *
   * @param path - the FIFO
   * @param options - codec, framing, limits, `keepOpen`; an aborted `signal` rejects
   * @example
   * ```ts run
   * import { spawn } from "node:child_process";
   * import { mkdtempSync, rmSync } from "node:fs";
   * import { lines, NamedPipe, text } from "sluice";
   *
   * const folder = mkdtempSync("/tmp/sluice-");
   * const path = `${folder}/words`;
   * await NamedPipe.create(path);
   * const words = await NamedPipe.openReader(path, { framing: lines(), codec: text() });
   * spawn("sh", ["-c", `printf 'one\\ntwo\\n' > ${path}`]);
   * for await (const word of words) console.log(word); // one, two
   * rmSync(folder, { recursive: true });
   * ```
   */
  static openReader<In>(path: string, options: NamedPipeReaderOptions<In>): Promise<Receiver<In>>;
  // eslint-disable-next-line @typescript-eslint/require-await -- wrong arguments reject, as in all waiting calls
  static async openReader(
    path: string,
    options: NamedPipeReaderOptions<unknown> = {},
  ): Promise<Channel<never, unknown>> {
    checkPath(path);
    const plan = planChannel("receive", options, "single");
    checkBoolean("keepOpen", options.keepOpen);
    const reader = openToRead(path, options.keepOpen === true ? "read-write" : "read", ownersOf(options));
    return channelOver({ reader }, path, plan, options);
  }

  /** Opens a FIFO to send bytes. */
  static openWriter(path: string, options?: NamedPipeWriterOptions<Uint8Array>): Promise<Sender<Uint8Array>>;
  /**
   * Opens a FIFO to send. Fulfils when somebody has it open to read, and waits for that as long as `signal` and `timeout` allow. Where the reader is a
   * program that blocks in its own open (a shell's `< fifo`), it is found within 50 ms.
   *
   * The channel fails with `ERR_PEER_DIED` as soon as the last reader has left, also while nothing is sent. What the kernel had taken and nobody had
   * read is lost then; on a FIFO, nobody can know of it.
   *
   * @param path - the FIFO
   * @param options - codec, framing, limits, `writers`, `signal` and `timeout` (`ERR_TIMEOUT`)
   * @example
   * ```ts run
   * import { mkdtempSync, rmSync } from "node:fs";
   * import { json, NamedPipe } from "sluice";
   *
   * const folder = mkdtempSync("/tmp/sluice-");
   * const path = `${folder}/jobs`;
   * await NamedPipe.create(path);
   * const codec = json<{ job: number }>();
   * const reader = await NamedPipe.openReader(path, { codec });
   * const writer = await NamedPipe.openWriter(path, { codec, timeout: 1000 });
   * await writer.send({ job: 7 });
   * console.log(await reader.receive()); // { job: 7 }
   * await writer.close();
   * await reader.close();
   * rmSync(folder, { recursive: true });
   * ```
   */
  static openWriter<Out>(path: string, options: NamedPipeWriterOptions<Out>): Promise<Sender<Out>>;
  static async openWriter(
    path: string,
    options: NamedPipeWriterOptions<never> = {},
  ): Promise<Channel<never, unknown>> {
    checkPath(path);
    checkOptions(options);
    checkChoice("writers", options.writers, ["single", "many"]);
    const plan = planChannel("send", options, options.writers ?? "single");
    return channelOver({ writer: await openWhenRead(path, options, ownersOf(options)) }, path, plan, options);
  }

  /** Opens one side of a pair of FIFOs that carries bytes both ways. */
  static openDuplex(
    path: string,
    options?: NamedPipeDuplexOptions<Uint8Array, Buffer>,
  ): Promise<Channel<Uint8Array, Buffer>>;
  /**
   * Opens one side of a pair of FIFOs, `path.a` and `path.b`, for two processes that talk both ways. Fulfils when the other side is there. The two are made
   * where they are missing, and stay until they are removed ({@link NamedPipe.unlink}).
   *
   * A side belongs to one process at a time; `ERR_ADDRESS_IN_USE` tells a third that both are taken. The kernel frees the side of a process that dies. Where the other side goes before it has
   * opened its way back, the channel fails with `ERR_PEER_DIED`.
   *
   * @param path - what the names of both FIFOs begin with
   * @param options - codec, framing, limits, `side`, `signal` and `timeout` (`ERR_TIMEOUT`)
   * @example
   * ```ts run
   * import { mkdtempSync, rmSync } from "node:fs";
   * import { NamedPipe, text } from "sluice";
   *
   * const folder = mkdtempSync("/tmp/sluice-");
   * const options = { codec: text() };
   * const [left, right] = await Promise.all([
   *   NamedPipe.openDuplex(`${folder}/talk`, options),
   *   NamedPipe.openDuplex(`${folder}/talk`, options),
   * ]);
   * await left.send("ping");
   * console.log(await right.receive()); // ping
   * await right.send("pong");
   * console.log(await left.receive()); // pong
   * await left.close();
   * await right.close();
   * rmSync(folder, { recursive: true });
   * ```
   */
  static openDuplex<Out, In = Out>(
    path: string,
    options: NamedPipeDuplexOptions<Out, In>,
  ): Promise<Channel<Out, In>>;
  static async openDuplex(
    path: string,
    options: NamedPipeDuplexOptions<never, unknown> = {},
  ): Promise<Channel<never, unknown>> {
    checkPath(path);
    checkPath(`${path}.a`);
    const plan = planChannel("both", options, "single");
    checkChoice("side", options.side, ["a", "b"]);
    checkBoolean("create", options.create);
    const owners = ownersOf(options);
    if (options.create !== false) {
      for (const side of ["a", "b"]) makeFifo(`${path}.${side}`, 0o600, false, owners);
    }
    return channelOver(await openDuplexEnds(path, options.side, options, owners), path, plan, options);
  }
}

function ownersOf({ allow }: Pick<NamedPipeOpenOptions, "allow">): Authorisation {
  return resolveOwners(allow, "the owner of a FIFO has no pid");
}

/** Checks what all opening calls share, before anything is opened or waited for. */
function planChannel<Out, In>(
  direction: ChannelTraits["direction"],
  options: PipeChannelOptions<Out, In> & WaitOptions,
  writers: "single" | "many",
): PipePlan<Out, In> {
  checkOptions(options);
  checkWaitOptions(options);
  return planPipe("named-pipe", direction, options, writers);
}

function channelOver<Out, In>(
  ends: Ends,
  path: string,
  plan: PipePlan<Out, In>,
  options: PipeChannelOptions<Out, In>,
): Channel<Out, In> {
  const named = extend(ends, { mechanism: "named-pipe", operation: "open", address: path } as const);
  return openPipe(
    named,
    options.capacity,
    (stream) => new StreamChannel(stream, extend(options, extend(plan, { address: path }))),
  );
}
