import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { lines, UnixSocket, type UnixSocketChannel } from "sluice";
import { type Quota, quota, type QuotaLimits, type QuotaName } from "sluice/daemon";
import { serve } from "sluice/rpc";
import { until } from "../../mechanisms/unix-socket/support.js";
import { startPeer, startProgram } from "../../support/child.js";

const isRoot = process.geteuid?.() === 0;
const FLOODER = 65_534;
const POLITE = 65_533;
const script = readFileSync(new URL("../../support/peers/daemon/flood.py", import.meta.url), "utf8");
// Only root can be two users; another one still sees that it is limited itself.
const as = (uid: number) => (isRoot ? { uid, gid: uid } : {});

const methods = {
  echo: ({ text }: { text: string }) => text,
  wait: () => new Promise<void>((resolve) => setTimeout(resolve, 50)),
  much: () => "x".repeat(50_000),
};

test.each<[QuotaName, QuotaLimits]>([
  ["connections", { connections: 16 }],
  ["firstMessageTimeout", { firstMessageTimeout: 100 }],
  ["callsInFlight", { callsInFlight: 16 }],
  ["queuedBytes", { queuedBytes: 200_000 }],
  ["messagesPerSecond", { messagesPerSecond: 2000 }],
])(
  "while a user floods the daemon and meets its quota of %s, all calls of another succeed",
  async (way, given) => {
    const limits = quota(given);
    const name = `sluice-test-flood-${process.pid}-${way}`;
    await using server = serve(
      await UnixSocket.listen(`\0${name}`, { framing: lines(), allow: limits.allow }),
      methods,
      {
        protocol: "json-rpc",
        admit: limits.admit,
        onCall: limits.onCall,
        callTimeout: 1000,
        onError: () => undefined,
      },
    );
    await using flooder = startProgram("/usr/bin/python3", ["-c", script, name, way], as(FLOODER));
    await flooder.expectLine("flooding");
    await until(() => limits.overflows[way] > 0);
    if (isRoot) await expectNoHarm(name);
    const flood = limits.users.find(({ user }) => user === `uid:${isRoot ? FLOODER : process.geteuid?.()}`);
    expect(flood?.connections ?? 0).toBeLessThanOrEqual(given.connections ?? Infinity);
    flooder.kill("SIGKILL");
    await flooder.exit;
    await server.close({ deadline: 0 });
  },
);

async function expectNoHarm(name: string): Promise<void> {
  await using polite = startPeer("daemon/polite", [name, "100"], as(POLITE));
  const { failed, slowest } = JSON.parse(await polite.nextLine()) as { failed: number; slowest: number };
  expect([failed, polite.stderr]).toEqual([0, ""]);
  expect(slowest).toBeLessThan(2000);
}

test("a user who floods with descriptors never has more of them here than its quota", async () => {
  const limits = quota({ descriptors: 20 });
  const name = `sluice-test-flood-${process.pid}-descriptors`;
  await using listener = await UnixSocket.listen(`\0${name}`, {
    framing: lines(),
    allow: limits.allow,
    maxHandles: 8,
  });
  await using flooder = startProgram("/usr/bin/python3", ["-c", script, name, "descriptors"], as(FLOODER));
  let most = 0;
  const channels: UnixSocketChannel<Uint8Array, Buffer>[] = [];
  const accepting = (async () => {
    for await (const channel of listener) {
      channels.push(channel);
      void hoard(channel, limits, () => (most = Math.max(most, limits.users[0]?.descriptors ?? 0)));
    }
  })();
  await until(() => limits.overflows.descriptors > 3);
  expect(most).toBe(16);
  flooder.kill("SIGKILL");
  await flooder.exit;
  await listener.close();
  await accepting;
  for (const channel of channels) channel.destroy();
});

/** Keeps all descriptors that come; a peer with too many loses its channel. */
async function hoard(
  channel: UnixSocketChannel<Uint8Array, Buffer>,
  limits: Quota,
  kept: () => void,
): Promise<void> {
  try {
    for (;;) {
      const { handles = [] } = await channel.receiveEnvelope();
      limits.keep(channel, handles);
      kept();
    }
  } catch {
    channel.destroy();
  }
}
