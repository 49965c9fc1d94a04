// Which cases there are: every call that an operation makes, at each of its occurrences, in every way in which it may go wrong.
import { constants } from "node:os";
import type { Rule } from "../../support/peers/faults/injector.js";
import type { Case, Outcome } from "../../support/peers/faults/sweep.js";
import { faultsOf, isHarmless } from "./plausible.js";

// Of a call that is repeated often, its first and its last occurrences.
const FIRST = 8;
const LAST = 4;

function occurrences(count: number): number[] {
  const all = Array.from({ length: count }, (_, index) => index + 1);
  return count <= FIRST + LAST ? all : [...all.slice(0, FIRST), ...all.slice(-LAST)];
}

const INTERRUPTED: number = constants.errno.EINTR;

/** What cannot happen to a call in an operation, though it may to others of the same name. */
function isImpossible(operation: string, { call, kind, value }: Rule): boolean {
  // Records go through a pipe whole (pipe(7): up to PIPE_BUF), and are read as many as there are.
  if (/^signals/.test(operation) && call === "read" && kind === "short") return true;
  if (kind !== "fail" || value === INTERRUPTED) return false;
  // They read and write an eventfd, or a pipe that has room and whose ends are both ours.
  if (/^(locks|message-queue-sysv|signals)/.test(operation)) return call === "read" || call === "write";
  // A bell over a socket that has room, and whose other end is open.
  const { EAGAIN, ECONNRESET, EPIPE } = constants.errno;
  return (
    /^(shared-buffer|broadcast)/.test(operation) &&
    call === "send" &&
    [EAGAIN, ECONNRESET, EPIPE].includes(value)
  );
}

/** All with one fault, for an operation whose undisturbed run made so many calls. */
export function casesOf(operation: string, counts: Outcome["counts"]): Case[] {
  return Object.entries(counts).flatMap(([call, count]) =>
    occurrences(count).flatMap((nth) =>
      faultsOf(call)
        .map((fault): Rule => ({ call, nth, ...fault }))
        .filter((rule) => !isImpossible(operation, rule))
        .map((rule) => ({ operation, rules: [rule] })),
    ),
  );
}

/** What is wrong with an outcome: a sentence each. `calm` is that of the same operation undisturbed. */
export function complaints({ rules }: Case, outcome: Outcome, calm: Outcome): string[] {
  const unforgiven = outcome.problems.filter(
    (problem) => !rules.some((rule) => isForgiven(problem, rule, outcome)),
  );
  const struck = rules.filter((_, index) => (outcome.fired[index] ?? 0) > 0);
  const usual = new Set(calm.errors);
  // The queues of all processes of a user have one limit (RLIMIT_MSGQUEUE), which somebody else may have used up.
  const unusual = outcome.errors.filter((error) => !usual.has(error) && error !== "ERR_SYSTEM mq_open");
  if (struck.every(isHarmless) && unusual.length > 0) {
    return [...unforgiven, `NOT BORNE: ${unusual.join(", ")}, though nothing was refused`];
  }
  return unforgiven;
}

/** The calls by which something is removed: looked at, and taken away, a path under its lock. */
const REMOVING = ["flock", "open", "statx", "unlink", "msgctl"];

/** What cannot be otherwise. */
function isForgiven(problem: string, { call, kind }: Rule, { errors, fired }: Outcome): boolean {
  if (kind !== "fail") return false;
  const isFile = problem.startsWith("LEAK: file ");
  // A lock file that is left behind means nothing: the lock is the kernel's (path-lock.ts).
  if (isFile && problem.endsWith(".lock")) return REMOVING.includes(call);
  // What cannot be looked at, or not be removed, stays where it is, and somebody is told.
  if (isFile && (call === "statx" || call === "unlink")) return errors.length > 0;
  // Where the making has failed already, the removal may fail, too.
  const isBoth = fired.filter((times) => times > 0).length > 1;
  const isPlace = isFile || /^LEAK: (names: |a queue that was not opened)/.test(problem);
  return isPlace && isBoth && REMOVING.includes(call) && errors.length > 0;
}
