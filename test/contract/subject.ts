import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect } from "vitest";
import { type End, type EndOptions, type Maker, makePair, type Way } from "./maker.js";
import { slowness } from "../support/sanitized.js";

/** What one run of the suite is about. */
export interface Subject {
  readonly maker: Maker;
  readonly way: Way;
}

/** The two ends of a pair in this process, by what they do in the test. */
export interface Pair extends AsyncDisposable {
  readonly sender: End;
  readonly receiver: End;
  readonly directory: string;
}

/** Queues that are soon full. */
export const SMALL_QUEUES: EndOptions = {
  sendQueue: { messages: 8, bytes: 64 * 1024 },
  receiveQueue: { messages: 8, bytes: 64 * 1024 },
};

/** How long a test waits for something that happens at once when all is well. */
const PATIENCE = 8_000;

/** The promise, or an error that says what was waited for. */
export async function within<T>(
  what: string,
  promise: PromiseLike<T>,
  patience: number = PATIENCE,
): Promise<T> {
  const milliseconds = patience * slowness;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`waited ${milliseconds} ms for ${what}`));
    }, milliseconds);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** A directory for addresses; gone when the scope is left. */
export interface Scratch extends Disposable {
  readonly path: string;
}

/** Makes a directory for addresses. */
export function scratch(maker?: Maker): Scratch {
  const directory = mkdtempSync(path.join(tmpdir(), "sluice-contract-"));
  return {
    path: directory,
    [Symbol.dispose]: () => {
      maker?.remove?.(directory);
      rmSync(directory, { recursive: true });
    },
  };
}

/** Opens both ends here. Leaving the scope destroys them, and looks for files that they have left. */
export async function openPair({ maker, way }: Subject, options: EndOptions = {}): Promise<Pair> {
  const directory = scratch(maker);
  const [first, second] = await within("both ends to open", makePair(maker, directory.path, options));
  return {
    sender: way === "first-to-second" ? first : second,
    receiver: way === "first-to-second" ? second : first,
    directory: directory.path,
    [Symbol.asyncDispose]: async () => {
      first.destroy();
      second.destroy();
      await within("both ends to be released", Promise.all([first.closed, second.closed]));
      const left = readdirSync(directory.path);
      directory[Symbol.dispose]();
      expect(left, "files left by closed channels").toEqual(maker.leaves);
    },
  };
}

/** Lets the event loop turn this many times, polls included. */
export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** How many turns without progress count as standing still; within one process everything that can move does so at each turn. */
const STANDSTILL = 50;

/** Whether a promise is still pending after everything that can move has moved. */
export async function isPending(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const settle = (): void => {
    settled = true;
  };
  promise.then(settle, settle);
  await turns(STANDSTILL);
  return !settled;
}

/** Sends what `next` makes until there is no room anywhere on the way. Returns how many were accepted. */
export async function fill(sender: End, next: (sequence: number) => Uint8Array): Promise<number> {
  let accepted = 0;
  for (let still = 0; still < STANDSTILL; still++) {
    while (sender.trySend(next(accepted))) {
      accepted++;
      still = 0;
      if (accepted > 100_000) throw new Error("100,000 messages were accepted and nobody received any");
    }
    await turns(1);
  }
  return accepted;
}

/** The code of the error that a promise rejects with; fails when it fulfils. */
export async function codeOf(promise: PromiseLike<unknown>): Promise<unknown> {
  const outcome = await within(
    "a call to reject",
    promise.then(
      (value) => ({ value }),
      (error: unknown) => ({ error }),
    ),
  );
  if ("value" in outcome) throw new Error(`the call fulfilled with ${String(outcome.value)}`);
  return (outcome.error as { code?: unknown }).code;
}
