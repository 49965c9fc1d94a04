/** Does an operation for real, and gives its result. */
export type Action = () => number;
/** Called for each atomic operation, instead of it, with its name and its arguments beside the array. */
export type OnStep = (name: string, operands: readonly number[], action: Action) => number;

const names = ["load", "store", "add", "sub", "and", "or", "exchange", "compareExchange"] as const;
type Operation = (array: Int32Array, index: number, ...operands: number[]) => number;

/** Makes each operation of `Atomics` a step, until it is disposed of. */
export class AtomicsAsSteps implements Disposable {
  readonly #originals = new Map<string, Operation>();

  // `memory` is what the operations work on, whatever array they are called with.
  constructor(memory: Int32Array, onStep: OnStep) {
    const atomics = Atomics as unknown as Record<string, Operation>;
    for (const name of names) {
      const original = atomics[name]!;
      this.#originals.set(name, original);
      atomics[name] = (_array, ...operands) =>
        onStep(name, operands, () => original(memory, ...(operands as [number])));
    }
  }

  [Symbol.dispose](): void {
    for (const [name, original] of this.#originals)
      (Atomics as unknown as Record<string, Operation>)[name] = original;
  }
}
