import { fromErrno } from "../../native/errors.js";
import type { NativeCore } from "../../native/native-core.js";

/** The maps of one end of a connection. */
export class RingMemory {
  /** The control words that this end writes. */
  readonly own: Int32Array;
  /** Those of the peer: any of them may hold anything at any time. */
  readonly peer: Int32Array;
  /** The ring that this end fills. */
  readonly outgoing: ArrayBuffer;
  /** The ring that the peer fills; mapped read-only, so never to be handed out. */
  readonly incoming: ArrayBuffer;
  readonly capacity: number;
  readonly #core: NativeCore;
  readonly #fd: number;
  readonly #outgoingOffset: number;
  readonly #incomingOffset: number;
  readonly #maps: ArrayBuffer[] = [];
  #closed = false;

  /** The descriptor belongs to this object from now on, also when this throws. */
  constructor(core: NativeCore, fd: number, pageSize: number, capacity: number, side: "server" | "client") {
    this.#core = core;
    this.#fd = fd;
    this.capacity = capacity;
    this.#outgoingOffset = side === "server" ? pageSize : pageSize + capacity;
    this.#incomingOffset = side === "server" ? pageSize + capacity : pageSize;
    try {
      // One page for both: it is what an idle connection takes of memory.
      const control = this.#keep(core.mapMemory(fd, 0, pageSize, true));
      const half = pageSize / 2;
      this.own = new Int32Array(control, side === "server" ? 0 : half, half / 4);
      this.peer = new Int32Array(control, side === "server" ? half : 0, half / 4);
      this.outgoing = this.#keep(core.mapRing(fd, this.#outgoingOffset, capacity, true));
      this.incoming = this.#keep(core.mapRing(fd, this.#incomingOffset, capacity, false));
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /**
   * A second map of a ring, for memory that is lent to the user: what he does to its ArrayBuffer (transfer it, write where nothing was lent)
   * never touches the views that this library works with. Writable in both directions, since a write to a read-only map ends the process.
   */
  mapToLend(direction: "outgoing" | "incoming"): ArrayBuffer {
    const offset = direction === "outgoing" ? this.#outgoingOffset : this.#incomingOffset;
    return this.#keep(this.#core.mapRing(this.#fd, offset, this.capacity, true));
  }

  /** Unmaps everything. Views of it, those that were lent included, have length 0 from now on. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    // One that the user has transferred is detached here, and released with its new owner.
    for (const map of this.#maps) if (map.byteLength > 0) this.#core.unmapMemory(map);
    this.#core.close(this.#fd);
  }

  #keep(map: ArrayBuffer | number): ArrayBuffer {
    if (typeof map === "number") {
      throw fromErrno(map, {
        operation: "connect",
        mechanism: "shared-buffer",
        syscall: "mmap",
        action: `map ${this.capacity} bytes of ring`,
      });
    }
    this.#maps.push(map);
    return map;
  }
}
