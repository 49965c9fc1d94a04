/**
 * Memory as several processors see it.
 *
 * - `sequential`: each access is done at once and seen by all.
 * - `x64`: a plain store waits in a queue of its processor's own, which loads of this processor see and others do not. The queue is written in order, at any time; an atomic store
 *   or update waits until it is empty (V8 makes an `xchg` or a locked instruction of it), an atomic load does not (it is a plain `mov`).
 * - `arm64`: the queue is written in any order, except that stores to one word keep theirs and an atomic store (`stlr`) comes after all that were before it. Plain stores after an atomic
 *   one may overtake it. An atomic load (`ldar`) waits for the atomic stores before it. Loads may be early: a plain one may give any value that the word has had since the last atomic
 *   load of this processor, an atomic one any value since the last atomic load and the last atomic store that all see.
 */
export type Order = "sequential" | "x64" | "arm64";

interface Store {
  readonly word: number;
  readonly value: number;
  readonly isAtomic: boolean;
}

/** A change of a word that a processor may not have seen: what the word was before. `word` -1: here an atomic store of its own was seen by all. */
interface Unseen {
  readonly word: number;
  readonly before: number;
}

/** Never changed, only replaced. */
export interface Memory {
  readonly order: Order;
  readonly words: readonly number[];
  /** Of each process: what it has stored and others do not see. */
  readonly queues: readonly (readonly Store[])[];
  readonly unseen: readonly (readonly Unseen[])[];
}

export interface Loaded {
  readonly value: number;
  readonly memory: Memory;
}

export function memoryOf(order: Order, words: readonly number[], processes: number): Memory {
  const none = Array.from({ length: processes }, () => []);
  return { order, words, queues: none, unseen: none };
}

export function keyOf({ words, queues, unseen }: Memory): string {
  let key = words.join();
  for (const queue of queues) {
    key += "|";
    for (const { word, value, isAtomic } of queue) key += `${word}${isAtomic ? "!" : "="}${value},`;
  }
  for (const list of unseen) {
    key += "/";
    for (const { word, before } of list) key += `${word}:${before},`;
  }
  return key;
}

/** What a load may give. None: it has to wait. */
export function load(memory: Memory, process: number, word: number, isAtomic: boolean): Loaded[] {
  const queue = memory.queues[process]!;
  if (memory.order === "arm64" && isAtomic && queue.some((store) => store.isAtomic)) return [];
  const own = queue.findLast((store) => store.word === word);
  if (own !== undefined) return [{ value: own.value, memory }];
  const now = memory.words[word]!;
  const unseen = memory.unseen[process]!;
  if (unseen.length === 0) return [{ value: now, memory }];
  const first = isAtomic ? unseen.findLastIndex((change) => change.word === -1) + 1 : 0;
  const loaded: Loaded[] = [];
  // The time from which on the word has had this value.
  let since = first;
  for (let at = first; at <= unseen.length; at++) {
    const change = unseen[at];
    if (change !== undefined && change.word !== word) continue;
    const value = change === undefined ? now : change.before;
    // An atomic load at that time: all later ones come after it. A plain one: only later ones of this word do.
    const rest = isAtomic
      ? unseen.slice(since)
      : unseen.filter((other, index) => other.word !== word || index >= since);
    loaded.push({ value, memory: withUnseen(memory, process, rest) });
    since = at + 1;
  }
  return loaded;
}

/** A plain store, or (`isAtomic`) an atomic one. Undefined: it has to wait. */
export function store(
  memory: Memory,
  process: number,
  word: number,
  value: number,
  isAtomic: boolean,
): Memory | undefined {
  if (memory.order === "sequential") return withWord(memory, process, word, value);
  if (memory.order === "x64" && isAtomic)
    return memory.queues[process]!.length > 0 ? undefined : withWord(memory, process, word, value);
  return withQueue(memory, process, [...memory.queues[process]!, { word, value, isAtomic }]);
}

/** Whether nothing that a process has stored is still to be seen: before an update, and before a system call. */
export function isSettled(memory: Memory, process: number): boolean {
  return memory.queues[process]!.length === 0;
}

/** An atomic change of the words, after which the process has seen everything. */
export function change(memory: Memory, process: number, words: readonly number[]): Memory {
  let next = memory;
  words.forEach((value, word) => {
    if (value !== memory.words[word]) next = withWord(next, process, word, value);
  });
  return next.unseen[process]!.length === 0 ? next : withUnseen(next, process, []);
}

/** What can become visible next of what a process has stored. */
export function arrivals(
  memory: Memory,
  process: number,
): { readonly memory: Memory; readonly text: string }[] {
  const queue = memory.queues[process]!;
  const results: { memory: Memory; text: string }[] = [];
  for (const [index, { word, value, isAtomic }] of queue.entries()) {
    if (index > 0 && (memory.order === "x64" || isAtomic)) continue;
    if (queue.findIndex((other) => other.word === word) < index) continue;
    let next = withQueue(
      memory,
      process,
      queue.filter((_store, at) => at !== index),
    );
    next = withWord(next, process, word, value);
    const unseen = next.unseen[process]!;
    if (isAtomic && unseen.length > 0)
      next = withUnseen(next, process, [
        ...unseen.filter((change) => change.word !== -1),
        { word: -1, before: 0 },
      ]);
    results.push({ memory: next, text: `its ${value} arrives in ${word}` });
  }
  return results;
}

/** The queue of a process that dies is written all the same: the processor lives. */
export function drain(memory: Memory, process: number): Memory {
  let drained = memory;
  for (let next = arrivals(drained, process)[0]; next !== undefined; next = arrivals(drained, process)[0])
    drained = next.memory;
  return drained.unseen[process]!.length === 0 ? drained : withUnseen(drained, process, []);
}

function withWord(memory: Memory, process: number, word: number, value: number): Memory {
  const before = memory.words[word]!;
  const words = memory.words.slice();
  words[word] = value;
  const { order, queues } = memory;
  if (order !== "arm64" || value === before) return { order, words, queues, unseen: memory.unseen };
  const unseen = memory.unseen.map((list, index) =>
    index === process ? list.filter((change) => change.word !== word) : [...list, { word, before }],
  );
  return { order, words, queues, unseen };
}

function withQueue(memory: Memory, process: number, queue: readonly Store[]): Memory {
  const { order, words, queues, unseen } = memory;
  return { order, words, queues: queues.map((other, index) => (index === process ? queue : other)), unseen };
}

function withUnseen(memory: Memory, process: number, list: readonly Unseen[]): Memory {
  const { order, words, queues, unseen } = memory;
  return { order, words, queues, unseen: unseen.map((other, index) => (index === process ? list : other)) };
}
