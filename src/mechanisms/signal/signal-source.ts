import type { Credentials } from "../../core/channel.js";
import type { ChannelError } from "../../core/errors.js";
import {
  EAGAIN,
  EMFILE,
  fromErrno,
  loadCore,
  type NativeCore,
  Poll,
  READABLE,
  SIGNAL_CODE,
  SIGNAL_DROPPED,
  SIGNAL_NUMBER,
  SIGNAL_PID,
  SIGNAL_RECORD_BYTES,
  SIGNAL_UID,
  SIGNAL_VALUE,
  SI_QUEUE,
  SI_TKILL,
  SI_USER,
} from "../../native/binding.js";
import { confineToMainThread } from "./signal-threads.js";
import { signalNamed, signalNumbered } from "./signal-table.js";

/** What the kernel's pipe between the signal handler and the event loop is asked to hold: 8,192 signals. */
const PIPE_CAPACITY_BYTES = 256 * 1024;
/** The most signals that one system call takes, and the most calls in a turn of the event loop. */
const RECORDS_A_READ = 256;
const READS_A_TURN = 16;
const FIELDS = SIGNAL_RECORD_BYTES / Int32Array.BYTES_PER_ELEMENT;

/** Whom a {@link SignalSource} reports to. */
export interface SignalSink {
  /** A signal has come. `false`: pause. */
  signal(number: number, value: number | undefined, sender: Credentials | undefined): boolean;
  /** As many signals were lost here, since the pipe was full. */
  dropped(count: number): void;
  /** All that was read so far was told; `drained`: nothing waits in the pipe. */
  told(drained: boolean): void;
  /** Nothing more can be read. */
  failed(error: ChannelError): void;
}

const sources = new Set<SignalSource>();

/**
 * A pipe that the process's signal handler writes to, and the subscriptions to signals that lead there. A pipe of its own for each keeps a slow
 * receiver from holding up, or losing, what another one waits for.
 */
export class SignalSource {
  readonly #core: NativeCore;
  readonly #sink: SignalSink;
  readonly #numbers = new Set<number>();
  readonly #records = new Int32Array(RECORDS_A_READ * FIELDS);
  readonly #bytes = new Uint8Array(this.#records.buffer);
  readonly #readFd: number;
  readonly #writeFd: number;
  readonly #poll: Poll;
  // Where in `records` what was read and not told begins and ends: the sink may say "enough" in the middle.
  #next = 0;
  #end = 0;
  #reading = false;
  #closed = false;
  // Losses as the records tell them, and as the sink was told: after a loss there may never be another record to tell of it.
  #droppedInRecords = 0;
  #droppedTold = 0;
  #lastSender: Credentials | undefined;

  constructor(sink: SignalSink) {
    this.#core = loadCore();
    this.#sink = sink;
    const ends = new Int32Array(2);
    const result = this.#core.pipe(ends, PIPE_CAPACITY_BYTES);
    if (result < 0) {
      const hint = result === -EMFILE ? "close some descriptors, or raise the limit (ulimit -n)" : undefined;
      const details = { operation: "open", mechanism: "signal", syscall: "pipe2", hint } as const;
      throw fromErrno(result, { ...details, action: "open a pipe for signals" });
    }
    [this.#readFd, this.#writeFd] = ends as unknown as readonly [number, number];
    try {
      this.#poll = new Poll(this.#readFd, () => {
        this.read();
      });
    } catch (error) {
      this.#core.close(this.#readFd);
      this.#core.close(this.#writeFd);
      throw error;
    }
    if (sources.size === 0) watchListeners();
    sources.add(this);
  }

  /** Lets this signal arrive here. */
  subscribe(number: number): void {
    const result = this.#core.signalOpen(number, this.#writeFd);
    if (result < 0) {
      const name = signalNumbered(number)?.name ?? String(number);
      const hint =
        result === -EAGAIN ? "256 channels for signals are open in this process; close some" : undefined;
      const details = {
        operation: "open",
        mechanism: "signal",
        address: name,
        syscall: "sigaction",
      } as const;
      throw fromErrno(result, { ...details, action: `handle ${name}`, hint });
    }
    this.#numbers.add(number);
    confineToMainThread(this.#core, number);
  }

  /** Lets this signal do again what it did before the first subscription in this process. */
  unsubscribe(number: number): void {
    if (this.#numbers.delete(number)) this.#core.signalClose(number, this.#writeFd);
  }

  /** Somebody else may have installed a handler for this signal: installs ours again, which calls theirs. */
  reinstall(number: number): void {
    if (this.#numbers.has(number)) this.subscribe(number);
  }

  resume(): void {
    if (this.#closed) return;
    this.#reading = true;
    this.#poll.set(READABLE);
    // The pipe may be empty while records that were read out of it, or a loss, are still to be told.
    setImmediate(() => {
      if (this.#reading) this.read();
    });
  }

  pause(): void {
    if (this.#closed) return;
    this.#reading = false;
    this.#poll.set(0);
  }

  get isReading(): boolean {
    return this.#reading;
  }

  setRef(alive: boolean): void {
    if (alive) this.#poll.ref();
    else this.#poll.unref();
  }

  /** Tells what is in the pipe, as much as one turn should, until the sink says "enough". */
  read(): void {
    let isLast = false;
    let goesOn = this.#tellRecords();
    for (let reads = 0; goesOn && !isLast && reads < READS_A_TURN; reads++) {
      isLast = !this.#fill();
      goesOn = this.#tellRecords();
    }
    if (this.#closed) return;
    const drained = isLast && goesOn;
    if (drained) this.#tellDropped(this.#core.signalDropped(this.#writeFd));
    this.#sink.told(drained);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#reading = false;
    sources.delete(this);
    if (sources.size === 0) unwatchListeners();
    this.#poll.close();
    this.#core.close(this.#writeFd);
    this.#core.close(this.#readFd);
  }

  /** Reads as many records as there is room for. `false`: there were not as many. */
  #fill(): boolean {
    if (this.#closed) return false;
    const length = this.#core.read(this.#readFd, this.#bytes, 0, this.#bytes.length);
    this.#next = 0;
    this.#end = Math.max(0, length) / Int32Array.BYTES_PER_ELEMENT;
    if (length < 0 && length !== -EAGAIN) {
      this.pause();
      const details = { operation: "receive", mechanism: "signal", syscall: "read" } as const;
      this.#sink.failed(fromErrno(length, { ...details, action: "receive signals" }));
    }
    return length === this.#bytes.length;
  }

  /** Tells the records that were read. `false`: the sink has said "enough". */
  #tellRecords(): boolean {
    while (this.#next < this.#end && !this.#closed) {
      const offset = this.#next;
      this.#next += FIELDS;
      if (this.#tell(offset)) continue;
      this.pause();
      return false;
    }
    return true;
  }

  #tell(offset: number): boolean {
    const records = this.#records;
    const lost = records[offset + SIGNAL_DROPPED] ?? 0;
    if (lost > 0) {
      this.#droppedInRecords += lost;
      this.#tellDropped(this.#droppedInRecords);
    }
    const value = records[offset + SIGNAL_CODE] === SI_QUEUE ? records[offset + SIGNAL_VALUE] : undefined;
    return this.#sink.signal(records[offset + SIGNAL_NUMBER] ?? 0, value, this.#sender(offset));
  }

  #tellDropped(total: number): void {
    if (total <= this.#droppedTold) return;
    const count = total - this.#droppedTold;
    this.#droppedTold = total;
    this.#sink.dropped(count);
  }

  #sender(offset: number): Credentials | undefined {
    const code = this.#records[offset + SIGNAL_CODE];
    if (code !== SI_USER && code !== SI_QUEUE && code !== SI_TKILL) return undefined;
    const pid = this.#records[offset + SIGNAL_PID] ?? 0;
    // The kernel had no room to keep who it was (or that is no process here, but outside of this PID namespace), and tells of pid 0 and uid 0: that would be root.
    if (pid === 0) return undefined;
    const uid = (this.#records[offset + SIGNAL_UID] ?? 0) >>> 0;
    if (this.#lastSender?.pid !== pid || this.#lastSender.uid !== uid) {
      this.#lastSender = { pid, uid, gid: -1 };
    }
    return this.#lastSender;
  }
}

/**
 * `process.on` and `process.off` install and remove a handler of the runtime in the place of ours. These events tell of it, after the
 * runtime's own listeners have done so.
 */
function reinstall(event: string | symbol): void {
  if (typeof event !== "string" || !event.startsWith("SIG")) return;
  const number = signalNamed(event)?.number;
  if (number !== undefined) for (const source of sources) source.reinstall(number);
}

function watchListeners(): void {
  process.on("newListener", reinstall);
  process.on("removeListener", reinstall);
}

function unwatchListeners(): void {
  process.off("newListener", reinstall);
  process.off("removeListener", reinstall);
}
