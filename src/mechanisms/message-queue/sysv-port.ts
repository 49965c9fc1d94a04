import type { ChannelError } from "../../core/errors.js";
import { reached } from "../../core/step.js";
import {
  EAGAIN,
  ENOMSG,
  loadCore,
  MESSAGE_GRADE,
  MESSAGE_GRADE_HIGH,
  MESSAGE_STRIDE,
  MSG_BYTES,
  MSG_CAPACITY,
  MSG_LAST_RECEIVER,
  MSG_LAST_SENDER,
  MSG_MESSAGES,
  MSG_STATUS_LENGTH,
  MSG_WAIT_TOOK_EMPTY,
  type NativeCore,
} from "../../native/binding.js";
import { EmptyMessages } from "./empty-messages.js";
import type { MessageQueueStatus } from "./options.js";
import { BusyPoll } from "../busy-poll.js";
import { queueFailed } from "./queue-errors.js";
import { ANY, type QueuePort, type QueueSink, type Wanted } from "./queue-port.js";
import { copyOut, memory, MESSAGES_A_READ, reserve } from "./receive-memory.js";
import { isGone, type SysvPlace, type SysvQueue } from "./sysv-queue.js";
import { type SysvWait, SysvWaits } from "./sysv-waits.js";

/** Bytes that the kernel puts before each message. */
const HEADER = 8;

/** A System V queue: asked without waiting while messages come, and by threads of the core when none does. */
export class SysvPort implements QueuePort {
  readonly gradeName = "type";
  readonly defaultGrade = 1;
  readonly #core: NativeCore = loadCore();
  readonly #queue: SysvQueue;
  readonly #place: SysvPlace;
  readonly #room: number;
  readonly #waits: SysvWaits;
  readonly #waiting = new Map<number, SysvWait>();
  readonly #empty = new EmptyMessages();
  readonly #busyPoll = new BusyPoll(() => {
    this.#askAgain();
  });
  #sink!: QueueSink;
  #wanted!: Wanted;
  #later: { readonly message: Uint8Array[]; readonly grade: number } | undefined;
  // A message of no bytes that was given out by the last `take` from those that a thread has taken.
  #emptyGrade: number | undefined;
  #closed = false;

  constructor(queue: SysvQueue, place: SysvPlace, maxMessageSize: number) {
    this.#queue = queue;
    this.#place = place;
    // One byte more, to know a message that is too large.
    this.#room = maxMessageSize + 1;
    this.#waits = new SysvWaits();
  }

  start(sink: QueueSink, wanted: Wanted): void {
    this.#sink = sink;
    this.#wanted = wanted;
  }

  send(messages: readonly Uint8Array[], start: number, end: number, grade: number): number {
    const sent = this.#core.msgSend(this.#queue.id, messages, start, end, grade);
    STEP: reached("sysv queue: sent");
    if (sent >= 0) {
      this.#busyPoll.found(sent);
      return sent;
    }
    if (sent === -EAGAIN) return 0;
    const error = this.#failed(sent, "send to", "msgsnd");
    if (isGone(sent)) this.#sink.fail(error);
    throw error;
  }

  sendLater(message: Uint8Array, grade: number): void {
    this.#later = { message: [message], grade };
    this.#goesOn();
  }

  take(selection: number, most: number): Buffer[] {
    if (this.#closed) return [];
    this.#emptyGrade = this.#empty.take(selection);
    if (this.#emptyGrade !== undefined) return [Buffer.alloc(0)];
    reserve(this.#room + HEADER);
    const count = this.#core.msgReceive(
      this.#queue.id,
      memory.bytes,
      this.#room,
      Math.min(most, MESSAGES_A_READ),
      memory.info,
      selection,
    );
    if (count > 0) {
      STEP: reached("sysv queue: taken");
      // To be woken by a thread is dear also in a conversation, and the answers to what comes go by another queue: they count here.
      this.#busyPoll.found(count + 1);
      return copyOut(count);
    }
    if (count !== -ENOMSG) this.#takeFailed(count);
    return [];
  }

  gradeOf(index: number): number {
    if (this.#emptyGrade !== undefined) return this.#emptyGrade;
    const record = index * MESSAGE_STRIDE;
    const low = memory.info[record + MESSAGE_GRADE] ?? 0;
    return (memory.info[record + MESSAGE_GRADE_HIGH] ?? 0) * 2 ** 32 + (low >>> 0);
  }

  watch(): void {
    for (const [selection, wait] of this.#waiting) {
      // A thread that was left waiting for any message costs nothing, and receives of that kind follow one another.
      if (this.#wanted.has(selection) || selection === ANY) continue;
      this.#waiting.delete(selection);
      wait.cancel();
    }
    for (const selection of this.#wanted.keys()) {
      if (this.#waiting.has(selection)) continue;
      this.#goesOn();
      return;
    }
  }

  stat(): MessageQueueStatus {
    const status = new BigInt64Array(MSG_STATUS_LENGTH);
    const result = this.#core.msgStatus(this.#queue.id, status);
    if (result < 0) throw this.#failed(result, "stat", "msgctl", isGone(result) ? "ERR_NO_PEER" : undefined);
    const maxBytes = Number(status[MSG_CAPACITY]);
    return {
      messages: Number(status[MSG_MESSAGES]),
      bytes: Number(status[MSG_BYTES]),
      // The kernel limits the number of messages by the same number as their bytes, so that empty ones have an end too.
      maxMessages: maxBytes,
      maxBytes,
      maxMessageSize: this.#queue.messageSize,
      lastSender: Number(status[MSG_LAST_SENDER]),
      lastReceiver: Number(status[MSG_LAST_RECEIVER]),
    };
  }

  setRef(alive: boolean): void {
    this.#waits.setRef(alive);
    this.#busyPoll.setRef(alive);
    if (!alive && (this.#later !== undefined || this.#isUnwatched())) this.#goesOn();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#busyPoll.stop();
    this.#waits.close(() => {
      // An empty message that a thread took in the last moment, or for a receive that was aborted, goes back for others.
      for (let type = this.#empty.take(ANY); type !== undefined; type = this.#empty.take(ANY))
        this.#core.msgSend(this.#queue.id, [new Uint8Array(0)], 0, 1, type);
      setImmediate(() => {
        this.#sink.released();
      });
    });
  }

  // ---- without a thread, for a while ------------------------------------------------------------------------------

  #goesOn(): void {
    if (!this.#closed && !this.#busyPoll.goesOn()) this.#waitInThreads();
  }

  #askAgain(): void {
    if (this.#closed) return;
    if (this.#later !== undefined) this.#sendNow();
    if (this.#wanted.size > 0 && !this.#closed) this.#sink.readable();
    if (this.#later !== undefined || this.#isUnwatched()) this.#goesOn();
  }

  #isUnwatched(): boolean {
    for (const selection of this.#wanted.keys()) if (!this.#waiting.has(selection)) return true;
    return false;
  }

  #sendNow(): void {
    const { message, grade } = this.#later ?? {};
    if (message === undefined || grade === undefined) return;
    try {
      if (this.send(message, 0, 1, grade) === 0) return;
    } catch (error) {
      if (!this.#closed) this.#sink.fail(error as ChannelError);
      return;
    }
    this.#later = undefined;
    this.#sink.sent();
  }

  // ---- with threads -----------------------------------------------------------------------------------------------

  #waitInThreads(): void {
    try {
      if (this.#later !== undefined) this.#sendInThread();
      for (const selection of this.#wanted.keys())
        if (!this.#waiting.has(selection)) this.#waitFor(selection);
    } catch (error) {
      this.#sink.fail(error as ChannelError);
    }
  }

  #sendInThread(): void {
    const [message] = this.#later?.message ?? [];
    const grade = this.#later?.grade ?? 0;
    this.#later = undefined;
    if (message === undefined) return;
    this.#waits.toSend(this.#queue.id, grade, message, (result) => {
      STEP: reached("sysv queue: sent by a thread");
      this.#busyPoll.found(1);
      if (this.#closed) return;
      if (result < 0) this.#sink.fail(this.#failed(result, "send to", "msgsnd"));
      else this.#sink.sent();
    });
  }

  #waitFor(selection: number): void {
    const wait = this.#waits.forMessage(this.#queue.id, selection, (result, type) => {
      if (this.#waiting.get(selection) === wait) this.#waiting.delete(selection);
      if (result === MSG_WAIT_TOOK_EMPTY) this.#empty.add(type);
      if (this.#closed) return;
      if (result < 0) this.#takeFailed(result);
      else if (this.#wanted.size > 0) this.#sink.readable();
    });
    this.#waiting.set(selection, wait);
  }

  // ---- failures ---------------------------------------------------------------------------------------------------

  #takeFailed(result: number): void {
    if (this.#closed) return;
    if (isGone(result)) this.#sink.ended();
    else this.#sink.fail(this.#failed(result, "receive from", "msgrcv"));
  }

  #failed(result: number, operation: string, syscall: string, code?: "ERR_NO_PEER"): ChannelError {
    const gone = isGone(result) && code === undefined;
    return queueFailed(result, this.#place, operation, {
      syscall,
      code: gone ? "ERR_PEER_DIED" : code,
      hint: isGone(result) ? "somebody has removed it" : undefined,
    });
  }
}
