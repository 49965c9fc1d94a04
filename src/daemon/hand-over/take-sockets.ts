import type { Credentials, FileHandle, WaitOptions } from "../../core/channel.js";
import { ChannelError } from "../../core/errors.js";
import { extend } from "../../core/extend.js";
import { checkOptions } from "../../core/options.js";
import { reached } from "../../core/step.js";
import { describe } from "../../core/wait.js";
import type { Allow } from "../../mechanisms/authorise.js";
import { awaitEnd } from "../../mechanisms/has-ended.js";
import type {
  UnixSocketChannel,
  UnixSocketInheritedListenOptions,
  UnixSocketListener,
} from "../../mechanisms/unix-socket/types.js";
import { loadCore } from "../../native/binding.js";
import { SocketListener } from "../../mechanisms/unix-socket/unix-socket-listener.js";
import { UnixSocket } from "../../mechanisms/unix-socket/unix-socket.js";
import { type HandOverMessage, handOverOptions, STEP_TIMEOUT, VERSION } from "./protocol.js";

/** Options of {@link takeSockets}. `signal` and `timeout` bound the wait for the offer, which comes at once unless another successor is being served. */
export interface TakeSocketsOptions extends WaitOptions {
  /** Who the predecessor may be. `"self"` by default: this user, and root. */
  readonly allow?: Allow | undefined;
}

/** The sockets of a predecessor, which goes on serving until {@link TakenSockets.ready}. */
export interface TakenSockets extends Disposable {
  /** What was offered. */
  readonly names: readonly string[];
  /** Who has offered it. */
  readonly predecessor: Credentials;
  /**
   * Listens on one of the sockets. Until `ready` it accepts nobody, so that no call can be lost here, and its file stays the predecessor's: closing the listener then does no harm.
   *
   * @param name - as the predecessor has called it
   * @param options - as of {@link UnixSocket.listen}
   * @returns a promise of the listener; `undefined` when there is no such socket, or it was taken before
   */
  listen<Out = Uint8Array, In = Buffer>(
    name: string,
    options?: Omit<UnixSocketInheritedListenOptions<Out, In>, "fd">,
  ): Promise<UnixSocketListener<Out, In>> | undefined;
  /** A descriptor that is not to be listened on, which belongs to the caller; `undefined` when there is none, or it was taken before. */
  take(name: string): FileHandle | undefined;
  /**
   * Tells the predecessor that this process can serve. Fulfils when the predecessor accepts no more, or has died: from then on the listeners accept, and the paths are this process's. A socket that
   * was not listened on is closed and its file removed.
   *
   * @throws (by the promise) ChannelError `ERR_ADDRESS_IN_USE` when the predecessor goes on serving, because this process was too late or it is ending; all that was listened on must
   *   then be closed
   */
  ready(): Promise<void>;
  /** Gives up, unless `ready` has fulfilled: the predecessor goes on. What was listened on is to be closed by the caller. */
  [Symbol.dispose](): void;
}

/**
 * Takes over the sockets that a running process of the same program offers by {@link offerSockets}.
 *
 * @param path - where they are offered
 * @param options - who the predecessor may be, and how long to wait for it
 * @returns a promise of the sockets; of `undefined` when nobody offers any, so that this process listens for itself. Where the predecessor was killed before it had offered them, it has ended by then,
 *   and its locks are free
 * @throws (by the promise) TypeError or RangeError for a wrong argument; ChannelError `ERR_ADDRESS_IN_USE` when the predecessor refuses or offers what is not understood, `ERR_ACCESS_DENIED`, `ERR_TIMEOUT`; the abort
 *   reason
 */
export async function takeSockets(
  path: string,
  options: TakeSocketsOptions = {},
): Promise<TakenSockets | undefined> {
  checkOptions(options);
  const { signal, timeout, allow } = options;
  const end = performance.now() + (timeout ?? Infinity);
  let gone = 0; // the pid of a predecessor whose connection has ended
  for (;;) {
    const rest = end - performance.now();
    const bounds = { signal, timeout: rest === Infinity ? undefined : Math.max(rest, 0) };
    let predecessor: UnixSocketChannel<HandOverMessage> | undefined;
    try {
      predecessor = await UnixSocket.connect(path, extend(handOverOptions(allow), bounds));
      STEP: reached("hand-over: predecessor found");
      await predecessor.send({ take: VERSION }, bounds);
      const { message, handles = [] } = await predecessor.receiveEnvelope(bounds);
      STEP: reached("hand-over: received");
      return new Taken(path, predecessor, message, handles);
    } catch (error) {
      predecessor?.destroy();
      if (hasEnded(error)) {
        // It has died or has been replaced meanwhile: whoever is there now is asked.
        gone = predecessor?.peer.pid ?? gone;
        continue;
      }
      if (error instanceof ChannelError && error.code === "ERR_NO_PEER") {
        // Its paths are this process's once it has closed their locks, too.
        if (!(await awaitEnd(gone, bounds))) return undefined;
        gone = 0;
        continue;
      }
      throw isNonsense(error) ? keeps(path, `it has offered ${NONSENSE}`, error) : error;
    }
  }
}

const NONSENSE = "something that is not understood";

interface Socket {
  readonly socket: FileHandle;
  readonly lock: FileHandle | undefined;
  taken: boolean;
}

class Taken implements TakenSockets {
  readonly predecessor: Credentials;
  readonly #path: string;
  readonly #channel: UnixSocketChannel<HandOverMessage>;
  readonly #sockets = new Map<string, Socket>();
  readonly #listeners: (readonly [listener: SocketListener<never, unknown>, lock: FileHandle | undefined])[] =
    [];

  constructor(
    path: string,
    channel: UnixSocketChannel<HandOverMessage>,
    { offer, refused }: HandOverMessage,
    handles: readonly FileHandle[],
  ) {
    this.#path = path;
    this.#channel = channel;
    this.predecessor = channel.peer;
    const named = offer?.reduce((count, { locked }) => count + (locked ? 2 : 1), 0);
    if (offer === undefined || named !== handles.length) {
      for (const handle of handles) handle.close();
      throw this.#keeps(refused ?? `it has offered ${NONSENSE}`);
    }
    const rest = [...handles];
    for (const { name, locked } of offer) {
      const socket = rest.shift() as FileHandle;
      this.#sockets.set(name, { socket, lock: locked ? rest.shift() : undefined, taken: false });
    }
  }

  get names(): readonly string[] {
    return [...this.#sockets.keys()];
  }

  listen<Out = Uint8Array, In = Buffer>(
    name: string,
    options?: Omit<UnixSocketInheritedListenOptions<Out, In>, "fd">,
  ): Promise<UnixSocketListener<Out, In>> | undefined {
    const found = this.#find(name);
    return found === undefined ? undefined : this.#listen(found, options);
  }

  take(name: string): FileHandle | undefined {
    const found = this.#find(name);
    if (found === undefined) return undefined;
    found.taken = true;
    return found.socket;
  }

  async ready(): Promise<void> {
    await this.#agreeOnIt();
    try {
      STEP: reached("hand-over: agreed");
      const unwanted: UnixSocketListener<Uint8Array, Buffer>[] = [];
      for (const socket of this.#sockets.values()) {
        if (!socket.taken && socket.lock !== undefined) unwanted.push(await this.#listen(socket));
      }
      for (const [listener, lock] of this.#listeners) {
        if (!listener.own(lock))
          throw this.#keeps(`the lock of ${describe(listener.address)} is not its own any more`);
      }
      STEP: reached("hand-over: owned");
      for (const listener of unwanted) await listener.close();
    } finally {
      this[Symbol.dispose]();
    }
  }

  [Symbol.dispose](): void {
    this.#channel.destroy();
    for (const { socket, lock, taken } of this.#sockets.values()) {
      if (!taken) socket.close();
      lock?.close();
    }
    this.#sockets.clear();
  }

  /** Fulfils when the predecessor has let go, in whatever way. */
  async #agreeOnIt(): Promise<void> {
    let answer: HandOverMessage;
    let problem: unknown;
    try {
      // Where that one has ended, its refusal may have come before: a process that refuses lives, one that only ends has died.
      await this.#channel.send({ ready: true }, { timeout: STEP_TIMEOUT }).catch((error: unknown) => {
        if (!hasEnded(error)) throw error;
      });
      STEP: reached("hand-over: said to be ready");
      answer = await this.#channel.receive();
    } catch (error) {
      if (hasEnded(error)) return;
      if (!isNonsense(error)) throw error;
      problem = error;
      answer = {};
    }
    if (answer.yours === true) return;
    this[Symbol.dispose]();
    throw this.#keeps(answer.refused ?? `it has said ${NONSENSE}`, problem);
  }

  #find(name: string): Socket | undefined {
    const found = this.#sockets.get(name);
    return found?.taken === true ? undefined : found;
  }

  async #listen<Out, In>(
    found: Socket,
    options?: Omit<UnixSocketInheritedListenOptions<Out, In>, "fd">,
  ): Promise<UnixSocketListener<Out, In>> {
    const { socket, lock } = found;
    found.taken = true;
    let listener: UnixSocketListener<Out, In>;
    try {
      listener = await UnixSocket.listen<Out, In>(extend(options ?? {}, { fd: socket.fd }));
    } catch (error) {
      found.taken = false;
      throw error;
    }
    STEP: reached("hand-over: listening");
    loadCore().adopt(socket.take()); // from the handle to the listener
    if (listener instanceof SocketListener) {
      listener.hold();
      this.#listeners.push([listener as SocketListener<never, unknown>, lock]);
    }
    return listener;
  }

  #keeps(reason: string, cause?: unknown): ChannelError {
    return keeps(this.#path, reason, cause);
  }
}

function keeps(path: string, reason: string, cause?: unknown): ChannelError {
  const text = `Cannot take the sockets that are offered at ${describe(path)}: the process that has them keeps them: ${reason}`;
  return new ChannelError("ERR_ADDRESS_IN_USE", text, { operation: "take over", address: path, cause });
}

/** Whether something came that is no message of the hand-over. */
function isNonsense(error: unknown): boolean {
  return (
    error instanceof ChannelError &&
    (error.code === "ERR_INVALID_MESSAGE" || error.code === "ERR_MESSAGE_TOO_LARGE")
  );
}

function hasEnded(error: unknown): boolean {
  return (
    error instanceof ChannelError && (error.code === "ERR_END_OF_CHANNEL" || error.code === "ERR_PEER_DIED")
  );
}
