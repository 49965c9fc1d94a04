import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { startPeer } from "../../support/child.js";
import { memoryFactor, slowness } from "../../support/sanitized.js";
import { RemoteEnd } from "../../support/remote-end.js";
import { settledDescriptors } from "../../support/settled-descriptors.js";
import { openAcross, type Role } from "../lines/across.js";
import type { EndName, Maker, Way } from "../maker.js";
import { scratch, type Subject, within } from "../subject.js";
import { type Outcome, type Plan, receiveToEnd, sendToEnd } from "../traffic.js";

const MEBIBYTE = 1024 * 1024;
const CYCLES = 10_000;
const KILLS = 200;
/** How many pairs of processes are at it at a time. */
const LANES = 4;

/** What takes long: floods, kill loops, and thousands of openings. Processes of their own are measured, so that the test's memory does not count. */
export function describeEndurance(maker: Maker): void {
  const cycles = maker.cycles ?? CYCLES;
  describe(`${maker.name}, endurance`, () => {
    it(
      `${cycles} open and close cycles leave descriptors and mappings as before and keep less than 20 MB`,
      { timeout: 240_000 },
      async () => {
        using directory = scratch(maker);
        const args = [maker.name, directory.path, String(cycles)];
        await using peer = startPeer("contract-cycles", args, { execArgv: ["--max-semi-space-size=1"] });
        const line = await within(`${cycles} cycles`, peer.nextLine(), 230_000);
        const grown = JSON.parse(line) as { cycles: number; descriptors: number; residentBytes: number };
        expect(grown).toMatchObject({ cycles, descriptors: 0 });
        expect(grown.residentBytes).toBeLessThan(20e6 * memoryFactor);
        expect(await within("the process to end", peer.exit), peer.stderr).toEqual({ code: 0, signal: null });
      },
    );
    if (!maker.twoProcesses) return;

    it(
      `a flood of 5 s against a stalled receiver costs neither side 64 MB (${maker.ways.join(", ")})`,
      { timeout: 60_000 },
      async () => {
        await Promise.all(maker.ways.map((way) => flood({ maker, way })));
      },
    );

    // Of what may be lost there is no prefix to be verified, and nobody is told of the other's end.
    if (maker.reliable === false) return;

    it(
      `kill -9 in mid-traffic, ${KILLS} times: the other side ends or fails within 1 s, and has a whole prefix`,
      { timeout: 400_000 },
      async () => {
        await killOnce(maker, 0);
        const before = await settledDescriptors();
        let next = 0;
        await Promise.all(
          Array.from({ length: LANES }, async () => {
            while (next < KILLS) await killOnce(maker, next++);
          }),
        );
        expect(await settledDescriptors(), "descriptors open after all of it").toBe(before);
      },
    );
  });
}

async function flood({ maker, way }: Subject): Promise<void> {
  using directory = scratch(maker);
  const bequests = maker.bequeath?.();
  const start = (end: EndName): RemoteEnd => {
    const remote = new RemoteEnd(maker.name, end, directory.path, {}, bequests?.[end].peerOptions);
    bequests?.[end].close();
    return remote;
  };
  await using first = start("first");
  await within("the first end to be ready", first.ready);
  await using second = start("second");
  await within("both ends", Promise.all([first.open, second.open]));
  const [sender, receiver] = way === "first-to-second" ? [first, second] : [second, first];
  const largest = maker.largestMessage ?? 60_000;
  const sizes = { seed: 6, least: 100, usual: Math.min(8000, largest), most: largest };
  // A sender that is never told to wait would be measured by the garbage of its own messages.
  const plan: Plan = maker.reliable === false ? { ...sizes, rotation: 256 } : sizes;
  const before = [sender.residentBytes, receiver.residentBytes];
  void sender.call("flood", { plan });
  const most = [0, 0];
  for (let tenths = 0; tenths < 50; tenths++) {
    await delay(100);
    for (const [index, end] of [sender, receiver].entries())
      most[index] = Math.max(most[index]!, end.residentBytes - before[index]!);
  }
  const [senderGrowth, receiverGrowth] = most;
  expect(senderGrowth, "growth of the sender in bytes").toBeLessThan(64 * MEBIBYTE);
  expect(receiverGrowth, "growth of the receiver in bytes").toBeLessThan(64 * MEBIBYTE);
  const sent = await within("the sender to answer", sender.call("progress", {}));
  expect(sent, "the flood has begun").toBeGreaterThan(0);
  if (maker.reliable === false) return;
  // What was held up arrives, and the sender goes on.
  const run = { plan, from: 0, to: sent + 500, manner: "many at once" } as const;
  await within("what was held up, and 500 more", receiver.call("receive", run));
}

/** A pair with traffic, one end of which is killed at some moment; the test is the other. */
async function killOnce(maker: Maker, index: number): Promise<void> {
  const role: Role = index % 2 === 0 ? "near sends" : "far sends";
  const way: Way = maker.ways[(index >> 1) % maker.ways.length]!;
  await using across = await openAcross({ maker, way }, role);
  const { near, far } = across;
  const plan: Plan = {
    seed: index,
    least: 8,
    usual: 3000,
    most: Math.min(near.traits.maxMessageSize, 60_000),
  };
  const moment = 1 + ((index * 37) % 400);
  let killed = 0;
  const progress = (count: number): void => {
    if (count < moment || killed > 0) return;
    killed = performance.now();
    far.kill("SIGKILL");
  };
  let pump: Promise<Outcome>;
  if (role === "near sends") {
    void far.call("receiveToEnd", { plan, from: 0 });
    pump = sendToEnd(near, plan, progress);
  } else {
    void far.call("flood", { plan });
    pump = receiveToEnd(near, plan, 0, progress);
  }
  expect(await within("the process to be killed", far.exit, 15_000)).toEqual({
    code: null,
    signal: "SIGKILL",
  });
  const sees = role === "far sends" ? maker.receiverSeesEnd : maker.senderSeesEnd !== false;
  if (!sees) {
    near.destroy();
    expect(await within("the end here to have verified a prefix", pump)).toMatchObject({
      code: "ERR_CHANNEL_CLOSED",
    });
    return;
  }
  const { code } = await within("the end here to notice", pump, 5000);
  expect(performance.now() - killed, "milliseconds until the end here has noticed").toBeLessThan(
    1000 * slowness,
  );
  expect(["ERR_PEER_DIED", "ERR_END_OF_CHANNEL", "ERR_MESSAGE_TRUNCATED"]).toContain(code);
}
