// Calls a daemon again and again, one call after the other, and tells how that went.
import { lines, UnixSocket } from "sluice";
import { createClient } from "sluice/rpc";

const [name = "", count = "1"] = process.argv.slice(2);
const channel = await UnixSocket.connect(`\0${name}`, { framing: lines(), allow: "anyone" });
await using client = createClient<{ echo(input: { text: string }): string }>(channel, {
  protocol: "json-rpc",
});
let slowest = 0;
let failed = 0;
for (let n = 0; n < Number(count); n++) {
  const began = performance.now();
  try {
    if ((await client.echo({ text: `call ${n}` })) !== `call ${n}`) failed++;
  } catch (error) {
    if (failed++ === 0) console.error(error);
  }
  slowest = Math.max(slowest, performance.now() - began);
}
console.log(JSON.stringify({ failed, slowest }));
