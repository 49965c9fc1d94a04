// How the programs of test/campaign/load are told what to do: a line `[command, argument]` in, a line of JSON out.
import { createInterface } from "node:readline";

/** Commands by name. */
export type CommandTable = Readonly<Record<string, (argument: never) => unknown>>;

/** Carries out one command after the other until standard input ends. A command that throws ends the process: the test shows its standard error. */
export async function answerCommands(table: CommandTable): Promise<void> {
  for await (const line of createInterface({ input: process.stdin })) {
    const [name, argument] = JSON.parse(line) as [string, never];
    const command = table[name];
    if (command === undefined) throw new TypeError(`there is no command ${JSON.stringify(name)}`);
    console.log(JSON.stringify((await command(argument)) ?? null));
  }
}

/** Bytes of memory that are in use, after a full collection; `--expose-gc` must be among the options of Node. */
export function liveBytes(): number {
  if (globalThis.gc === undefined) throw new Error("this program must run with --expose-gc");
  // Twice: finalizers of the first run let go of what the second one takes.
  globalThis.gc();
  globalThis.gc();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
