// A server that is started by whoever calls it, over standard input and output: with the framing of LSP, or (lines) of the Model Context Protocol.
import { AnonymousPipe, contentLength, lines } from "sluice";
import { serve } from "sluice/rpc";

const framing = process.argv[2] === "lines" ? lines() : contentLength();
const methods = {
  add: ({ a, b }: { a: number; b: number }) => ({ sum: a + b }),
  fail: () => {
    throw Object.assign(new Error("it cannot be"), { code: 7 });
  },
};
const server = serve(AnonymousPipe.stdio({ framing }), methods, { protocol: "json-rpc" });
await server.closed;
console.error("served");
