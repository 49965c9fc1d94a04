import { checkDuration, describe } from "../core/wait.js";
import type { ConnectionOptions } from "./limits.js";
import { checkedMethod, type CheckedMethod } from "./method.js";
import type { AnyMethod, BytesChannel, CallContext, MethodTable } from "./types.js";

/** Where an error came from. */
export interface ErrorOrigin {
  /** The channel, where it is about one. */
  readonly channel?: BytesChannel | undefined;
  /** The method that was called, where it is about one. */
  readonly method?: string | undefined;
}

/** Told how a call has ended: `undefined` when it was answered, else what the caller got, or would have got. */
export type CallEnded = (error: unknown) => void;

/** Options of `serve`. */
export interface ServeOptions extends ConnectionOptions {
  /**
   * Decides about each call before its input is checked and the method runs. Only `true` (or a promise of it) lets it pass; else the caller gets
   * `ERR_ACCESS_DENIED`. By default whoever has the channel may call everything.
   */
  readonly authorize?: ((context: CallContext) => boolean | Promise<boolean>) | undefined;
  /**
   * Told of each call and notification before anything is decided about it, unknown methods included, with its input as it came (`undefined` for a stream), and of what cannot be read as one:
   * its method is "" where nobody knows. What it throws is what the caller gets, and the call does not run. What it returns is called once, when the call is over and its function has ended: with the error if it did not succeed.
   */
  readonly onCall?: ((context: CallContext, input: unknown) => CallEnded | undefined) | undefined;
  /** Asked about each channel of a listener before anything is read from it; only `true` lets it be served, else it is destroyed. By default every channel is. */
  readonly admit?: ((channel: BytesChannel) => boolean) | undefined;
  /** What the caller is told instead of what a method has thrown. By default the error itself: name, message, `code` and `data`. */
  readonly mapError?: ((error: unknown, context: CallContext) => unknown) | undefined;
  /** Sends the stacks of errors along. `false` by default: they tell a stranger about the program. */
  readonly exposeStack?: boolean | undefined;
  /** Tells a caller what is wrong with an output that its schema refuses. `false` by default. */
  readonly exposeOutput?: boolean | undefined;
  /** Milliseconds that a call may take, streams aside; then the caller gets `ERR_TIMEOUT` and the signal fires. No limit by default. */
  readonly callTimeout?: number | undefined;
  /** Told of what no caller learns: a peer that breaks the protocol, an output that its schema refuses, a notification that fails. */
  readonly onError?: ((error: unknown, origin: ErrorOrigin) => void) | undefined;
}

/** Names that a client has for itself, or that the language asks every object for. */
const RESERVED: readonly string[] = [
  "notify",
  "close",
  "then",
  "toJSON",
  "constructor",
  "prototype",
  "__proto__",
  "toString",
  "valueOf",
];

/** A method as the server calls it. */
export interface ResolvedMethod {
  readonly run: (input: unknown, context: CallContext) => unknown;
  readonly checked: CheckedMethod | undefined;
}

/** Serve options with nothing left open. */
export interface ResolvedService {
  readonly methods: ReadonlyMap<string, ResolvedMethod>;
  readonly options: ServeOptions;
}

/** Checks methods and options. */
export function resolveService(methods: MethodTable, options: ServeOptions): ResolvedService {
  for (const name of ["authorize", "onCall", "admit", "mapError", "onError"] as const) {
    const hook: unknown = options[name];
    if (hook !== undefined && typeof hook !== "function")
      throw new TypeError(`options.${name} must be a function, received ${describe(hook)}`);
  }
  if (options.callTimeout !== undefined) checkDuration("callTimeout", options.callTimeout);
  return { methods: resolveMethods(methods), options };
}

/** Only own properties count, and a Map has no prototype: nobody can call what merely every object has. */
function resolveMethods(methods: MethodTable): ReadonlyMap<string, ResolvedMethod> {
  if (typeof methods !== "object" || methods === null)
    throw new TypeError(`methods must be an object of functions, received ${describe(methods)}`);
  const resolved = new Map<string, ResolvedMethod>();
  for (const [name, given] of Object.entries<AnyMethod>(methods)) {
    if (name === "" || RESERVED.includes(name))
      throw new TypeError(
        `methods cannot have the name ${JSON.stringify(name)}: every client has it for itself`,
      );
    const checked = checkedMethod(given);
    if (checked !== undefined) resolved.set(name, { run: checked.run, checked });
    else if (typeof given === "function")
      resolved.set(name, { run: given.bind(methods) as ResolvedMethod["run"], checked: undefined });
    else throw new TypeError(`methods.${name} must be a function or method(…), received ${describe(given)}`);
  }
  return resolved;
}

/** Whether a client has this name for itself. */
export function isReserved(name: string): boolean {
  return RESERVED.includes(name);
}
