import { unsupported } from "../../core/errors.js";
import { describe } from "../../core/wait.js";
import { type SignalDescription, signalNamed, signalNames, signalTable } from "./signal-table.js";

/** More edits than this are another word, not a slip. */
const MAX_EDITS = 2;
const LIST_HINT = "Signal.table lists the names, such as SIGTERM and SIGRTMIN+1";

/** The signal with this name. Throws a TypeError that lists names like it when there is none. */
export function checkSignal(argument: string, name: unknown): SignalDescription {
  const signal = typeof name === "string" ? signalNamed(name) : undefined;
  if (signal !== undefined) return signal;
  const hint = typeof name === "string" ? hintFor(name) : LIST_HINT;
  throw new TypeError(`${argument} must be the name of a signal, received ${describe(name)}; ${hint}`);
}

/** The same, for signals whose action is to be changed. Throws also when that is not possible. */
export function checkHandleable(argument: string, operation: string, name: unknown): SignalDescription {
  const signal = checkSignal(argument, name);
  if (signal.canHandle) return signal;
  const text = `Cannot ${operation} ${signal.name}: ${signal.note ?? "it cannot be handled"}`;
  if (signal.name === "SIGKILL" || signal.name === "SIGSTOP") throw new TypeError(text);
  throw unsupported(text, { operation, mechanism: "signal", address: signal.name });
}

function hintFor(name: string): string {
  if (/^SIGRTM(IN|AX)[+-]\d+$/.test(name)) {
    const last = Object.keys(signalTable()).at(-1);
    return `the real-time signals go from SIGRTMIN to ${String(last)}, which is SIGRTMAX`;
  }
  const near = namesLike(name);
  return near.length > 0 ? `did you mean ${near.join(" or ")}?` : LIST_HINT;
}

/** Names of which this is likely a misspelling: the nearest, at most three. */
function namesLike(name: string): string[] {
  const upper = name.trim().toUpperCase().slice(0, 20);
  const wanted = upper.startsWith("SIG") ? upper : `SIG${upper}`;
  let nearest = MAX_EDITS;
  let found: string[] = [];
  for (const candidate of signalNames()) {
    const edits = editsBetween(wanted, candidate);
    if (edits > nearest) continue;
    if (edits < nearest) found = [];
    nearest = edits;
    found.push(candidate);
  }
  return found.slice(0, 3);
}

/** The distance of Levenshtein: insertions, deletions and replacements. */
function editsBetween(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let i = 1; i <= left.length; i++) {
    const next = [i];
    for (let j = 1; j <= right.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (left[i - 1] === right[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[right.length] ?? 0;
}
