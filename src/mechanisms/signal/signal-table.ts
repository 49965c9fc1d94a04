import { coreAvailable, loadCore } from "../../native/binding.js";
import { loadOs } from "../builtin.js";

/** The standard signals of Linux, signal(7). */
export type StandardSignal =
  | "SIGHUP"
  | "SIGINT"
  | "SIGQUIT"
  | "SIGILL"
  | "SIGTRAP"
  | "SIGABRT"
  | "SIGBUS"
  | "SIGFPE"
  | "SIGKILL"
  | "SIGUSR1"
  | "SIGSEGV"
  | "SIGUSR2"
  | "SIGPIPE"
  | "SIGALRM"
  | "SIGTERM"
  | "SIGSTKFLT"
  | "SIGCHLD"
  | "SIGCONT"
  | "SIGSTOP"
  | "SIGTSTP"
  | "SIGTTIN"
  | "SIGTTOU"
  | "SIGURG"
  | "SIGXCPU"
  | "SIGXFSZ"
  | "SIGVTALRM"
  | "SIGPROF"
  | "SIGWINCH"
  | "SIGIO"
  | "SIGPWR"
  | "SIGSYS";

/** A real-time signal: they have no names, only distances from the first and the last. `SIGRTMIN` to `SIGRTMIN+30` with glibc. */
export type RealtimeSignal = "SIGRTMIN" | `SIGRTMIN+${number}` | "SIGRTMAX" | `SIGRTMAX-${number}`;

/** Second names that signal(7) lists. They are taken everywhere; what is received has the first name. */
export type SignalAlias = "SIGIOT" | "SIGPOLL" | "SIGCLD";

/** The name of a signal. */
export type SignalName = StandardSignal | RealtimeSignal | SignalAlias;

/**
 * What a signal does to a process that neither handles nor ignores it: ends it, ends it with a core dump, stops it, lets it
 * run on, or nothing.
 */
export type SignalAction = "terminate" | "core" | "stop" | "continue" | "ignore";

/** What is known of one signal. */
export interface SignalDescription {
  /** Its first name: `"SIGTERM"`, `"SIGRTMIN+2"`. */
  readonly name: SignalName;
  /** Its number on this system. */
  readonly number: number;
  /** When it is sent, or what it is used for. */
  readonly meaning: string;
  /** What happens without a handler. */
  readonly action: SignalAction;
  /** Whether `Signal.open`, `Signal.on`, `Signal.ignore` and `Signal.reset` take it. Every signal can be sent. */
  readonly canHandle: boolean;
  /** The reason when `canHandle` is false, or what to know before handling it. */
  readonly note?: string;
  /** The keys that send it to the foreground processes of a terminal. */
  readonly keys?: string;
  /** Its other names. */
  readonly aliases: readonly string[];
}

/** Signals by their first name, in the order of their numbers. */
export type SignalTable = Readonly<Record<string, SignalDescription>>;

type Extras = Partial<Pick<SignalDescription, "canHandle" | "note" | "keys" | "aliases">>;

const UNHANDLED_FAULT =
  "a handler would return to the instruction that failed, which fails again, for ever; let the process end and its supervisor restart it";

const STANDARD: readonly (readonly [StandardSignal, SignalAction, string, Extras?])[] = [
  ["SIGHUP", "terminate", "The terminal was closed; a daemon rereads its configuration"],
  ["SIGINT", "terminate", "Interrupted from the keyboard", { keys: "Ctrl+C" }],
  ["SIGQUIT", "core", "Quit from the keyboard", { keys: "Ctrl+\\" }],
  ["SIGILL", "core", "Illegal instruction", { canHandle: false, note: UNHANDLED_FAULT }],
  [
    "SIGTRAP",
    "core",
    "Breakpoint",
    {
      canHandle: false,
      note: "V8 raises it where it must not run on; a handler would let it. Debuggers see it without one",
    },
  ],
  [
    "SIGABRT",
    "core",
    "abort(3)",
    {
      note: "Heard when another process sends it; abort() ends the process all the same",
      aliases: ["SIGIOT"],
    },
  ],
  ["SIGBUS", "core", "Access beyond the end of mapped memory", { canHandle: false, note: UNHANDLED_FAULT }],
  ["SIGFPE", "core", "Arithmetic error", { canHandle: false, note: UNHANDLED_FAULT }],
  [
    "SIGKILL",
    "terminate",
    "Ends the process at once, without a chance to clean up",
    { canHandle: false, note: "the kernel lets no process handle or ignore it" },
  ],
  [
    "SIGUSR1",
    "terminate",
    "Free for the application",
    { note: "Starts Node's debugger while nobody handles or ignores it" },
  ],
  ["SIGSEGV", "core", "Invalid memory access", { canHandle: false, note: UNHANDLED_FAULT }],
  ["SIGUSR2", "terminate", "Free for the application"],
  [
    "SIGPIPE",
    "terminate",
    "Write to a pipe or socket that nobody reads",
    { note: "Node ignores it from the start, so that writes fail with EPIPE instead" },
  ],
  ["SIGALRM", "terminate", "Timer of alarm(2)"],
  ["SIGTERM", "terminate", "Request to end gracefully"],
  ["SIGSTKFLT", "terminate", "Unused"],
  [
    "SIGCHLD",
    "ignore",
    "A child process has stopped or ended",
    {
      canHandle: false,
      note: "Node needs it to learn of children that ended; listen to the 'exit' event of node:child_process",
      aliases: ["SIGCLD"],
    },
  ],
  ["SIGCONT", "continue", "Run on after a stop"],
  [
    "SIGSTOP",
    "stop",
    "Stops the process until SIGCONT",
    { canHandle: false, note: "the kernel lets no process handle or ignore it" },
  ],
  ["SIGTSTP", "stop", "Stop from the keyboard", { keys: "Ctrl+Z" }],
  ["SIGTTIN", "stop", "A background process reads from the terminal"],
  ["SIGTTOU", "stop", "A background process writes to the terminal"],
  ["SIGURG", "ignore", "Urgent data on a socket"],
  ["SIGXCPU", "core", "Limit of CPU time reached"],
  ["SIGXFSZ", "core", "Limit of file size reached"],
  ["SIGVTALRM", "terminate", "Timer of the CPU time used"],
  [
    "SIGPROF",
    "terminate",
    "Profiling timer",
    { note: "V8's CPU profiler takes it over while it runs: then nobody else hears it" },
  ],
  ["SIGWINCH", "ignore", "The terminal window has another size"],
  ["SIGIO", "terminate", "Input or output is possible", { aliases: ["SIGPOLL"] }],
  ["SIGPWR", "terminate", "Power is failing"],
  ["SIGSYS", "core", "Bad system call"],
];

let table: SignalTable | undefined;
let byNumber: ReadonlyMap<number, SignalDescription>;
let byAnyName: ReadonlyMap<string, SignalDescription>;

/** All signals of this system. */
export function signalTable(): SignalTable {
  table ??= build();
  return table;
}

/** The signal with this name, first or second. */
export function signalNamed(name: string): SignalDescription | undefined {
  signalTable();
  return byAnyName.get(name);
}

/** The signal with this number. */
export function signalNumbered(number: number): SignalDescription | undefined {
  signalTable();
  return byNumber.get(number);
}

/** Every name by which a signal is known. */
export function signalNames(): Iterable<string> {
  signalTable();
  return byAnyName.keys();
}

function build(): SignalTable {
  const numbers: Readonly<Record<string, number | undefined>> = { ...loadOs().constants.signals };
  const all: SignalDescription[] = [];
  for (const [name, action, meaning, extras] of STANDARD) {
    const number = numbers[name];
    // A system that lacks a signal of Linux (macOS has no SIGPWR) does without it.
    if (number === undefined) continue;
    all.push(Object.freeze({ name, number, meaning, action, canHandle: true, aliases: [], ...extras }));
  }
  if (process.platform === "linux") all.push(...realtimeSignals());
  all.sort((left, right) => left.number - right.number);
  byNumber = new Map(all.map((signal) => [signal.number, signal]));
  byAnyName = new Map(
    all.flatMap((signal) => [signal.name, ...signal.aliases].map((name) => [name, signal])),
  );
  return Object.freeze(Object.fromEntries(all.map((signal) => [signal.name, signal])));
}

/** The C library keeps the first ones for itself: two with glibc, three with musl. Names count from the first free one. */
function realtimeSignals(): SignalDescription[] {
  const known = coreAvailable() ? loadCore().constants : {};
  const first = known["SIGRTMIN"] ?? 34;
  const last = known["SIGRTMAX"] ?? 64;
  return Array.from({ length: last - first + 1 }, (_, index) => {
    const number = first + index;
    const aliases = [`SIGRTMIN+${index}`, number === last ? "SIGRTMAX" : `SIGRTMAX-${last - number}`];
    if (index === 0) aliases.push("SIGRTMIN+0");
    if (number === last) aliases.push("SIGRTMAX-0");
    const name: SignalName = index === 0 ? "SIGRTMIN" : `SIGRTMIN+${index}`;
    return Object.freeze({
      name,
      number,
      meaning: "Free for the application; each one sent is delivered, in order, with its value",
      action: "terminate" as const,
      canHandle: true,
      aliases: [...new Set(aliases)].filter((alias) => alias !== name),
    });
  });
}
