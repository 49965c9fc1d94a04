import { loadCore, Poll, READABLE } from "../../native/binding.js";

/**
 * The kernel needs some milliseconds to forget the watches of an inotify instance, and close(2) waits for that, which the event loop must not. So the
 * instance serves all waits of the thread, and outlives the last of them by this many milliseconds.
 */
const LINGER = 20;
/** A struct inotify_event without a name: that is what comes for a file that is watched itself. See inotify(7). */
const EVENT_SIZE = 16;
const EVENTS_A_READ = 64;
/** What `wd` is in the event that tells of lost events. */
const OVERFLOW = -1;

type Callback = () => void;

/** An inotify instance, and who waits at each path that it watches. */
class OpenWatcher {
  readonly #fd: number;
  readonly #poll: Poll;
  // The kernel gives one number to all watches of one file.
  readonly #waiting = new Map<number, Set<Callback>>();
  readonly #events = new Int32Array((EVENTS_A_READ * EVENT_SIZE) / 4);
  #lingering: NodeJS.Timeout | undefined;

  constructor(fd: number) {
    this.#fd = fd;
    this.#poll = new Poll(fd, () => {
      this.#read();
    });
    // Whoever waits keeps the process alive by a timer of his own.
    this.#poll.unref().set(READABLE);
  }

  /** Returns how to stop; `undefined`: the path cannot be watched. */
  add(path: string, callback: Callback): (() => void) | undefined {
    clearTimeout(this.#lingering);
    const watch = loadCore().watchOpens(this.#fd, path);
    if (watch < 0) {
      this.#lingerIfIdle();
      return undefined;
    }
    const waiting = this.#waiting.get(watch) ?? new Set();
    waiting.add(callback);
    this.#waiting.set(watch, waiting);
    return () => {
      if (!waiting.delete(callback) || waiting.size > 0) return;
      this.#waiting.delete(watch);
      // Where the file is gone the kernel has removed the watch, and refuses to do it again.
      loadCore().unwatch(this.#fd, watch);
      this.#lingerIfIdle();
    };
  }

  #read(): void {
    const bytes = new Uint8Array(this.#events.buffer);
    for (;;) {
      const length = loadCore().read(this.#fd, bytes, 0, bytes.length);
      if (length <= 0) return;
      const told = new Set<number>();
      for (let offset = 0; offset < length; offset += EVENT_SIZE)
        told.add(this.#events[offset / 4] ?? OVERFLOW);
      const watches = told.has(OVERFLOW) ? [...this.#waiting.keys()] : told;
      for (const watch of watches) for (const callback of [...(this.#waiting.get(watch) ?? [])]) callback();
    }
  }

  #lingerIfIdle(): void {
    if (this.#waiting.size > 0) return;
    this.#lingering = setTimeout(() => {
      watcher = undefined;
      this.#poll.close();
      loadCore().close(this.#fd);
    }, LINGER).unref();
  }
}

let watcher: OpenWatcher | undefined;

/**
 * Calls back whenever somebody may have opened or removed the file of this path.
 *
 * @returns how to stop; `undefined` where it cannot be told, because the user's inotify instances or watches are used up (fs.inotify.max_user_instances)
 */
export function watchOpens(path: string, callback: Callback): (() => void) | undefined {
  if (watcher === undefined) {
    const fd = loadCore().createWatcher();
    if (fd < 0) return undefined;
    try {
      watcher = new OpenWatcher(fd);
    } catch (error) {
      loadCore().close(fd);
      throw error;
    }
  }
  return watcher.add(path, callback);
}
