import { inspect } from "node:util";
import { expect, test } from "vitest";
import { MemoryChannel, UnixSocket } from "../../src/index.js";

test("a channel is shown by what it is to its user", async () => {
  const [left, right] = MemoryChannel.pair();
  expect(inspect(left)).toBe(
    "Channel {\n  mechanism: 'memory',\n  direction: 'both',\n  address: undefined,\n  state: 'open'\n}",
  );
  left.destroy();
  right.destroy();
  await left.closed;
  expect(inspect(left)).toContain("state: 'closed'");
});

test("so is a listener, and it says when it is closed", async () => {
  const address = `\0sluice-inspect-${process.pid}`;
  const listener = await UnixSocket.listen(address);
  expect(inspect(listener, { breakLength: Infinity })).toBe(
    `Listener { mechanism: 'unix-stream', address: ${inspect(address)}, state: 'open' }`,
  );
  await listener.close();
  expect(inspect(listener)).toContain("state: 'closed'");
});
