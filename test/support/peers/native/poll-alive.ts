// Whether a Poll on a pipe in which nothing happens keeps this process alive.
import { loadCore, Poll, READABLE } from "../../../../src/native/binding.js";

const core = loadCore();
const pair = new Int32Array(2);
core.pipe(pair, 0);
const poll = new Poll(pair[0] ?? -1, () => undefined);
poll.set(READABLE);
const mode = process.argv[2];
if (mode === "unref") poll.unref();
else if (mode === "unref-ref") poll.unref().ref();
else if (mode === "stopped") poll.set(0);
else if (mode === "closed") poll.close();
else if (mode !== "watching") throw new Error(`unknown mode ${String(mode)}`);

// The loop that has nothing to wait for emits "beforeExit" at once; this one may run only if it does not.
const patience = setTimeout(() => {
  console.log("timeout");
  poll.close();
}, 300);
patience.unref();
let ended = false;
process.on("beforeExit", () => {
  if (!ended && !poll.isClosed) console.log("exit");
  else if (mode === "closed" && !ended) console.log("exit");
  ended = true;
});
