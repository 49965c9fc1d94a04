/**
 * Calls: a calculator served over a Unix socket, and a client that knows its types.
 *
 *     npx tsx examples/calculator.ts
 */
import { UnixSocket } from "sluice";
import { createClient, serve } from "sluice/rpc";

const calculator = {
  add: ({ a, b }: { a: number; b: number }) => ({ sum: a + b }),
  divide({ a, b }: { a: number; b: number }) {
    if (b === 0) throw Object.assign(new RangeError("cannot divide by zero"), { code: "E_ZERO" });
    return a / b;
  },
};

const path = `/tmp/sluice-calculator-${process.pid}.sock`;
await using server = serve(await UnixSocket.listen(path), calculator);
await using client = createClient<typeof calculator>(await UnixSocket.connect(path));

console.log("1 + 2 =", (await client.add({ a: 1, b: 2 })).sum);
console.log("1 / 0 :", await client.divide({ a: 1, b: 0 }).catch((error: unknown) => String(error)));
console.log("peers :", server.peers);
