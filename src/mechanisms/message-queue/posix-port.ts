import { reached } from "../../core/step.js";
import {
  DISCONNECT,
  EAGAIN,
  EBADF,
  loadCore,
  MESSAGE_GRADE,
  MESSAGE_STRIDE,
  MQ_ATTRIBUTES_LENGTH,
  MQ_MESSAGE_SIZE,
  MQ_MESSAGES,
  MQ_MOST_MESSAGES,
  type NativeCore,
  Poll,
  READABLE,
  WRITABLE,
} from "../../native/binding.js";
import type { MessageQueueStatus } from "./options.js";
import type { OpenQueue } from "./posix-queue.js";
import { BusyPoll } from "../busy-poll.js";
import { type Place, queueFailed } from "./queue-errors.js";
import type { QueuePort, QueueSink, Wanted } from "./queue-port.js";
import { copyOut, memory, MESSAGES_A_READ, reserve } from "./receive-memory.js";

/** A POSIX queue: a descriptor that the event loop watches. */
export class PosixPort implements QueuePort {
  readonly gradeName = "priority";
  readonly defaultGrade = 0;
  readonly #core: NativeCore = loadCore();
  readonly #queue: OpenQueue;
  readonly #place: Place;
  readonly #poll: Poll;
  readonly #busyPoll = new BusyPoll(() => {
    this.#askAgain();
  });
  #sink!: QueueSink;
  #wanted!: Wanted;
  #watched = 0;
  #later: { readonly message: Uint8Array[]; readonly grade: number } | undefined;
  #closed = false;

  constructor(queue: OpenQueue, place: Place) {
    this.#queue = queue;
    this.#place = place;
    this.#poll = new Poll(queue.fd, (_status, events) => {
      this.#onEvents(events);
    });
  }

  start(sink: QueueSink, wanted: Wanted): void {
    this.#sink = sink;
    this.#wanted = wanted;
    this.#watch(0);
  }

  send(messages: readonly Uint8Array[], start: number, end: number, grade: number): number {
    const sent = this.#core.mqSend(this.#queue.fd, messages, start, end, grade);
    STEP: reached("posix queue: sent");
    if (sent >= 0) {
      this.#busyPoll.found(sent);
      return sent;
    }
    if (sent === -EAGAIN) return 0;
    throw queueFailed(sent, this.#place, "send to", { syscall: "mq_send" });
  }

  sendLater(message: Uint8Array, grade: number): void {
    this.#later = { message: [message], grade };
    this.watch();
  }

  take(_selection: number, most: number): Buffer[] {
    if (this.#closed) return [];
    reserve(this.#queue.messageSize);
    const count = this.#core.mqReceive(
      this.#queue.fd,
      memory.bytes,
      this.#queue.messageSize,
      Math.min(most, MESSAGES_A_READ),
      memory.info,
    );
    if (count > 0) {
      STEP: reached("posix queue: taken");
      this.#busyPoll.found(count);
      return copyOut(count);
    }
    if (count !== -EAGAIN)
      this.#sink.fail(queueFailed(count, this.#place, "receive from", { syscall: "mq_receive" }));
    return [];
  }

  gradeOf(index: number): number {
    return memory.info[index * MESSAGE_STRIDE + MESSAGE_GRADE] ?? 0;
  }

  watch(): void {
    if (this.#closed) return;
    if (this.#busyPoll.goesOn()) {
      // While it asks by itself nothing may watch: every message that is sent or received wakes whoever watches the queue, on the other side's time.
      if (this.#watched !== 0) this.#poll.set((this.#watched = 0));
      return;
    }
    // Once watched it stays so until a message comes that nobody wants: receives follow one another, and each change costs a system call.
    const wanted = (this.#wanted.size > 0 ? READABLE : 0) | (this.#later === undefined ? 0 : WRITABLE);
    if ((wanted & ~this.#watched) === 0 && this.#watched !== 0) return;
    this.#watch(wanted | (this.#watched & READABLE));
  }

  stat(): MessageQueueStatus {
    const attributes = new BigInt64Array(MQ_ATTRIBUTES_LENGTH);
    const result = this.#core.mqAttributes(this.#queue.fd, attributes);
    if (result < 0) throw queueFailed(result, this.#place, "stat", { syscall: "mq_getattr" });
    const bytes = this.#core.mqBytes(this.#queue.fd);
    if (bytes < 0 && bytes !== -EBADF) throw queueFailed(bytes, this.#place, "stat", { syscall: "read" });
    const maxMessages = Number(attributes[MQ_MOST_MESSAGES]);
    const maxMessageSize = Number(attributes[MQ_MESSAGE_SIZE]);
    return {
      messages: Number(attributes[MQ_MESSAGES]),
      bytes: bytes < 0 ? undefined : bytes,
      maxMessages,
      maxBytes: maxMessages * maxMessageSize,
      maxMessageSize,
      lastSender: undefined,
      lastReceiver: undefined,
    };
  }

  setRef(alive: boolean): void {
    if (alive) this.#poll.ref();
    else this.#poll.unref();
    this.#busyPoll.setRef(alive);
    if (!alive) this.watch();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#busyPoll.stop();
    this.#poll.close();
    this.#core.close(this.#queue.fd);
    setImmediate(() => {
      this.#sink.released();
    });
  }

  #watch(events: number): void {
    // DISCONNECT never comes from a queue; it keeps an open channel alive that waits for nothing else.
    const wanted = events | DISCONNECT;
    if (this.#closed || wanted === this.#watched) return;
    this.#watched = wanted;
    this.#poll.set(wanted);
  }

  #onEvents(events: number): void {
    if ((events & WRITABLE) !== 0) {
      this.#sendNow();
      if (this.#later === undefined) this.#watch(this.#watched & READABLE);
    }
    if (this.#closed || (events & READABLE) === 0) return;
    if (this.#wanted.size > 0) this.#sink.readable();
    else this.#watch(this.#watched & WRITABLE);
  }

  #askAgain(): void {
    if (this.#closed) return;
    this.#sendNow();
    if (this.#wanted.size > 0 && !this.#closed) this.#sink.readable();
    this.watch();
  }

  #sendNow(): void {
    const { message, grade } = this.#later ?? {};
    if (message === undefined || grade === undefined) return;
    try {
      if (this.send(message, 0, 1, grade) === 0) return;
    } catch (error) {
      this.#sink.fail(error as ReturnType<typeof queueFailed>);
      return;
    }
    this.#later = undefined;
    this.#sink.sent();
  }
}
