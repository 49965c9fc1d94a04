// The methods of the load tests' servers, with a ledger of what they did.
import { setTimeout as delay } from "node:timers/promises";
import type { CallContext } from "sluice/rpc";

/** What the server knows of its calls. */
export interface CallCounts {
  /** Functions that wait for something, and so may be aborted: how many have begun … */
  began: number;
  /** … and have ended, in whatever way. */
  ended: number;
  /** Those whose signal has fired before they were done. */
  aborted: number;
}

/** Methods that count themselves. A type and no interface: a table of methods may be asked for any name. */
export type LoadMethods = {
  /** Adds to the ledger of this channel. Numbers must grow: a call that is done twice, or late, is an error. Gives how many were done. */
  done(n: number, context: CallContext): number;
  /** Answers after so many milliseconds, unless nobody waits any more. */
  slow(milliseconds: number, context: CallContext): Promise<number>;
  /** Gives 0 to `to - 1`, one by one. */
  ticks(to: number, context: CallContext): AsyncGenerator<number, void>;
  /** Adds up a stream. */
  sum(numbers: AsyncIterable<number>, context: CallContext): Promise<number>;
};

/**
 * @param counts - is kept up to date
 * @param done - what `done` does
 */
export function loadMethods(counts: CallCounts, done: (channel: object, n: number) => number): LoadMethods {
  const counted = async <T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> => {
    counts.began++;
    try {
      return await work();
    } finally {
      counts.ended++;
      if (signal.aborted) counts.aborted++;
    }
  };
  return {
    done: (n: number, { channel }: CallContext) => done(channel, n),
    slow: (milliseconds: number, { signal }: CallContext) =>
      counted(signal, () => delay(milliseconds, milliseconds, { signal })),
    async *ticks(to: number, { signal }: CallContext) {
      counts.began++;
      try {
        for (let n = 0; n < to; n++) {
          if (n % 8 === 7) await delay(1, undefined, { signal });
          yield n;
        }
      } finally {
        counts.ended++;
        if (signal.aborted) counts.aborted++;
      }
    },
    sum: (numbers: AsyncIterable<number>, { signal }: CallContext) =>
      counted(signal, async () => {
        let sum = 0;
        for await (const n of numbers) sum += n;
        return sum;
      }),
  };
}
