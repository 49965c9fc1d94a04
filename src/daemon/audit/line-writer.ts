import { loadFs, openAuditFile } from "./audit-file.js";

/** Takes text, whole lines of it. What it throws, or rejects with, counts the lines as lost. */
export type LineSink = (text: string) => void | Promise<void>;

/** Where lines go: how much of the bytes was taken, before an error if there was one. */
export interface LineTarget {
  write(bytes: Buffer): Promise<{ readonly written: number; readonly error?: unknown }>;
  reopen(): void;
  close(): void;
}

/** A target that is a function of the user. */
export function sinkTarget(sink: LineSink): LineTarget {
  return {
    async write(bytes) {
      try {
        await sink(bytes.toString("latin1"));
        return { written: bytes.length };
      } catch (error) {
        return { written: 0, error };
      }
    },
    reopen: () => undefined,
    close: () => undefined,
  };
}

/** A target that is a file. It is written by the thread pool, a write at a time. */
export class FileTarget implements LineTarget {
  readonly #path: string;
  #fd: number;
  #writing = -1;

  constructor(path: string) {
    this.#path = path;
    this.#fd = openAuditFile(path);
  }

  write(bytes: Buffer): Promise<{ readonly written: number; readonly error?: unknown }> {
    const fd = this.#fd;
    this.#writing = fd;
    return new Promise((resolve) => {
      const go = (from: number): void => {
        loadFs().write(fd, bytes, from, bytes.length - from, null, (error, count) => {
          const written = from + (error === null ? count : 0);
          // A write of a part is what a disk does that is nearly full: the next one tells the reason.
          if (error === null && written < bytes.length) {
            go(written);
            return;
          }
          this.#writing = -1;
          if (fd !== this.#fd) loadFs().closeSync(fd);
          resolve(error === null ? { written } : { written, error });
        });
      };
      go(0);
    });
  }

  reopen(): void {
    const old = this.#fd;
    this.#fd = openAuditFile(this.#path);
    if (this.#writing !== old) loadFs().closeSync(old);
  }

  close(): void {
    const old = this.#fd;
    this.#fd = -1;
    if (this.#writing !== old) loadFs().closeSync(old);
  }
}

/** The most text that goes into one write. */
const MOST_LINES_A_WRITE = 256;

/** Lines on their way to a target: a bounded queue. What finds no room, or cannot be written, is counted, and a line tells of the gap. */
export class LineWriter {
  /** Lines that nobody will read. */
  lost = 0;
  readonly #target: LineTarget;
  readonly #most: number;
  readonly #gap: (lost: number, error: unknown) => string;
  readonly #onError: ((error: unknown) => void) | undefined;
  #queue: string[] = [];
  #untold = 0;
  #lastError: unknown;
  #isTorn = false;
  #running: Promise<void> | undefined;

  constructor(
    target: LineTarget,
    most: number,
    gap: (lost: number, error: unknown) => string,
    onError: ((error: unknown) => void) | undefined,
  ) {
    this.#target = target;
    this.#most = most;
    this.#gap = gap;
    this.#onError = onError;
  }

  /** Takes a line of ASCII with its end. */
  push(line: string): void {
    if (this.#queue.length >= this.#most) this.#lose(1, undefined);
    else this.#queue.push(line);
    this.#running ??= this.#run();
  }

  /** From the next write on, lines go to what is now in the target's place. */
  reopen(): void {
    this.#target.reopen();
    this.#isTorn = false;
  }

  /** Fulfils when every line that was taken is written, or lost. */
  async flush(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async #run(): Promise<void> {
    // What comes in this turn of the event loop is written at once.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#queue.length > 0) {
      const lines = this.#queue.splice(0, MOST_LINES_A_WRITE);
      const told = this.#untold;
      const gap = told > 0 ? this.#gap(told, this.#lastError) : "";
      const head = (this.#isTorn ? "\n" : "") + gap;
      const { written, error } = await this.#target.write(Buffer.from(head + lines.join(""), "latin1"));
      if (written >= head.length && gap !== "") this.#untold -= told;
      if (error !== undefined) this.#failed(lines, head.length, written, error);
      else this.#isTorn = false;
    }
    this.#running = undefined;
  }

  #failed(lines: readonly string[], from: number, written: number, error: unknown): void {
    let end = from;
    let whole = 0;
    for (const line of lines) {
      end += line.length;
      if (end <= written) whole++;
    }
    // What is there of a line that was cut is ended before the next.
    if (written > 0) this.#isTorn = true;
    this.#lose(lines.length - whole, error);
    this.#onError?.(error);
  }

  #lose(count: number, error: unknown): void {
    this.lost += count;
    this.#untold += count;
    if (error !== undefined) this.#lastError = error;
  }
}
