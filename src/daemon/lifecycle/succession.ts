import type { Credentials, FileHandle } from "../../core/channel.js";
import { offerSockets, type SocketOffer } from "../hand-over/offer-sockets.js";
import { type TakenSockets, takeSockets } from "../hand-over/take-sockets.js";
import type { DaemonLogger } from "../logger.js";
import type { InstanceLock } from "./instance-lock.js";
import type { UnixSocketListener } from "../../mechanisms/unix-socket/types.js";

const paths = process.getBuiltinModule("node:path");

/** The instance lock among what is handed over, and the same of a daemon that has made its runtime directory, which the last process removes. No socket can have such names. */
const LOCK = "*lock";
const LOCK_AND_FOLDER = "*lock and folder";

/** How one process of a daemon takes the place of the one before it, and gives its own to the next. */
export class Succession {
  /** Who serves in this process's place. */
  successor: Credentials | undefined;
  /** The predecessor's lock, which it holds too until `succeed`; `undefined` without a predecessor. */
  readonly lock: FileHandle | undefined;
  /** Whether the daemon has made its runtime directory, in whichever process. */
  readonly createdFolder: boolean;
  readonly #path: string;
  readonly #taken: TakenSockets | undefined;
  #offer: SocketOffer | undefined;

  private constructor(path: string, taken: TakenSockets | undefined) {
    this.#path = path;
    this.#taken = taken;
    this.createdFolder = taken?.names.includes(LOCK_AND_FOLDER) === true;
    this.lock = taken?.take(this.createdFolder ? LOCK_AND_FOLDER : LOCK);
  }

  /** Asks whoever runs the daemon now, if anybody does. */
  static async begin(folder: string, name: string, signal: AbortSignal): Promise<Succession> {
    const path = paths.join(folder, `${name}.restart`);
    return new Succession(path, await takeSockets(path, { signal }));
  }

  /** The predecessor's socket of this name; `undefined` where it has none, or there is no predecessor. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- what travels is known by the socket's codec alone
  listen(name: string, options: object): Promise<UnixSocketListener<any>> | undefined {
    return this.#taken?.listen(name, options);
  }

  /** From here on this process serves. Rejects when the predecessor goes on. */
  async succeed(): Promise<void> {
    await this.#taken?.ready();
  }

  /** Lets the next process take what this one has. `succeeded` is called when it has. */
  async offer(
    sockets: Readonly<Record<string, UnixSocketListener<unknown>>>,
    lock: InstanceLock,
    logger: DaemonLogger,
    succeeded: (successor: Credentials) => void,
  ): Promise<void> {
    const offer = await offerSockets(
      this.#path,
      { ...sockets, [lock.folder.created ? LOCK_AND_FOLDER : LOCK]: lock.fd },
      { logger },
    );
    this.#offer = offer;
    void offer.handedOver.then((successor) => {
      this.successor = successor;
      succeeded(successor);
    });
  }

  /** Ends both: a predecessor goes on if it still serves, and nobody can succeed this process any more unless somebody has. */
  async end(): Promise<void> {
    this.#taken?.[Symbol.dispose]();
    await this.#offer?.close();
  }
}
