// Opens a FIFO to write and sends `count` messages "name:index:xxx…" of `size` bytes (0: without end). Then waits to be told to close.
import { once } from "node:events";
import { NamedPipe } from "sluice";

const [path = "", name = "", count = "", size = "", writers = ""] = process.argv.slice(2);
const writer = await NamedPipe.openWriter(path, { writers: writers === "many" ? "many" : "single" });
console.log("open");
for (let index = 0; count === "0" || index < Number(count); index++) {
  await writer.send(Buffer.from(`${name}:${index}:`.padEnd(Number(size), "x")));
}
await writer.flush();
console.log("sent");
await once(process.stdin, "data");
await writer.close();
process.stdin.destroy();
