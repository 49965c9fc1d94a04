// A Poll whose callback throws each time.
import { loadCore, Poll, READABLE } from "../../../../src/native/binding.js";

const core = loadCore();
const pair = new Int32Array(2);
core.pipe(pair, 0);
const [reader = -1, writer = -1] = pair;
core.write(writer, Buffer.from("x"), 0, 1);
const poll = new Poll(reader, () => {
  throw new Error("thrown in a callback");
});
poll.set(READABLE);
if (process.argv[2] === "handled") {
  let count = 0;
  process.on("uncaughtException", (error) => {
    console.log(`uncaught: ${error.message}`);
    count++;
    if (count === 3) poll.close();
  });
}
