// Polls whose objects nobody holds, collected again and again while events come in.
import { loadCore, Poll, READABLE } from "../../../../src/native/binding.js";

const core = loadCore();
const collect = globalThis.gc;
if (collect === undefined) throw new Error("run with --expose-gc");
const pair = new Int32Array(2);
let events = 0;

function watch(): number {
  core.pipe(pair, 0);
  const [reader = -1, writer = -1] = pair;
  const poll = new Poll(reader, () => {
    core.drain(reader);
    events++;
    if (events === 100) {
      console.log(`events ${events}`);
      closeAll();
    }
  });
  poll.set(READABLE);
  closers.push(() => poll.close());
  return writer;
}

// Weak, so that this list keeps no Poll alive: what does is the core.
const closers: (() => void)[] = [];
function closeAll(): void {
  for (const close of closers) close();
  for (let i = 0; i < 5; i++) collect?.();
  console.log("closed");
}

function watchUnheld(): number {
  core.pipe(pair, 0);
  const [reader = -1, writer = -1] = pair;
  const poll = new Poll(reader, () => {
    core.drain(reader);
    events++;
    poll.close();
  });
  poll.set(READABLE);
  return writer;
}

const unheld = Array.from({ length: 50 }, () => watchUnheld());
for (let i = 0; i < 10; i++) collect();
for (const writer of unheld) core.write(writer, Buffer.from("x"), 0, 1);
setImmediate(() => {
  for (let i = 0; i < 5; i++) collect();
  const held = Array.from({ length: 50 }, () => watch());
  for (let i = 0; i < 5; i++) collect();
  for (const writer of held) core.write(writer, Buffer.from("x"), 0, 1);
});
