/** Arrays whose elements are words of a model: each access, by `Atomics` or without, is a step. */

/** Who does the steps. */
export interface Access {
  load(word: number, isAtomic: boolean, name: string): number;
  store(word: number, value: number, isAtomic: boolean): void;
  update(name: string, word: number, action: (value: number) => number): number;
}

/** Which word of the model an element is. Undefined: none, so an access to it would be one outside of the memory. */
export type Place = (index: number) => number | undefined;

type Operation = (array: object, index: number, ...operands: (number | bigint)[]) => number | bigint;

const updates: Readonly<Record<string, (value: number, operand: number) => number>> = {
  add: (value, operand) => (value + operand) | 0,
  sub: (value, operand) => (value - operand) | 0,
  and: (value, operand) => value & operand,
  or: (value, operand) => value | operand,
  exchange: (_value, operand) => operand,
};

interface Region {
  readonly place: Place;
  readonly isBig: boolean;
}

const regions = new WeakMap<object, Region>();
let current: Access | undefined;

/** The memory of one process. */
export class SharedWords {
  readonly #access: Access;
  readonly #fence: number;

  /** Atomic operations on other arrays are done to the word `fence`: they are made only for the order that they keep. */
  constructor(access: Access, fence: number) {
    this.#access = access;
    this.#fence = fence;
  }

  /** While its process runs: `Atomics` works on the model. */
  enter(): Disposable {
    const atomics = Atomics as unknown as Record<string, Operation>;
    const originals = new Map(Object.keys(operations).map((name) => [name, atomics[name]!]));
    current = this.#access;
    for (const [name, operation] of Object.entries(operations))
      atomics[name] = (array, index, ...operands) => {
        const region = regions.get(array);
        const word = region === undefined ? this.#fence : wordAt(region.place, index);
        // As a typed array converts.
        const values = operands.map((operand) =>
          region?.isBig === true ? Number(operand) : Number(operand) | 0,
        );
        const result = operation(word, values);
        return region?.isBig === true ? BigInt(result) : result;
      };
    return {
      [Symbol.dispose]: () => {
        current = undefined;
        for (const [name, original] of originals) atomics[name] = original;
      },
    };
  }
}

const operations: Readonly<Record<string, (word: number, operands: readonly number[]) => number>> = {
  load: (word) => access().load(word, true, "load"),
  store: (word, [value = 0]) => {
    access().store(word, value, true);
    return value;
  },
  compareExchange: (word, [expected = 0, value = 0]) =>
    access().update("compareExchange", word, (seen) => (seen === expected ? value : seen)),
  ...Object.fromEntries(
    Object.entries(updates).map(([name, update]) => [
      name,
      (word: number, [operand = 0]: readonly number[]) =>
        access().update(name, word, (value) => update(value, operand)),
    ]),
  ),
};

/** An Int32Array (or, for atomic operations alone, a BigInt64Array) over words of the model. */
export function arrayOver(place: Place, length: number, isBig = false): Int32Array {
  const proxy = new Proxy(Object.create(null) as Int32Array, {
    get: (_target, property) => {
      if (property === "length") return length;
      // What globals.ts asks of everything that a private field may hold.
      if (property === "modelState") return undefined;
      return access().load(wordAt(place, Number(property)), false, "read");
    },
    set: (_target, property, value) => {
      access().store(wordAt(place, Number(property)), Number(value) | 0, false);
      return true;
    },
  });
  regions.set(proxy, { place, isBig });
  return proxy;
}

/** Which word of the model an element of such an array is. */
export function wordOf(array: object, index: number): number {
  const region = regions.get(array);
  if (region === undefined) throw new Error("this array is none of the model's");
  return wordAt(region.place, index);
}

/** A Uint8Array that is filled by `set` alone, in whole words. */
export function bytesOver(place: Place, length: number): Pick<Uint8Array, "set" | "length"> {
  return {
    length,
    set: (source, at = 0) => {
      const bytes = Uint8Array.from(source);
      if (at % 4 !== 0 || bytes.length % 4 !== 0)
        throw new Error(`[${at}, ${at + bytes.length}) are not whole words`);
      const words = new DataView(bytes.buffer);
      for (let offset = 0; offset < bytes.length; offset += 4)
        access().store(wordAt(place, (at + offset) / 4), words.getInt32(offset, true), false);
    },
  };
}

function wordAt(place: Place, index: number): number {
  const word = place(index);
  if (word === undefined) throw new Error(`it reaches for element ${index}, which is outside of its memory`);
  return word;
}

function access(): Access {
  if (current === undefined) throw new Error("a word of a model is used while no process runs");
  return current;
}
