import { describe } from "./wait.js";

/** The messages that `sendMany` was given, one after another. */
export interface MessageSource {
  /** The next one, encoded; `undefined` after the last. Throws what the iterable or the codec throws. */
  readonly next: () => Uint8Array | undefined;
  /** To be called when no more will be asked for: a generator may hold something that it must let go of. */
  readonly leave: (() => unknown) | undefined;
}

const iterateArray: unknown = Array.prototype[Symbol.iterator];

/** Throws a TypeError for what cannot be iterated over. */
export function sourceOf<Out>(messages: Iterable<Out>, encode: (message: Out) => Uint8Array): MessageSource {
  const iterate = (messages as Partial<Iterable<Out>> | null | undefined)?.[Symbol.iterator];
  if (typeof iterate !== "function")
    throw new TypeError(`messages must be an iterable of messages, received ${describe(messages)}`);
  if (Array.isArray(messages) && iterate === iterateArray)
    return { next: stepsOf(messages, encode), leave: undefined };
  const iterator = messages[Symbol.iterator]();
  return {
    next: () => {
      const step = iterator.next();
      return step.done === true ? undefined : encode(step.value);
    },
    leave: iterator.return === undefined ? undefined : () => iterator.return?.(),
  };
}

/** As an array's own iterator goes, which sees what changes meanwhile, without an object for each step. */
function stepsOf<Out>(
  messages: readonly Out[],
  encode: (message: Out) => Uint8Array,
): () => Uint8Array | undefined {
  let index = 0;
  return () => (index < messages.length ? encode(messages[index++] as Out) : undefined);
}
