// The other side of test/native/faults/faults.c: a file that the core has mapped, with rules for what is to go wrong and counts of what was called. The layout is
// told there.
import { openSync, readSync, writeSync } from "node:fs";

/** How a call goes wrong. */
export type Kind = "fail" | "short" | "late" | "fail-after";

/** One fault: the `nth` occurrence of a call since the rules were set, and `times` occurrences in a row. */
export interface Rule {
  readonly call: string;
  readonly nth: number;
  readonly times?: number;
  readonly kind: Kind;
  /** An errno for failures; what a short call is divided by (0: one byte is left); milliseconds for a late one. */
  readonly value: number;
}

const MOST_RULES = 4;
const RULES_AT = 32;
const RULE_BYTES = 32;
const FIRED_IN_RULE = 20;
const COUNTS_AT = RULES_AT + MOST_RULES * RULE_BYTES;
const CALL_ROOM = 128;
const NAMES_AT = COUNTS_AT + 4 * CALL_ROOM;
const NAME_ROOM = 24;

/** The size of the file, which is to be there before the core is loaded. */
export const PAGE_BYTES: number = NAMES_AT + CALL_ROOM * NAME_ROOM;

const kinds: Readonly<Record<Kind, number>> = { fail: 1, short: 2, late: 3, "fail-after": 4 };

/** Sets faults of this process's core, and counts its calls. */
export class Injector {
  readonly #fd: number;
  readonly #page = Buffer.alloc(PAGE_BYTES);
  readonly #calls: readonly string[];
  #rules = 0;

  /** @param path - the file that `SLUICE_FAULTS` named when the core was loaded */
  constructor(path: string) {
    this.#fd = openSync(path, "r+");
    this.#read();
    const count = this.#page.readUInt32LE(4);
    if (count === 0) throw new Error(`The core has not mapped ${path}: it is no build with --faults`);
    this.#calls = Array.from({ length: count }, (_, call) => {
      const at = NAMES_AT + call * NAME_ROOM;
      return this.#page.toString("latin1", at, this.#page.indexOf(0, at));
    });
  }

  /** From now on calls are counted, and go wrong as the rules say. */
  arm(rules: readonly Rule[]): void {
    if (rules.length > MOST_RULES) throw new RangeError(`There is room for ${MOST_RULES} rules`);
    this.#rules = rules.length;
    this.#page.fill(0, 0, 4);
    this.#page.fill(0, RULES_AT, NAMES_AT);
    for (const [index, rule] of rules.entries()) {
      const at = RULES_AT + index * RULE_BYTES;
      const call = this.#calls.indexOf(rule.call);
      if (call < 0) throw new RangeError(`The core makes no call "${rule.call}"`);
      this.#page.writeUInt32LE(kinds[rule.kind], at);
      this.#page.writeUInt32LE(call, at + 4);
      this.#page.writeUInt32LE(rule.nth, at + 8);
      this.#page.writeUInt32LE(rule.times ?? 1, at + 12);
      this.#page.writeInt32LE(rule.value, at + 16);
    }
    writeSync(this.#fd, this.#page, 0, NAMES_AT, 0);
    this.#setArmed(1);
  }

  /** Nothing goes wrong any more. Tells how often each rule struck. */
  disarm(): number[] {
    this.#setArmed(0);
    this.#read();
    return Array.from({ length: this.#rules }, (_, index) =>
      this.#page.readUInt32LE(RULES_AT + index * RULE_BYTES + FIRED_IN_RULE),
    );
  }

  /** How often each call occurred between `arm` and `disarm`. */
  counts(): Record<string, number> {
    const counted = this.#calls.map((name, call): [string, number] => [
      name,
      this.#page.readUInt32LE(COUNTS_AT + 4 * call),
    ]);
    return Object.fromEntries(counted.filter(([, count]) => count > 0));
  }

  #read(): void {
    readSync(this.#fd, this.#page, 0, PAGE_BYTES, 0);
  }

  #setArmed(armed: number): void {
    this.#page.writeUInt32LE(armed, 0);
    writeSync(this.#fd, this.#page, 0, 4, 0);
  }
}
