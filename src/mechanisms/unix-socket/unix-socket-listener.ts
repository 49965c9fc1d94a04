import type { FileHandle } from "../../core/channel.js";
import { unsupported } from "../../core/errors.js";
import { AcceptorListener, type ConnectionSource, type SourceHooks } from "../acceptor-listener.js";
import type { UnixSocketChannel, UnixSocketListener } from "./types.js";

/** What accepts the connections: a ListeningSocket, or what stands in for it without the native core. */
export interface Acceptor extends ConnectionSource {
  readonly refused: number;
  /** Absent: it cannot be handed over. */
  readonly handles?: readonly number[];
  handOver?(): Promise<void>;
  own?(lock: FileHandle): boolean;
}

/** Whom an {@link Acceptor} reports to. */
export type AcceptorHooks<Out, In> = SourceHooks<UnixSocketChannel<Out, In>>;

/** A listener over an {@link Acceptor}. */
export class SocketListener<Out, In>
  extends AcceptorListener<UnixSocketChannel<Out, In>, Acceptor>
  implements UnixSocketListener<Out, In>
{
  declare readonly address: string;

  get refused(): number {
    return this.source.refused;
  }

  get handles(): readonly number[] {
    return this.source.handles ?? cannotHandOver(this.address);
  }

  /** Leaves whoever comes in the backlog, until `own`. */
  hold(): void {
    this.source.pause();
  }

  /** Accepts from now on, as the owner of the path where a lock is given: see ListeningSocket.own. */
  own(lock: FileHandle | undefined): boolean {
    if (lock !== undefined && this.source.own?.(lock) !== true) return false;
    this.source.resume();
    return true;
  }

  handOver(): Promise<void> {
    return this.leave(async () => {
      await (this.source.handOver?.() ?? cannotHandOver(this.address));
    });
  }
}

function cannotHandOver(address: string): never {
  const text = `Cannot hand over the listener at ${JSON.stringify(address)}: that takes the native core`;
  throw unsupported(text, { operation: "hand over", address });
}
