import { readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { PeerOptions } from "../../support/child.js";
import { RemoteEnd } from "../../support/remote-end.js";
import type { End, EndOptions } from "../maker.js";
import { codeOf, scratch, type Scratch, type Subject, within } from "../subject.js";
import {
  type Plan,
  receivePlan,
  receiveToEnd,
  sendPlan,
  sendToEnd,
  verify,
  compose,
  sizeOf,
} from "../traffic.js";

/** One end here, the other in a second process. */
export interface Across extends AsyncDisposable {
  readonly near: End;
  readonly far: RemoteEnd;
  readonly directory: string;
}

/** Who sends: the end here or the one in the second process. */
export type Role = "near sends" | "far sends";

/** Opens an end here and one in a second process. */
export async function openAcross(
  { maker, way }: Subject,
  role: Role,
  nearOptions: EndOptions = {},
  farOptions: EndOptions = nearOptions,
  farProcess: PeerOptions = {},
): Promise<Across> {
  const directory: Scratch = scratch(maker);
  const farSends = role === "far sends";
  const farEnd = (way === "first-to-second") === farSends ? "first" : "second";
  const bequests = maker.bequeath?.();
  const startFar = (): RemoteEnd => {
    const bequest = bequests?.[farEnd];
    const peerOptions = { ...bequest?.peerOptions, ...farProcess };
    const remote = new RemoteEnd(maker.name, farEnd, directory.path, farOptions, peerOptions);
    bequest?.close();
    return remote;
  };
  let far: RemoteEnd;
  let near: End;
  if (farEnd === "first") {
    far = startFar();
    await within("the peer to be ready", far.ready);
    bequests?.second.claim();
    near = await within("the second end to open", maker.second(directory.path, nearOptions));
  } else {
    bequests?.first.claim();
    const first = await maker.first(directory.path, nearOptions);
    far = startFar();
    near = await within("the first end to open", first.channel);
  }
  await within("the peer's end to open", far.open);
  return {
    near,
    far,
    directory: directory.path,
    [Symbol.asyncDispose]: async () => {
      near.destroy();
      await within("the end here to be released", near.closed);
      await far[Symbol.asyncDispose]();
      const left = readdirSync(directory.path);
      directory[Symbol.dispose]();
      const allowed = new Set([...maker.leaves, ...maker.leavesWhenKilled]);
      expect(
        left.filter((name) => !allowed.has(name)),
        "files left by closed channels and killed processes",
      ).toEqual([]);
    },
  };
}

const GONE: readonly string[] = ["ERR_PEER_DIED", "ERR_END_OF_CHANNEL", "ERR_MESSAGE_TRUNCATED"];
const COUNT = 20_000;

/** The contract between two processes. */
export function acrossLines(subject: Subject): void {
  describe("between two processes", () => {
    for (const role of ["near sends", "far sends"] as const) {
      for (const manner of ["one by one", "many at once"] as const) {
        it(`carries ${COUNT} messages of random sizes, ${manner} (${role})`, async () => {
          await using across = await openAcross(subject, role);
          const { near, far } = across;
          const most = Math.min(near.traits.maxMessageSize, 64 * 1024);
          const plan: Plan = { seed: 1, least: 1, usual: 256, most };
          const run = { plan, from: 0, to: COUNT, manner };
          const done =
            role === "near sends"
              ? [far.call("receive", run), sendPlan(near, plan, 0, COUNT, manner)]
              : [far.call("send", run), receivePlan(near, plan, 0, COUNT, manner)];
          await within(`${COUNT} messages`, Promise.all(done), 55_000);
        });
      }

      it(`ends or fails within 1 s when the other process is killed in mid-traffic (${role})`, async () => {
        await using across = await openAcross(subject, role);
        const { near, far } = across;
        const most = Math.min(near.traits.maxMessageSize, 20_000);
        const plan: Plan = { seed: 2, least: 8, usual: 4000, most };
        let inMidTraffic!: () => void;
        const traffic = new Promise<void>((resolve) => (inMidTraffic = resolve));
        const progress = (reached: number): void => {
          if (reached >= 300) inMidTraffic();
        };
        const pump =
          role === "near sends"
            ? (void far.call("receiveToEnd", { plan, from: 0 }), sendToEnd(near, plan, progress))
            : (void far.call("flood", { plan }), receiveToEnd(near, plan, 0, progress));
        await within("300 messages", traffic);
        far.kill("SIGKILL");
        await within("the process to be gone", far.exit);
        if (role === "far sends" && !subject.maker.receiverSeesEnd) {
          expect(near.state, "a datagram socket is not told").toBe("open");
          return;
        }
        if (role === "near sends" && subject.maker.senderSeesEnd === false) {
          expect(near.state, "a queue has no peer").toBe("open");
          near.destroy();
          expect((await within("the sender to end", pump)).code).toBe("ERR_CHANNEL_CLOSED");
          return;
        }
        expect(GONE).toContain((await within("the end here to notice", pump, 1000)).code);
        await within("the end here to be released", near.closed, 1000);
      });

      it(`ends or fails when the other process exits without closing (${role})`, async () => {
        await using across = await openAcross(subject, role);
        const { near, far } = across;
        if (role === "far sends" && !subject.maker.receiverSeesEnd) {
          await far.call("send", { plan: SMALL, from: 0, to: 5, manner: "one by one" });
          void far.call("exit", { code: 3 });
          expect(await within("the exit", far.exit)).toEqual({ code: 3, signal: null });
          await within("what it had sent", receivePlan(near, SMALL, 0, 5, "one by one"));
          expect(await codeOf(near.receive({ timeout: 50 }))).toBe("ERR_TIMEOUT");
          return;
        }
        if (role === "near sends" && subject.maker.senderSeesEnd === false) {
          void far.call("exit", { code: 3 });
          expect(await within("the exit", far.exit)).toEqual({ code: 3, signal: null });
          await within("a send that others may receive", near.send(compose(0, 100)));
          return;
        }
        const pump = role === "near sends" ? sendToEnd(near, SMALL) : receiveToEnd(near, SMALL);
        void far.call("exit", { code: 3 });
        expect(await within("the exit", far.exit)).toEqual({ code: 3, signal: null });
        expect(GONE).toContain((await within("the end here to notice", pump, 1000)).code);
      });
    }

    it("delivers everything that was flushed before the sender's process ends", async () => {
      await using across = await openAcross(subject, "far sends");
      const { near, far } = across;
      const to = subject.maker.holds ?? 50;
      await within("the sends", far.call("send", { plan: SMALL, from: 0, to, manner: "many at once" }));
      void far.call("exit", { code: 0 });
      await within("the exit", far.exit);
      await within("all messages", receivePlan(near, SMALL, 0, to, "one by one"));
    });

    it("close delivers everything to a process that reads late, then the end", async () => {
      await using across = await openAcross(subject, "near sends", { sendQueue: { messages: 50_000 } });
      const { near, far } = across;
      const sent = (async () => {
        await sendPlan(near, SMALL, 0, 5000, "many at once");
        await near.close();
      })();
      if (subject.maker.receiverSeesEnd) {
        const outcome = await within("the peer", far.call("receiveToEnd", { plan: SMALL, from: 0 }));
        expect(outcome).toEqual({ count: 5000, code: "ERR_END_OF_CHANNEL" });
      } else {
        const run = { plan: SMALL, from: 0, to: 5000, manner: "many at once" } as const;
        await within("the peer", far.call("receive", run));
      }
      await within("close", sent);
    });

    it("refuses an incoming message over the limit of the receiver with ERR_MESSAGE_TOO_LARGE", async () => {
      await using across = await openAcross(subject, "far sends", { maxMessageSize: 5000 }, {});
      const { near, far } = across;
      const plan: Plan = { seed: 3, least: 6000, usual: 6000, most: 6000 };
      void far.call("send", { plan, from: 0, to: 1, manner: "one by one" });
      expect(["ERR_MESSAGE_TOO_LARGE", "ERR_MESSAGE_TRUNCATED"]).toContain(await codeOf(near.receive()));
      if (near.traits.boundaries === "kernel") {
        await far.call("send", { plan: SMALL, from: 0, to: 1, manner: "one by one" });
        verify(await within("a smaller message", near.receive()), 0, sizeOf(SMALL, 0));
      } else await within("the stream to be given up", near.closed);
    });

    if (subject.maker.ways.length === 2) {
      it("carries questions and answers", async () => {
        await using across = await openAcross(subject, "near sends");
        const { near, far } = across;
        const echoed = far.call("echo", {});
        for (let sequence = 0; sequence < 1000; sequence++) {
          await near.send(compose(sequence, 64));
          verify(await within(`answer ${sequence}`, near.receive()), sequence, 64);
        }
        await within("close", near.close());
        expect(await within("the peer's loop to end", echoed)).toBe(1000);
      });
    }
  });
}

const SMALL: Plan = { seed: 4, least: 10, usual: 300, most: 300 };
