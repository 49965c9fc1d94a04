/**
 * A stream with an abort: a server follows a log, and stops when the client has seen enough. The producer waits at its `yield` until the client
 * wants more, so that a slow reader costs no memory.
 */
import { setTimeout as delay } from "node:timers/promises";
import { UnixSocket } from "sluice";
import { type CallContext, createClient, serve } from "sluice/rpc";

const log = {
  async *tail({ from }: { from: number }, { signal }: CallContext) {
    try {
      for (let line = from; !signal.aborted; line++) {
        yield `line ${line}`;
        await delay(5, undefined, { signal });
      }
    } finally {
      console.log("server: nobody follows the log any more");
    }
  },
};

const path = `/tmp/sluice-log-tail-${process.pid}.sock`;
await using server = serve(await UnixSocket.listen(path), log);
await using client = createClient<typeof log>(await UnixSocket.connect(path));

const enough = new AbortController();
try {
  for await (const line of client.tail({ from: 40 }, { signal: enough.signal })) {
    console.log("client:", line);
    if (line === "line 42") enough.abort(new Error("seen enough"));
  }
} catch (error) {
  console.log("client:", (error as Error).message);
}
console.log("peers:", server.peers);
