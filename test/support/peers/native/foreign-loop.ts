// Polls of a process that takes itself for Bun or Deno: a thread of the core watches for them.
import { closeSync, openSync } from "node:fs";

const [, , runtime = ""] = process.argv;
const versions = { ...process.versions, [runtime]: "1.0.0" };
Object.defineProperty(process, "versions", { value: versions });
const { DISCONNECT, loadCore, Poll, READABLE, SOCK_STREAM, WRITABLE } =
  await import("../../../../src/native/binding.js");
const core = loadCore();

type Told = readonly [status: number, events: number];

/** What the Poll tells next, of these events. */
function told(poll: { set(events: number): void }, events: number): Promise<Told> {
  poll.set(events);
  return new Promise((resolve) => (tell = resolve));
}

let tell: (told: Told) => void = () => undefined;
const watch = (fd: number) => new Poll(fd, (status, events) => tell([status, events]));
const byte = new Uint8Array(1);

const pair = new Int32Array(2);
core.socketPair(SOCK_STREAM, pair);
const [left = -1, right = -1] = pair;
const poll = watch(right);
core.write(left, byte, 0, 1);
// Level-triggered: nobody reads in between.
console.log(`ready ${(await told(poll, READABLE)).join()} and again ${(await told(poll, READABLE)).join()}`);
core.read(right, byte, 0, 1);
console.log(`writable ${(await told(poll, READABLE | WRITABLE)).join()}`);
core.close(left);
console.log(`the other side has gone ${(await told(poll, READABLE | DISCONNECT)).join()}`);
poll.set(0);

const pipe = new Int32Array(2);
core.pipe(pipe, 0);
const [reader = -1, writer = -1] = pipe;
const failing = watch(writer);
core.close(reader);
console.log(`an error ${(await told(failing, DISCONNECT)).join()}`);
failing.close();
core.close(writer);

/** The code of the error. */
const refused = (open: () => unknown): unknown => {
  try {
    return open();
  } catch (error) {
    return (error as { code?: string }).code;
  }
};
const file = openSync(import.meta.filename, "r");
console.log(
  `a second Poll ${String(refused(() => watch(right)))}, a file on disk ${String(refused(() => watch(file)))}`,
);
closeSync(file);
const idle = watch(core.eventfd());
idle.set(READABLE);
idle.unref();
