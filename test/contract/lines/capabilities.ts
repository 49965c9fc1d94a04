import { describe, expect, it } from "vitest";
import type { SendOptions } from "sluice";
import type { End } from "../maker.js";
import { codeOf, openPair, type Subject, within } from "../subject.js";
import { compose, verify } from "../traffic.js";

const UNSUPPORTED: object = expect.objectContaining({ code: "ERR_UNSUPPORTED" }) as object;
const OPTIONS: Readonly<Required<Pick<SendOptions, "to" | "priority" | "type" | "handles">>> = {
  to: "/nowhere",
  priority: 1,
  type: 1,
  handles: [0],
};

/** What the traits deny fails with ERR_UNSUPPORTED; it is never silently different. */
export function capabilityLines(subject: Subject): void {
  describe("what a mechanism cannot do fails with ERR_UNSUPPORTED", () => {
    for (const [name, value] of Object.entries(OPTIONS)) {
      if ((subject.maker.capabilities as readonly string[]).includes(name)) continue;
      it(`send and sendMany with options.${name}`, async () => {
        await using pair = await openPair(subject);
        const { sender, receiver } = pair;
        const options = { [name]: value };
        await expect(sender.send(compose(7, 50), options)).rejects.toEqual(UNSUPPORTED);
        await expect(sender.sendMany([compose(7, 50)], options)).rejects.toThrow(`options.${name}`);
        await sender.send(compose(0, 50));
        verify(await within("the message without it", receiver.receive()), 0, 50);
      });
    }

    it("says in its traits whether descriptors can travel", async () => {
      await using pair = await openPair(subject);
      expect(pair.sender.traits.passesHandles).toBe(subject.maker.capabilities.includes("handles"));
    });

    if (!subject.maker.capabilities.includes("type")) receivingByType(subject);

    it("the direction in which an end does not carry messages", async () => {
      await using pair = await openPair(subject);
      for (const end of [pair.sender, pair.receiver]) {
        const { direction } = end.traits;
        if (direction === "send") await expectNoReceiving(end);
        else if (direction === "receive") await expectNoSending(end);
        else expect(direction).toBe("both");
        expect(end.state).toBe("open");
      }
      await pair.sender.send(compose(0, 50));
      verify(await within("a message", pair.receiver.receive()), 0, 50);
    });

    it("tells who sent a message exactly where the traits say so", async () => {
      await using pair = await openPair(subject);
      await pair.sender.send(compose(0, 50));
      const { credentials, handles } = await within("an envelope", pair.receiver.receiveEnvelope());
      expect(handles).toBeUndefined();
      if (pair.receiver.traits.peerIdentity === "none") expect(credentials).toBeUndefined();
      else expect(credentials).toMatchObject({ pid: process.pid, uid: process.getuid?.() });
    });
  });
}

function receivingByType(subject: Subject): void {
  it("receive, receiveMany and receiveEnvelope with options.type", async () => {
    await using pair = await openPair(subject);
    const { sender, receiver } = pair;
    await sender.send(compose(0, 50));
    await expect(receiver.receive({ type: 1 })).rejects.toEqual(UNSUPPORTED);
    await expect(receiver.receiveMany({ type: 1 })).rejects.toEqual(UNSUPPORTED);
    await expect(receiver.receiveEnvelope({ type: 1 })).rejects.toEqual(UNSUPPORTED);
    verify(await within("the message", receiver.receive()), 0, 50);
  });
}

async function expectNoReceiving(end: End): Promise<void> {
  for (const code of [end.receive(), end.receiveMany(), end.receiveEnvelope()].map(codeOf))
    expect(await code).toBe("ERR_UNSUPPORTED");
  expect(() => end.tryReceive()).toThrow(UNSUPPORTED);
  const iterating = (async () => {
    for await (const _ of end) throw new Error("there was a message");
  })();
  // An iteration that could never begin must not cost the sender its channel.
  expect(await codeOf(iterating)).toBe("ERR_UNSUPPORTED");
}

async function expectNoSending(end: End): Promise<void> {
  expect(await codeOf(end.send(compose(0, 50)))).toBe("ERR_UNSUPPORTED");
  expect(await codeOf(end.sendMany([compose(0, 50)]))).toBe("ERR_UNSUPPORTED");
  expect(() => end.trySend(compose(0, 50))).toThrow(UNSUPPORTED);
}
