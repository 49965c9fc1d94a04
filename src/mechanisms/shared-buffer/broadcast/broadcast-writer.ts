import type { ErrorDetails } from "../../../core/errors.js";
import { reached } from "../../../core/step.js";
import { copyInto } from "../../../core/view.js";
import {
  EINVAL,
  F_SEAL_FUTURE_WRITE,
  F_SEAL_GROW,
  F_SEAL_SEAL,
  F_SEAL_SHRINK,
} from "../../../native/constants.js";
import { fromErrno } from "../../../native/errors.js";
import type { NativeCore } from "../../../native/native-core.js";
import { HEADER_BYTES, recordSize, STATE_FINISHED } from "../ring-layout.js";
import { HEAD, OLDEST, OLDEST_SEQUENCE, type Place, STATE, STRIDES } from "./broadcast-layout.js";

/** What every broadcast is sealed with: nobody can cut it, and nobody but who has mapped it before can write to it. */
export const SEALS: number = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL;
/** Of many messages written in a row, those are published that make up this many bytes, so that followers can work at the same time. */
const PUBLISH_BYTES = 16 * 1024;

/** The one writer's half of the memory. It reads nothing there that anybody else could have written. */
export class BroadcastWriter {
  /** The memory's descriptor, to be given to followers. */
  readonly fd: number;
  readonly capacity: number;
  readonly #core: NativeCore;
  readonly #maps: ArrayBuffer[] = [];
  readonly #control: Int32Array;
  readonly #positions: BigInt64Array;
  readonly #bytes: Uint8Array;
  readonly #words: Int32Array;
  // Low halves, as signed numbers.
  #tail = 0;
  #head = 0;
  #oldest = 0;
  #sequence = 0;
  // In full.
  #oldestPosition = 0;
  #oldestSequence = 0;
  #closed = false;

  /** @throws ChannelError when the memory cannot be made */
  constructor(core: NativeCore, capacity: number, details: ErrorDetails) {
    const pageSize = core.pageSize();
    this.#core = core;
    this.capacity = capacity;
    this.fd = core.createUnsealed(pageSize + capacity, "sluice-broadcast");
    const action = `make ${pageSize + capacity} bytes of shared memory`;
    if (this.fd < 0) throw fromErrno(this.fd, { ...details, syscall: "memfd_create", action });
    const keep = (map: ArrayBuffer | number): ArrayBuffer => {
      if (typeof map === "number") throw fromErrno(map, { ...details, syscall: "mmap", action });
      this.#maps.push(map);
      return map;
    };
    try {
      const control = keep(core.mapMemory(this.fd, 0, pageSize, true));
      const ring = keep(core.mapRing(this.fd, pageSize, capacity, true));
      this.#control = new Int32Array(control);
      this.#positions = new BigInt64Array(control);
      this.#bytes = new Uint8Array(ring);
      this.#words = new Int32Array(ring);
      const sealed = core.seal(this.fd, SEALS);
      if (sealed < 0) {
        const code = sealed === -EINVAL ? "ERR_UNSUPPORTED" : undefined;
        const hint = code === undefined ? undefined : "a broadcast needs Linux 5.1 or later";
        throw fromErrno(sealed, { ...details, syscall: "fcntl", action: "seal shared memory", code, hint });
      }
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Where the next record will be. */
  get end(): Place {
    return {
      position: this.#oldestPosition + ((this.#tail - this.#oldest) | 0),
      sequence: this.#oldestSequence + ((this.#sequence - (this.#oldestSequence | 0)) >>> 0),
    };
  }

  /** Where the oldest record is. */
  get oldest(): Place {
    return { position: this.#oldestPosition, sequence: this.#oldestSequence };
  }

  /** Writes and publishes packets `[start, end)`; the oldest records make room. Returns how many bytes of the ring they take. */
  write(packets: readonly Uint8Array[], start: number, end: number): number {
    const bytes = this.#bytes;
    const words = this.#words;
    const mask = this.capacity - 1;
    const begin = this.#tail;
    for (let next = start; next < end; next++) {
      const packet = packets[next];
      if (packet === undefined) break;
      const length = packet.length;
      const size = recordSize(length);
      const room = this.capacity - ((this.#tail - this.#oldest) | 0);
      if (size > room) this.#retire(size - room);
      const at = this.#tail & mask;
      words[at >> 2] = length;
      words[(at >> 2) + 1] = this.#sequence;
      STEP: reached("broadcast: header written");
      copyInto(bytes, packet, at + HEADER_BYTES);
      STEP: reached("broadcast: record written");
      this.#sequence = (this.#sequence + 1) | 0;
      this.#tail = (this.#tail + size) | 0;
      if (((this.#tail - this.#head) | 0) >= PUBLISH_BYTES) this.#publish();
    }
    this.#publish();
    return (this.#tail - begin) | 0;
  }

  /** Tells the followers that this was all. */
  finish(): void {
    Atomics.store(this.#control, STATE, STATE_FINISHED);
    STEP: reached("broadcast: finished");
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const map of this.#maps) this.#core.unmapMemory(map);
    this.#core.close(this.fd);
  }

  #publish(): void {
    if (this.#head === this.#tail) return;
    this.#head = this.#tail;
    Atomics.store(this.#control, HEAD, this.#tail);
    STEP: reached("broadcast: published");
  }

  /** Gives up the oldest records, so many bytes at least, and says so before any of them is overwritten. */
  #retire(bytes: number): void {
    // What is given up must have been published: else OLDEST would be beyond HEAD.
    this.#publish();
    const words = this.#words;
    const mask = this.capacity - 1;
    const goal = Math.max(bytes, this.capacity / STRIDES);
    let freed = 0;
    let records = 0;
    for (; freed < goal; records++) {
      freed += recordSize(words[((this.#oldest + freed) & mask) >> 2] ?? 0);
    }
    this.#oldest = (this.#oldest + freed) | 0;
    this.#oldestPosition += freed;
    this.#oldestSequence += records;
    Atomics.store(this.#positions, OLDEST_SEQUENCE, BigInt(this.#oldestSequence));
    STEP: reached("broadcast: oldest counted");
    Atomics.store(this.#positions, OLDEST, BigInt(this.#oldestPosition));
    STEP: reached("broadcast: oldest given up");
    // A store that releases lets later plain stores go before it; a load after it that acquires does not.
    Atomics.load(this.#control, HEAD);
  }
}
