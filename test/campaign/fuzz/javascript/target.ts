// What a target of the fuzzer in JavaScript is, and what targets share.
import { ChannelError } from "../../../../src/index.js";

/** Code that reads bytes which somebody else has written. */
export interface Target {
  readonly name: string;
  /** Inputs to begin with. */
  readonly seeds: readonly (string | Buffer)[];
  /** What stands in such inputs. */
  readonly words: readonly (string | Buffer)[];
  /** Gives it one input. Throws when a rule is broken. */
  run(input: Buffer): void;
}

/** Throws unless the rule holds. */
export function require(rule: boolean, what: string): void {
  if (!rule) throw new Error(`broken: ${what}`);
}

/** What `action` gives; `undefined` when it throws an error of one of these classes, or a ChannelError of one of these codes. Throws all other errors. */
export function allow<T>(
  kinds: readonly ((new (...parameters: never[]) => Error) | string)[],
  action: () => T,
): T | undefined {
  try {
    return action();
  } catch (error) {
    for (const kind of kinds) {
      if (
        typeof kind === "string"
          ? error instanceof ChannelError && error.code === kind
          : error instanceof kind
      )
        return undefined;
    }
    throw error;
  }
}

/** Reads the first bytes of an input as choices, and the rest as what it is about. */
export class Choices {
  #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get rest(): Buffer {
    return this.#bytes;
  }

  /** A number below `limit`; 0 at the end. */
  below(limit: number): number {
    const [first = 0] = this.#bytes;
    this.#bytes = this.#bytes.subarray(1);
    return first % limit;
  }

  of<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }

  /** Up to this many bytes. */
  bytes(most: number): Buffer {
    const taken = this.#bytes.subarray(0, this.below(most + 1));
    this.#bytes = this.#bytes.subarray(taken.length);
    return taken;
  }

  text(most = 40): string {
    return this.bytes(most).toString("utf8");
  }
}
