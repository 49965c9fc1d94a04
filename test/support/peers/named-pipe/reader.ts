// Opens a FIFO to read and says how many bytes each message had, until the end.
import { NamedPipe } from "sluice";

const [path = "", keepOpen = ""] = process.argv.slice(2);
const reader = await NamedPipe.openReader(path, { keepOpen: keepOpen === "keep" });
console.log("open");
let first = true;
for await (const message of reader) {
  if (first) console.log(`first ${message.length}`);
  first = false;
}
console.log("end");
