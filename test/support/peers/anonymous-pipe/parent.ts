// Starts a child that says when the channel has ended, and waits to be killed.
import { AnonymousPipe, lines, text } from "sluice";

const script = `import os
while os.read(3, 65536): pass
print("the child has seen the end", flush=True)
try:
    while os.write(4, b"x" * 65536): pass
except BrokenPipeError:
    print("and nobody reads what it writes", flush=True)`;
const { channel } = AnonymousPipe.spawn("python3", ["-c", script], {
  framing: lines(),
  codec: text(),
});
await channel.send("hello");
console.log("ready");
await channel.receive();
