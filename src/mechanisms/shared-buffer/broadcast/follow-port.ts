import { ChannelError, type ErrorCode } from "../../../core/errors.js";
import type { PacketPort, PacketSink } from "../../../core/packet-port.js";
import { reached } from "../../../core/step.js";
import { Poll, READABLE } from "../../../native/binding.js";
import { EAGAIN } from "../../../native/constants.js";
import { fromErrno } from "../../../native/errors.js";
import type { NativeCore } from "../../../native/native-core.js";
import { NextTurn } from "../../next-turn.js";
import { RingViolation, STATE_FINISHED } from "../ring-layout.js";
import { CURSOR, SLEEP, STATE } from "./broadcast-layout.js";
import { BroadcastReader, type BroadcastSink } from "./broadcast-reader.js";
import type { Hello } from "./hello.js";

/** The most that is read in one turn of the event loop. */
const BYTES_A_TURN = 256 * 1024;
/** After a turn that has read this much some more looks, a turn each, are cheaper than a bell and a wake-up. */
const LINGER_BYTES = 4096;
const LINGER_TURNS = 16;

/** What a port needs. */
export interface FollowPortOptions {
  readonly core: NativeCore;
  /** The connected socket, from which bells come; it ends with the writer. It belongs to the port from now on. */
  readonly fd: number;
  /** Its descriptors belong to the port too. */
  readonly hello: Hello;
  readonly from: "now" | "oldest";
  readonly maxMessageSize: number;
  readonly address: string;
}

/** Reads what a writer broadcasts. */
export class FollowPort implements PacketPort {
  readonly #options: FollowPortOptions;
  readonly #maps: ArrayBuffer[] = [];
  readonly #control: Int32Array;
  readonly #page: Int32Array;
  readonly #positions: BigInt64Array;
  readonly #reader: BroadcastReader;
  readonly #records: BroadcastSink;
  readonly #poll: Poll;
  readonly #turn = new NextTurn(() => {
    this.#run();
  });
  #sink!: PacketSink;
  #reading = false;
  #pushed = false;
  #closed = false;
  #over = false;
  #asleep = false;
  #sleeps = 0;
  #lingers = 0;

  /** Maps the memory. What belongs to the port is released when this throws. */
  constructor(options: FollowPortOptions) {
    const { core, hello, from, maxMessageSize } = options;
    const { pageSize, capacity } = hello;
    this.#options = options;
    const keep = (map: ArrayBuffer | number): ArrayBuffer => {
      if (typeof map === "number") {
        throw fromErrno(map, {
          operation: "connect",
          mechanism: "shared-buffer",
          address: options.address,
          syscall: "mmap",
          action: `map ${capacity} bytes of ring`,
        });
      }
      this.#maps.push(map);
      return map;
    };
    try {
      const control = keep(core.mapMemory(hello.ringFd, 0, pageSize, false));
      const ring = keep(core.mapRing(hello.ringFd, pageSize, capacity, false));
      const page = keep(core.mapMemory(hello.pageFd, 0, pageSize, true));
      this.#control = new Int32Array(control);
      this.#page = new Int32Array(page);
      this.#positions = new BigInt64Array(page);
      this.#reader = new BroadcastReader(
        control,
        ring,
        capacity,
        maxMessageSize,
        from === "now" ? hello.now : hello.oldest,
      );
      this.#poll = new Poll(options.fd, (status) => {
        this.#onBell(status);
      });
    } catch (error) {
      this.#unmap();
      core.close(options.fd);
      throw error;
    } finally {
      core.close(hello.ringFd);
      core.close(hello.pageFd);
    }
    this.#records = {
      take: (payload, missed) => {
        this.#pushed = true;
        return (this.#reading = this.#sink.packet(payload, missed > 0 ? { missed } : undefined));
      },
      oversized: (length) => {
        this.#oversized(length);
        return true;
      },
    };
    this.#tellPosition();
  }

  /** Messages that were overwritten before they were read, as far as it is known. */
  get missed(): number {
    return this.#reader.missed;
  }

  start(sink: PacketSink): void {
    this.#sink = sink;
    this.#poll.set(READABLE);
  }

  send(): number {
    return 0;
  }

  resume(): void {
    this.#reading = true;
    this.#continueLater();
  }

  pause(): void {
    this.#reading = false;
  }

  /** Reads what is there now, for a caller who asks for it. */
  readNow(): void {
    if (this.#closed || this.#over || !this.#reading || !this.#reader.hasData) return;
    this.#read(this.#records, BYTES_A_TURN);
  }

  setRef(alive: boolean): void {
    if (alive) this.#poll.ref();
    else this.#poll.unref();
    this.#turn.setRef(alive);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#reading = false;
    this.#turn.cancel();
    this.#poll.close();
    this.#options.core.close(this.#options.fd);
    this.#unmap();
    setImmediate(() => {
      this.#sink.released();
    });
  }

  #continueLater(): void {
    if (!this.#isOver) this.#turn.ask();
  }

  #run(): void {
    if (this.#closed || this.#over || !this.#reading) return;
    const read = this.#reader.hasData ? this.#read(this.#records, BYTES_A_TURN) : 0;
    // Reading may have ended the channel, or filled its queue.
    if (this.#isOver || !this.#reading) return;
    if (read >= LINGER_BYTES) this.#lingers = LINGER_TURNS;
    else if (this.#lingers > 0) this.#lingers--;
    if (this.#reader.hasData || this.#lingers > 0) this.#continueLater();
    else this.#sleep();
  }

  get #isOver(): boolean {
    return this.#closed || this.#over;
  }

  #read(records: BroadcastSink, mostBytes: number): number {
    let read = 0;
    try {
      read = this.#reader.copyOut(records, mostBytes);
      this.#tellPosition();
    } catch (error) {
      this.#fail(error);
    }
    if (this.#pushed) {
      this.#pushed = false;
      this.#sink.arrived();
    }
    return read;
  }

  /** Something that the writer wrote cannot be: ends the channel. */
  #fail(error: unknown): void {
    if (!(error instanceof RingViolation)) throw error;
    if (this.#isOver) return;
    this.#over = true;
    const text = `Cannot go on with the writer of ${JSON.stringify(this.#options.address)}: ${error.message}`;
    this.#sink.fail(this.#error("ERR_INVALID_MESSAGE", text));
  }

  #tellPosition(): void {
    Atomics.store(this.#positions, CURSOR, BigInt(this.#reader.position));
    STEP: reached("broadcast: position told");
  }

  /** Asks for a bell, unless something came in this moment: one stores first and looks second, as the writer does. */
  #sleep(): void {
    this.#asleep = true;
    this.#sleeps = (this.#sleeps % 0x3fffffff) + 1;
    Atomics.store(this.#page, SLEEP, this.#sleeps);
    STEP: reached("broadcast: asleep");
    try {
      if (!this.#reader.look()) return;
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#awake();
    this.#continueLater();
  }

  #awake(): void {
    if (!this.#asleep) return;
    this.#asleep = false;
    Atomics.store(this.#page, SLEEP, 0);
    STEP: reached("broadcast: awake");
  }

  #onBell(status: number): void {
    const rung = status < 0 ? 0 : this.#options.core.clearBell(this.#options.fd);
    this.#awake();
    if (rung === 0 || (rung < 0 && rung !== -EAGAIN)) this.#writerEnded();
    else this.#run();
  }

  /** What the writer had published is delivered, at most one ring full, past the limits of the queue. */
  #writerEnded(): void {
    this.#poll.close();
    const orderly = Atomics.load(this.#control, STATE) === STATE_FINISHED;
    const everything: BroadcastSink = {
      take: (payload, missed) => {
        this.#records.take(payload, missed);
        return true;
      },
      oversized: (length) => this.#records.oversized(length),
    };
    this.#read(everything, Infinity);
    if (this.#isOver) return;
    this.#over = true;
    if (orderly) this.#sink.ended(true);
    else {
      const text =
        "Cannot receive on shared-buffer: the writer ended without closing it; was its process killed?";
      this.#sink.fail(this.#error("ERR_PEER_DIED", text));
    }
  }

  #oversized(length: number): void {
    const { maxMessageSize } = this.#options;
    const text = `Cannot receive on shared-buffer: a message of ${length} bytes came, the limit is ${maxMessageSize} (traits.maxMessageSize)`;
    this.#sink.spoiled(this.#error("ERR_MESSAGE_TOO_LARGE", text));
    this.#pushed = true;
  }

  #unmap(): void {
    for (const map of this.#maps) this.#options.core.unmapMemory(map);
  }

  #error(code: ErrorCode, text: string): ChannelError {
    const { address } = this.#options;
    return new ChannelError(code, text, { operation: "receive", mechanism: "shared-buffer", address });
  }
}
