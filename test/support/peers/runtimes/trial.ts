// What the two processes of the smoke test have in common. They import nothing but the package and builtins that Bun and Deno have too.
import { readdirSync } from "node:fs";
import { createInterface } from "node:readline";
import type { Channel } from "sluice";

/** The typed message that travels. */
export interface Job {
  readonly number: number;
  readonly text: string;
}

/** One mechanism once, as one of the two processes sees it. */
export interface Run {
  readonly folder: string;
  /** How many messages go there and back. */
  readonly messages: number;
  /** Bounds every wait; the other process may have failed. */
  readonly wait: { readonly signal: AbortSignal; readonly timeout: number };
  /** In the second process: the first may come. In the first: waits for that, and gives the text. */
  readonly ready: (text?: string) => Promise<string>;
  /** In the first process: the second may go on. In the second: waits for that. */
  readonly goOn: () => Promise<void>;
}

/** One mechanism: both sides of it. */
export interface Trial {
  readonly name: string;
  readonly first: (run: Run) => Promise<void>;
  readonly second: (run: Run) => Promise<void>;
}

/** How one side fared. */
export interface Verdict {
  /** `works`, the code of a ChannelError, or the name of another error. */
  readonly outcome: string;
  readonly text: string;
  /** How many descriptors are open now. */
  readonly descriptors: number;
}

/** What the first process tells the second: JSON, one line each. */
export interface Order {
  readonly name: string;
  readonly folder: string;
  readonly messages: number;
  /** How many were open after the round before. */
  readonly descriptors?: number | undefined;
}

/** What the second process says where it never gets ready. */
export const FAILED = "failed";

type Talk = Pick<Channel<Job>, "send" | "receive">;

export const jobOf = (number: number): Job => ({ number, text: `message ${String(number)} ÄÖ€` });

/** Throws unless this is the message of that number, whole and unchanged. */
export function check(job: Job, number: number): void {
  const { text } = jobOf(number);
  if (job.number !== number || job.text !== text)
    throw new Error(`message ${String(number)} arrived as ${JSON.stringify(job)}`);
}

/** Sends all messages and takes all echoes, at the same time. */
export async function converse(sender: Talk, receiver: Talk, { messages, wait }: Run): Promise<void> {
  const echoes = (async () => {
    for (let number = 0; number < messages; number++) check(await receiver.receive(wait), number);
  })();
  for (let number = 0; number < messages; number++) await sender.send(jobOf(number), wait);
  await echoes;
}

/** Sends one and takes its echo, for mechanisms that lose what comes too fast. */
export async function takeTurns(sender: Talk, receiver: Talk, { messages, wait }: Run): Promise<void> {
  for (let number = 0; number < messages; number++) {
    await sender.send(jobOf(number), wait);
    check(await receiver.receive(wait), number);
  }
}

export async function echo(receiver: Talk, sender: Talk, { messages, wait }: Run): Promise<void> {
  for (let number = 0; number < messages; number++) {
    const job = await receiver.receive(wait);
    check(job, number);
    await sender.send(job, wait);
  }
}

/**
 * Runs one side and judges it. Its descriptors are given a moment to be closed: a handle of the event loop closes in a later turn.
 *
 * @param side - one side of a trial
 * @param expected - how many may be open afterwards
 */
export async function judge(side: () => Promise<void>, expected?: number): Promise<Verdict> {
  let outcome = "works";
  let text = "";
  try {
    await side();
  } catch (error) {
    const { code, name, message } = error as Error & { code?: string };
    outcome = code ?? name;
    text = message;
  }
  for (let look = 0; look < (expected === undefined ? SETTLING : LOOKS); look++) {
    if (expected !== undefined && openDescriptors() <= expected) break;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MILLISECONDS));
  }
  return { outcome, text, descriptors: openDescriptors() };
}

/** After the first round, where nobody knows how many there should be. */
const SETTLING = 5;
const LOOKS = 100;
const LOOK_MILLISECONDS = 10;

function openDescriptors(): number {
  return readdirSync("/proc/self/fd").length;
}

/** Lines of a stream, each to be taken once. */
export function linesOf(input: NodeJS.ReadableStream): () => Promise<string> {
  const lines = createInterface({ input })[Symbol.asyncIterator]();
  return async () => {
    const next = await lines.next();
    if (next.done === true) throw new Error("the other process has ended");
    return next.value;
  };
}
