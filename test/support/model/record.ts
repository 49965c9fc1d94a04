/** A record in shared memory, as processes of a model: the real steps of record-protocol.ts, and around them the reads and writes of two fields as SharedRecord does them. */
import { SEQUENCE } from "../../../src/mechanisms/shared-buffer/layout/record-protocol.js";
import type { Program, Specification } from "./explore.js";
import { type Changes, loadVariant } from "./variant.js";

const protocol = "mechanisms/shared-buffer/layout/record-protocol.ts";
const order = "mechanisms/shared-buffer/memory-order.ts";

/** The code of a record, as it is or with a fault. */
export interface RecordCode {
  beginRead(words: Int32Array): number;
  endRead(words: Int32Array, sequence: number): boolean;
  beginWrite(words: Int32Array): number;
  endWrite(words: Int32Array, sequence: number): void;
}

/** Loads it. `faults`: what is replaced by what in record-protocol.ts. */
export async function recordCode(inOrder = true, faults: Changes[string] = []): Promise<RecordCode> {
  return loadVariant<RecordCode>([protocol, order], {
    [protocol]: faults,
    [order]: [['process.arch === "x64"', String(inOrder)]],
  });
}

/** The first word of the copy that is current at an even sequence, and at an odd one. Each has two fields. */
const EVEN = 8;
const ODD = 10;
export const RECORD_WORDS = 12;

const second = (sequence: number): number => sequence ^ 0x55;

/** What the words hold after the write that made the sequence this one. */
export function recordAt(sequence: number): Record<number, number> {
  const copy = (sequence & 1) === 0 ? EVEN : ODD;
  return { [SEQUENCE]: sequence, [copy]: sequence, [copy + 1]: second(sequence) };
}

/** Writes so often: each time both fields, after a copy of all that was. */
export function recordWriter(code: RecordCode, writes: number): Program {
  return (process) => {
    const { words } = process;
    for (let write = 0; write < writes; write++) {
      process.settle(write);
      const sequence = code.beginWrite(words);
      const [from, to] = (sequence & 1) === 1 ? [ODD, EVEN] : [EVEN, ODD];
      for (const field of [0, 1]) words[to + field] = words[from + field]!;
      const next = (sequence + 1) | 0;
      words[to] = next;
      words[to + 1] = second(next);
      code.endWrite(words, sequence);
    }
    process.settle("done");
  };
}

/** Reads so often. */
export function recordReader(code: RecordCode, reads: number): Program {
  return (process) => {
    const { words } = process;
    for (let read = 0; read < reads; read++) {
      for (;;) {
        process.settle(read);
        const sequence = code.beginRead(words);
        const copy = (sequence & 1) === 0 ? EVEN : ODD;
        const fields = [words[copy], words[copy + 1]];
        if (!code.endRead(words, sequence)) continue;
        if (fields[0] !== sequence || fields[1] !== second(sequence))
          throw new Error(`at ${sequence} the fields are torn: ${fields.join(" and ")}`);
        process.tell(`reads ${sequence}`);
        break;
      }
    }
    process.settle("done");
  };
}

/** What a record promises: nobody sees a write after which he has seen a later one. */
export function inSequence(processes: number, begin: number): Specification<readonly number[]> {
  return {
    facts: Array.from({ length: processes }, () => begin),
    event(seen, id, text) {
      const sequence = Number(text.split(" ")[1]);
      if (((sequence - seen[id - 1]!) | 0) < 0)
        throw new Error(`${id} reads what was before ${seen[id - 1]}: ${sequence}`);
      return seen.map((last, index) => (index === id - 1 ? sequence : last));
    },
    death: (seen) => seen,
  };
}
