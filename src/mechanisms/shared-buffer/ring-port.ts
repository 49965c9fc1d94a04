import type { ChannelError } from "../../core/errors.js";
import type { BatchSink, PacketPort } from "../../core/packet-port.js";
import { reached } from "../../core/step.js";
import { type NativeCore, Poll, READABLE } from "../../native/binding.js";
import { BusyPoll } from "../busy-poll.js";
import { Courtesy } from "../courtesy.js";
import { NextTurn } from "../next-turn.js";
import { EAGAIN } from "../../native/constants.js";
import type { Lender } from "./lender.js";
import { readInOrder } from "./memory-order.js";
import { DATA_SLEEP, RingViolation, ROOM_SLEEP, STATE, STATE_FINISHED } from "./ring-layout.js";
import { bellFailed, goneError, oversizedError, violationError } from "./ring-errors.js";
import type { RingMemory } from "./ring-memory.js";
import type { RingPortOptions } from "./ring-port-options.js";
import { type RecordSink, RingReader, weightOf } from "./ring-reader.js";
import { type InPlaceWriter, RingWriter } from "./ring-writer.js";
import { RoomLookout } from "./room-lookout.js";
import { Spin } from "./spin.js";
import { Vigil } from "./vigil.js";

/** The most that is read in one turn of the event loop, so that one fast peer does not stop everything else. */
const BYTES_A_TURN = 256 * 1024;
/** Likewise; more than fit into the caches of a processor are slower to make and to use. */
const MESSAGES_A_TURN = 1024;
/** Turns in which a receiver looks in vain before it sleeps: about a tenth of a millisecond, since none has a system call of its own. */
const MOST_TURNS = 128;
/** What is written in place is published in pieces of this size, so that both sides can work at the same time. */
const PUBLISH_BYTES = 4096;

/** Carries packets over two rings. A socket beside them wakes whoever sleeps, and ends when a process ends. */
export class RingPort implements PacketPort<BatchSink> {
  readonly writer: RingWriter;
  readonly reader: RingReader;
  readonly memory: RingMemory;
  /** Set before the event loop turns for the first time. */
  lender!: Lender;
  readonly #options: RingPortOptions;
  readonly #core: NativeCore;
  readonly #fd: number;
  readonly #own: Int32Array;
  readonly #peer: Int32Array;
  readonly #poll: Poll;
  readonly #spin: Spin | undefined;
  #courtesy: Courtesy | undefined;
  #lookout: RoomLookout | undefined;
  // How large the message is for which there was no room.
  #wanted = 0;
  readonly #records: RecordSink;
  #sink!: BatchSink;
  #reading = false;
  // Past the limits of the queue.
  #takesAll = false;
  #pushed = false;
  #keepsAlive = true;
  #closed = false;
  /** Why nothing can be sent any more. */
  #gone: ChannelError | undefined;
  // The core was refused room, and is owed a `writable`.
  #blocked = false;
  #lends = false;
  #sleeps = 0;
  #dataAsleep = false;
  readonly #busyPoll = new BusyPoll(() => {
    this.#run();
  }, MOST_TURNS);
  readonly #turn = new NextTurn(() => {
    this.#spin?.turned();
    const bytes = this.lender.turned();
    if (bytes > 0) (this.#vigil ??= new Vigil()).read(bytes);
    this.#run();
  });
  // Who reads in place has one.
  #vigil: Vigil | undefined;
  #rungForData = 0;
  #rungForRoom = 0;

  constructor(options: RingPortOptions) {
    const { core, fd, memory, maxMessageSize } = options;
    this.#options = options;
    this.#core = core;
    this.#fd = fd;
    this.memory = memory;
    this.#own = memory.own;
    this.#peer = memory.peer;
    this.writer = new RingWriter(memory);
    this.reader = new RingReader(memory, maxMessageSize);
    if (options.spin > 0) this.#spin = new Spin(this.reader, options.spin);
    this.#records = {
      limit: (batch) => {
        if (this.#takesAll) batch.limit(Infinity, Infinity);
        else this.#sink.limit(batch);
      },
      take: (batch) => {
        this.#pushed = true;
        this.#busyPoll.read(weightOf(batch), this.writer.position);
        this.#reading = this.#sink.packets(batch);
      },
      oversized: (length) => {
        this.oversized(length);
      },
    };
    this.#poll = new Poll(fd, (status) => {
      this.#onBell(status);
    });
  }

  start(sink: BatchSink): void {
    this.#sink = sink;
    this.#poll.set(READABLE);
  }

  // ---- sending --------------------------------------------------------------------------------------------------------

  send(packets: readonly Uint8Array[], start: number, end: number): number {
    this.checkSend();
    if (this.#blocked) return 0;
    if (this.#lends) {
      this.#blocked = true;
      return 0;
    }
    let next = start;
    try {
      do {
        const written = this.writer.write(packets, next, end);
        if (written === 0) continue;
        next += written;
        this.#wakeReader();
      } while (next < end && !this.#waitForRoom(packets[next]?.length ?? 0));
    } catch (error) {
      throw this.#fail(error);
    }
    return next - start;
  }

  /** Throws, and breaks the channel, when the peer is gone. */
  checkSend(): void {
    if (this.#gone === undefined) return;
    if (!this.#closed) this.#sink.fail(this.#gone);
    throw this.#gone;
  }

  /** Keeps the next record's room for a payload of this length; `false`: not now. Until `endLoan` nothing else is sent. */
  tryLend(length: number): boolean {
    this.checkSend();
    if (this.#blocked) return false;
    if (this.#lends) {
      this.#blocked = true;
      return false;
    }
    try {
      if (!this.writer.hasRoom(length) && this.#waitForRoom(length)) return false;
    } catch (error) {
      throw this.#fail(error);
    }
    this.#lends = true;
    return true;
  }

  /** Has messages written in place, in the room that `tryLend` has kept, and gives the room back. Returns how many. */
  produce(writer: InPlaceWriter, memory: Buffer, size: number, count: number, mostBytes: number): number {
    let produced = 0;
    try {
      for (let left = mostBytes; left > 0 && produced < count; left -= PUBLISH_BYTES) {
        const step = this.writer.produce(
          writer,
          memory,
          size,
          count - produced,
          Math.min(left, PUBLISH_BYTES),
        );
        produced += step;
        if (this.isClosed || step === 0) break;
        this.#wakeReader();
        if (this.writer.stopped) break;
      }
    } catch (error) {
      throw this.#fail(error);
    } finally {
      // Also what was written before a throw.
      if (!this.isClosed) {
        this.#wakeReader();
        this.endLoan(undefined);
      }
    }
    return produced;
  }

  /** Sends what was written into the lent room, or (`undefined`) gives the room back. What waited behind goes on. */
  endLoan(length: number | undefined): void {
    this.#lends = false;
    if (length !== undefined) {
      this.writer.commit(length);
      this.#wakeReader();
    }
    if (!this.#blocked) return;
    this.#blocked = false;
    this.#sink.writable();
  }

  /** Tells the consumer of what was published, if it sleeps. */
  #wakeReader(): void {
    const asleep = readInOrder(this.#peer, DATA_SLEEP);
    if (asleep === 0 || asleep === this.#rungForData) return;
    this.#rungForData = asleep;
    STEP: reached("ring: about to ring for data");
    this.#ring();
  }

  /** Looks for room at the next turns of the event loop, then asks for a bell. `false`: there is some by now. */
  #waitForRoom(length: number): boolean {
    this.#blocked = !this.writer.hasRoom(length);
    if (!this.#blocked) return false;
    this.#wanted = length;
    this.#lookout ??= new RoomLookout((isLast) => this.#lookForRoom(isLast));
    this.#lookout.setRef(this.#keepsAlive);
    this.#lookout.begin();
    return true;
  }

  /** Returns whether nobody waits for room any more. Before it sleeps it looks for more than it wants: it would soon be without again. */
  #lookForRoom(isLast: boolean): boolean {
    if (!this.#blocked || this.#gone !== undefined) return true;
    this.guarded(() => {
      const wanted = isLast ? this.#wanted : Math.max(this.#wanted, this.memory.capacity / 4);
      if (isLast) {
        Atomics.store(this.#own, ROOM_SLEEP, this.#nextSleep());
        STEP: reached("ring: asks for room");
      }
      if (this.writer.hasRoom(wanted)) this.#roomAgain();
    });
    return !this.#blocked;
  }

  #roomAgain(): void {
    if (!this.#blocked || this.#lends) return;
    Atomics.store(this.#own, ROOM_SLEEP, 0);
    this.#blocked = false;
    this.#sink.writable();
  }

  // ---- receiving ------------------------------------------------------------------------------------------------------

  resume(): void {
    this.#reading = true;
    this.continueLater();
  }

  pause(): void {
    this.#reading = false;
  }

  /** Reads what is there now, on the stack of a caller who asks for it and bounds the work himself. */
  readNow(): void {
    if (this.#closed || !this.#reading || !this.reader.hasData) return;
    this.#read();
  }

  /** Reads on, or goes to sleep, in the next turn of the event loop. */
  continueLater(): void {
    if (!this.#closed) this.#turn.ask();
  }

  /** Looks for data before the caller waits: for a while, if the options say so, else where the peer may be about to answer. `true`: there is some. */
  lookBeforeWait(): boolean {
    if (this.#closed || !this.#reading) return false;
    const sent = this.writer.position;
    if (this.#spin === undefined && (sent === 0 || !this.#courtesyNow().isFitting(sent))) return false;
    this.#awake();
    this.continueLater();
    return this.#spin === undefined ? this.#courtesyNow().offer() : this.#spin.look();
  }

  #courtesyNow(): Courtesy {
    return (this.#courtesy ??= new Courtesy(this.#core, () => this.reader.hasData));
  }

  /** Gives back to the producer what was read and is not lent, and rings if it waits for room. */
  giveBack(): void {
    if (this.#closed) return;
    this.reader.giveBack(this.lender.released);
    this.#wakeWriter();
  }

  /** Tells the producer that there is room, if it sleeps. */
  #wakeWriter(): void {
    const asleep = readInOrder(this.#peer, ROOM_SLEEP);
    if (asleep === 0 || asleep === this.#rungForRoom) return;
    // Half the ring is room for any message; waking the producer for less would cost more wake-ups than it saves. But when there is nothing
    // to read, because the user has been lent so much, then waiting for more room would be waiting for ever.
    if (this.reader.used > this.memory.capacity / 2 && this.reader.hasData) return;
    this.#rungForRoom = asleep;
    this.#ring();
    STEP: reached("ring: rung for room");
  }

  #ring(): void {
    const error = bellFailed(this.#core.ringBell(this.#fd), this.#options.address);
    if (error === undefined) return;
    // The peer sleeps on, and nobody would ring again.
    this.#gone ??= error;
    // Later, since who rings is in the middle of reading or writing the memory.
    setImmediate(() => {
      if (!this.#closed) this.#sink.fail(error);
    });
  }

  oversized(length: number): void {
    const { maxMessageSize, address } = this.#options;
    this.#sink.spoiled(oversizedError(length, maxMessageSize, address));
    this.#pushed = true;
  }

  /** Something that the peer wrote cannot be: ends the channel, and returns the error to throw. */
  #fail(error: unknown): unknown {
    if (!(error instanceof RingViolation)) return error;
    const violation = violationError(error, this.#options.address);
    this.#gone = violation;
    if (!this.#closed) this.#sink.fail(violation);
    return violation;
  }

  /** Runs something that reads the ring; what the peer did wrong ends the channel. */
  guarded(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#failUnlessOwn(error);
    }
    this.#tellPushed();
  }

  #read(): number {
    let read = 0;
    // As `guarded`, without a function made for each message of a conversation.
    try {
      if (this.lender.leavesInRing) this.lender.serve();
      else {
        read = this.reader.copyOut(this.#records, BYTES_A_TURN, MESSAGES_A_TURN);
        if (read > 0) this.giveBack();
      }
    } catch (error) {
      this.#failUnlessOwn(error);
    }
    this.#tellPushed();
    return read;
  }

  /** Ends the channel for what the peer did wrong; throws on what is not his fault. */
  #failUnlessOwn(error: unknown): void {
    if (this.#fail(error) === error) throw error;
  }

  #tellPushed(): void {
    if (!this.#pushed) return;
    this.#pushed = false;
    this.#sink.arrived();
  }

  #run(): void {
    if (this.#closed || this.#gone !== undefined || !this.#reading) return;
    const read = this.reader.hasData ? this.#read() : 0;
    // Reading may have ended the channel.
    if (this.isClosed || !this.#reading) return;
    const { leavesInRing, isWaitedFor } = this.lender;
    if (leavesInRing) {
      // Nobody needs to be woken for what nobody has asked for.
      if (!isWaitedFor) return;
      if (this.#vigil?.goesOn() === true) {
        this.continueLater();
        return;
      }
    } else {
      if (this.#spin === undefined && this.#busyPoll.goesOn()) return;
      if (this.reader.hasData || (read > 0 && this.#spin !== undefined)) {
        this.continueLater();
        return;
      }
    }
    if (isWaitedFor && this.#spin?.goesOn() === true) this.continueLater();
    else this.#sleep();
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** Asks for a bell when data comes. */
  #sleep(): void {
    this.#dataAsleep = true;
    Atomics.store(this.#own, DATA_SLEEP, this.#nextSleep());
    STEP: reached("ring: asleep");
    if (!this.reader.hasData) {
      this.guarded(() => {
        this.#wakeWriter();
      });
      return;
    }
    this.#awake();
    this.continueLater();
  }

  #awake(): void {
    if (!this.#dataAsleep) return;
    this.#dataAsleep = false;
    Atomics.store(this.#own, DATA_SLEEP, 0);
    STEP: reached("ring: awake");
  }

  #nextSleep(): number {
    this.#sleeps = (this.#sleeps % 0x3fffffff) + 1;
    return this.#sleeps;
  }

  // ---- the socket -----------------------------------------------------------------------------------------------------

  #onBell(status: number): void {
    const rung = status < 0 ? 0 : this.#core.clearBell(this.#fd);
    STEP: reached("ring: heard the bell");
    this.#awake();
    if (rung === 0 || (rung < 0 && rung !== -EAGAIN)) {
      this.#peerEnded();
      return;
    }
    this.#roomAgain();
    this.#run();
  }

  /** The socket has ended. What the peer had published is delivered, at most one ring full, past the limits of the queue. */
  #peerEnded(): void {
    this.#poll.close();
    const orderly = Atomics.load(this.#peer, STATE) === STATE_FINISHED;
    const gone = goneError(orderly, this.#options.address);
    this.guarded(() => {
      this.#takesAll = true;
      this.reader.copyOut(this.#records, Infinity, Infinity);
      this.giveBack();
    });
    if (this.isClosed) return;
    this.#gone = gone;
    if (!orderly) {
      this.#sink.fail(gone);
      return;
    }
    this.#sink.ended(true);
    // Whoever waits for room waits in vain.
    if (this.#blocked) this.#sink.writable();
  }

  setRef(alive: boolean): void {
    this.#keepsAlive = alive;
    if (alive) this.#poll.ref();
    else this.#poll.unref();
    this.#lookout?.setRef(alive);
    this.#turn.setRef(alive);
    if (this.#busyPoll.isOn) this.continueLater();
    this.#busyPoll.setRef(alive);
  }

  close(graceful: boolean): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#reading = false;
    if (graceful) Atomics.store(this.#own, STATE, STATE_FINISHED);
    STEP: reached("ring: finished");
    this.#turn.cancel();
    this.#busyPoll.stop();
    this.#lookout?.close();
    this.#poll.close();
    this.#core.close(this.#fd);
    STEP: reached("ring: hung up");
    this.memory.close();
    setImmediate(() => {
      this.#sink.released();
    });
  }
}
