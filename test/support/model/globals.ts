/** What the code of a variant (variant.ts) gets instead of globals, and instead of the door to the native core. */
import { READABLE } from "../../../src/native/constants.js";
import { EventLoop } from "./event-loop.js";
import { arrayOver, bytesOver, type Place } from "./shared-words.js";

export * from "../../../src/native/constants.js";
export { ModelPromise as Promise } from "./promise.js";

/** Memory of a model, from which the code makes its views. */
export class ModelBuffer extends ArrayBuffer {
  readonly place: Place;
  readonly size: number;

  /**
   * @param place - which word of the model is at which index
   * @param size - in bytes
   */
  constructor(place: Place, size: number) {
    super(0);
    this.place = place;
    this.size = size;
  }
}

function viewed<C extends new (...args: never[]) => object>(
  original: C,
  view: (buffer: ModelBuffer) => object,
): C {
  return new Proxy(original, {
    construct: (target, args: unknown[]) => {
      const [buffer] = args;
      if (!(buffer instanceof ModelBuffer)) return Reflect.construct(target, args) as object;
      if (args.length > 1) throw new Error("a model has views of whole memories only");
      return view(buffer);
    },
  });
}

const Int32View: Int32ArrayConstructor = viewed(globalThis.Int32Array, (buffer) =>
  arrayOver(buffer.place, buffer.size / 4),
);
const BigInt64View: BigInt64ArrayConstructor = viewed(globalThis.BigInt64Array, (buffer) =>
  // The two halves of a long word are one word of the model.
  arrayOver((index) => buffer.place(index * 2), buffer.size / 8, true),
);
const Uint8View: Uint8ArrayConstructor = viewed(globalThis.Uint8Array, (buffer) =>
  bytesOver(buffer.place, buffer.size),
);
export { BigInt64View as BigInt64Array, Int32View as Int32Array, Uint8View as Uint8Array };

export function setImmediate(callback: () => void): object {
  return EventLoop.current.addImmediate(callback);
}

export function clearImmediate(immediate: object): void {
  EventLoop.current.removeImmediate(immediate);
}

export function setTimeout(callback: () => void): object {
  return EventLoop.current.addTimer(callback);
}

export function clearTimeout(timer: object): void {
  EventLoop.current.removeTimer(timer);
}

/** As that of the native core. */
export function loadCore(): object {
  return EventLoop.current.core;
}

/** Milliseconds, of which none pass but in the event loop. `begins`: they are counted from now on. */
export function timeOfWait(begins = false): number {
  const loop = EventLoop.current;
  if (begins) loop.hasWaited = false;
  return loop.hasWaited ? 10 : 0;
}

/** As `Poll` of the native core. */
export class Poll {
  readonly callback: (status: number, events: number) => void;
  isWatching = false;
  isClosed = false;

  constructor(_fd: number, callback: (status: number, events: number) => void) {
    this.callback = callback;
    EventLoop.current.addPoll(this);
  }

  set(events: number): void {
    this.isWatching = events === READABLE;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  close(): void {
    this.isClosed = true;
    this.isWatching = false;
  }
}

/** Those that are being looked at, so that what is part of itself is no loop. */
const within = new Set<object>();

/** A private field, as data: of what is not a plain value only its own state counts, or that it is there. */
export function plain(value: unknown): unknown {
  if (value === undefined || value === null) return null;
  if (Array.isArray(value)) return value.length;
  if (typeof value === "function") return "is";
  if (typeof value !== "object") return value;
  if (value instanceof Set || value instanceof Map) return Array.from(value.keys(), plain);
  const { modelState } = value as { modelState?: () => unknown };
  if (modelState === undefined || within.has(value)) return "is";
  within.add(value);
  try {
    return modelState.call(value);
  } finally {
    within.delete(value);
  }
}
