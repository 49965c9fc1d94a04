/**
 * Promises of a model: their jobs run when the model says so, within the step that lets them run. What `variant.ts` loads has these instead of the global ones, and `async` functions are made of them.
 */

type Settled = { readonly value: unknown } | { readonly reason: unknown };
type Then = ((value: never) => unknown) | null | undefined;

let jobs: (() => void)[] = [];
/** Those that were rejected before anybody looked at them. */
let unheard = new Set<ModelPromise<unknown>>();

export class ModelPromise<T> {
  #settled: Settled | undefined;
  #isDecided = false;
  #reactions: (() => void)[] = [];

  constructor(
    executor: (fulfil: (value: T | PromiseLike<T>) => void, reject: (reason: unknown) => void) => void,
  ) {
    const reject = (reason: unknown): void => {
      if (this.#isDecided) return;
      this.#isDecided = true;
      this.#settle({ reason });
    };
    const fulfil = (value: unknown): void => {
      if (this.#isDecided) return;
      this.#isDecided = true;
      if (!(value instanceof ModelPromise)) {
        this.#settle({ value });
        return;
      }
      jobs.push(() => {
        value.then(
          (inner) => {
            this.#settle({ value: inner });
          },
          (reason: unknown) => {
            this.#settle({ reason });
          },
        );
      });
    };
    try {
      executor(fulfil, reject);
    } catch (error) {
      reject(error);
    }
  }

  static resolve(value?: unknown): ModelPromise<unknown> {
    return value instanceof ModelPromise
      ? value
      : new ModelPromise((fulfil) => {
          fulfil(value);
        });
  }

  static reject(reason: unknown): ModelPromise<never> {
    return new ModelPromise<never>((_fulfil, reject) => {
      reject(reason);
    });
  }

  then(fulfilled?: Then, rejected?: Then): ModelPromise<unknown> {
    unheard.delete(this);
    return new ModelPromise((fulfil, reject) => {
      const react = (): void => {
        const settled = this.#settled!;
        const isFulfilled = "value" in settled;
        const handler = isFulfilled ? fulfilled : rejected;
        const outcome = isFulfilled ? settled.value : settled.reason;
        try {
          if (typeof handler === "function") fulfil(handler(outcome as never));
          else if (isFulfilled) fulfil(outcome);
          else reject(outcome);
        } catch (error) {
          reject(error);
        }
      };
      if (this.#settled === undefined) this.#reactions.push(react);
      else jobs.push(react);
    });
  }

  #settle(settled: Settled): void {
    this.#settled = settled;
    if ("reason" in settled && this.#reactions.length === 0) unheard.add(this);
    jobs.push(...this.#reactions);
    this.#reactions = [];
  }

  /** Why it was rejected. */
  static reasonOf(promise: ModelPromise<unknown>): unknown {
    const settled = promise.#settled;
    return settled !== undefined && "reason" in settled ? settled.reason : undefined;
  }
}

/** Forgets the jobs of a process that was stopped. */
export function forgetJobs(): void {
  jobs = [];
  unheard = new Set();
}

/** Runs all jobs, and those that they make. Throws what a promise was rejected with that nobody looks at. */
export function runJobs(): void {
  for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) job();
  const [first] = unheard;
  if (first !== undefined) throw ModelPromise.reasonOf(first);
}
