// Broadcasts numbered messages for ever: `writer PATH CAPACITY SIZE`.
import { SharedBuffer } from "sluice";
import { compose } from "../../../contract/traffic.js";

const [path = "", capacity = "65536", size = "100"] = process.argv.slice(2);
const sender = await SharedBuffer.broadcast(path.replace(/^@/, "\0"), { capacity: Number(capacity) });
console.log("open");
for (let sequence = 0; ; sequence++) {
  // Nobody begins to count in the middle.
  while (sender.followers === 0 && sequence === 0) await new Promise((resolve) => setImmediate(resolve));
  await sender.send(compose(sequence, Number(size)));
}
