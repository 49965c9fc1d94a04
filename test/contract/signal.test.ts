import { type Channel, type ReceiveOptions, Signal, type SignalMessage } from "sluice";
import { describe, expect, it } from "vitest";
import { startPeer } from "../support/child.js";
import { memoryFactor, slowness } from "../support/sanitized.js";
import { codeOf, isPending, within } from "./subject.js";
import { openDescriptors } from "../support/open-descriptors.js";

type End = Channel<SignalMessage>;

const NAME = "SIGRTMIN+3";
const KILLS = 200;
const UNSUPPORTED: object = expect.objectContaining({ code: "ERR_UNSUPPORTED" }) as object;
const message = (value: number): SignalMessage => ({ signal: NAME, value });

/** A channel that sends to this process, and one that receives. */
function openPair(): { sender: End; receiver: End; [Symbol.asyncDispose](): Promise<void> } {
  const receiver: End = Signal.open([NAME]);
  const sender = Signal.open([], { peer: process.pid });
  return {
    sender,
    receiver,
    [Symbol.asyncDispose]: async () => {
      sender.destroy();
      receiver.destroy();
      await within("both ends to be released", Promise.all([sender.closed, receiver.closed]));
    },
  };
}

const CALLS: Record<string, (end: End, options?: ReceiveOptions) => Promise<unknown>> = {
  receive: (end, options) => end.receive(options),
  receiveMany: (end, options) => end.receiveMany(options),
  receiveEnvelope: (end, options) => end.receiveEnvelope(options),
};

/** The part of the contract that the traits of signals allow: they are neither ordered nor reliable among one another, and carry one number. */
describe("signal", () => {
  it("1. real-time signals of one name arrive in the order of send, exactly once, with their values", async () => {
    await using pair = openPair();
    const received = (async () => {
      for (let value = 0; value < 1000; value++)
        expect(await pair.receiver.receive()).toEqual(message(value));
    })();
    for (let value = 0; value < 500; value++) await pair.sender.send(message(value));
    await pair.sender.sendMany(Array.from({ length: 500 }, (_, index) => message(500 + index)));
    await within("1000 signals", received);
    expect(pair.receiver.tryReceive()).toBeUndefined();
  });

  it("3. flush fulfils: the kernel has what was accepted", async () => {
    await using pair = openPair();
    expect(pair.sender.trySend(message(1))).toBe(true);
    await within("flush", pair.sender.flush());
    expect(await within("the signal", pair.receiver.receive())).toEqual(message(1));
  });

  it("5. waiting receives are served in the order of the calls", async () => {
    await using pair = openPair();
    const { receiver, sender } = pair;
    const waits = [
      receiver.receive(),
      receiver.receiveMany({ max: 1 }).then(([first]) => first),
      receiver.receiveEnvelope().then((envelope) => envelope.message),
    ];
    for (const value of waits.keys()) await sender.send(message(value));
    expect(await within("all receives", Promise.all(waits))).toEqual([0, 1, 2].map(message));
  });

  it("6. after close sends and receives reject with ERR_CHANNEL_CLOSED; close may be called again", async () => {
    await using pair = openPair();
    const { receiver, sender } = pair;
    const waiting = codeOf(receiver.receive());
    await within("close", Promise.all([sender.close(), receiver.close(), receiver.close()]));
    expect(await waiting).toBe("ERR_CHANNEL_CLOSED");
    expect(await codeOf(sender.send(message(1)))).toBe("ERR_CHANNEL_CLOSED");
    expect(await codeOf(receiver.receive())).toBe("ERR_CHANNEL_CLOSED");
    await within("a later close", sender.close());
    expect([sender.state, receiver.state]).toEqual(["closed", "closed"]);
  });

  it("7. leaving a for await closes the channel", async () => {
    await using pair = openPair();
    await pair.sender.send(message(7));
    for await (const received of pair.receiver) {
      expect(received).toEqual(message(7));
      break;
    }
    await within("closed", pair.receiver.closed);
  });

  for (const [name, call] of Object.entries(CALLS)) {
    it(`8. ${name} takes signal and timeout, and takes nothing when they end it`, async () => {
      await using pair = openPair();
      const { receiver, sender } = pair;
      const controller = new AbortController();
      const waiting = call(receiver, { signal: controller.signal });
      expect(await isPending(waiting)).toBe(true);
      const reason = new Error("not interested any more");
      controller.abort(reason);
      await expect(within(name, waiting)).rejects.toBe(reason);
      expect(await codeOf(call(receiver, { timeout: 0 }))).toBe("ERR_TIMEOUT");
      expect(await codeOf(call(receiver, { timeout: 10 }))).toBe("ERR_TIMEOUT");
      await expect(call(receiver, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
      await sender.send(message(8));
      expect(await within("the signal", receiver.receive())).toEqual(message(8));
    });
  }

  it("8. an aborted send is not sent", async () => {
    await using pair = openPair();
    const reason = new Error("before");
    await expect(pair.sender.send(message(1), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    await expect(pair.sender.sendMany([message(1)], { timeout: -1 })).rejects.toThrow(/options\.timeout/);
    await pair.sender.send(message(2));
    expect(await within("the signal", pair.receiver.receive())).toEqual(message(2));
  });

  it("what its traits deny fails with ERR_UNSUPPORTED", async () => {
    await using pair = openPair();
    const { receiver, sender } = pair;
    expect([sender.traits.direction, receiver.traits.direction]).toEqual(["send", "receive"]);
    expect(sender.traits).toMatchObject({ ordered: false, reliable: false, passesHandles: false });
    await expect(receiver.send(message(1))).rejects.toEqual(UNSUPPORTED);
    await expect(receiver.sendMany([message(1)])).rejects.toEqual(UNSUPPORTED);
    expect(() => receiver.trySend(message(1))).toThrow(UNSUPPORTED);
    for (const call of Object.values(CALLS)) {
      await expect(call(sender)).rejects.toEqual(UNSUPPORTED);
      await expect(call(receiver, { type: 1 })).rejects.toEqual(UNSUPPORTED);
    }
    expect(() => sender.tryReceive()).toThrow(UNSUPPORTED);
    for (const options of [{ to: "x" }, { priority: 1 }, { type: 1 }, { handles: [0] }])
      await expect(sender.send(message(1), options)).rejects.toEqual(UNSUPPORTED);
    expect(receiver.tryReceive()).toBeUndefined();
  });

  it("tells with each message who sent it", async () => {
    await using pair = openPair();
    await pair.sender.send(message(9));
    expect(await within("an envelope", pair.receiver.receiveEnvelope())).toMatchObject({
      message: message(9),
      value: 9,
      credentials: { pid: process.pid, uid: process.getuid?.() },
    });
    expect(pair.receiver.traits.peerIdentity).toBe("message");
  });

  it("12. leaves no descriptor open", async () => {
    const cycle = async (): Promise<void> => {
      await using pair = openPair();
      await pair.sender.send(message(1));
      await within("the signal", pair.receiver.receive());
    };
    await cycle();
    const before = openDescriptors();
    for (let count = 0; count < 50; count++) await cycle();
    expect(openDescriptors()).toBe(before);
  });
});

describe("signal, between two processes", () => {
  it("1. carries 500 signals with values there and back", async () => {
    await using peer = startPeer("contract-signal", ["echo", String(process.pid)]);
    // Opened before the first signal can come, which would end this process.
    await using anybody = Signal.open([NAME]);
    await within("the peer", peer.expectLine("open"));
    await using channel = Signal.open([NAME], { peer: peer.pid });
    for (let value = 0; value < 500; value++) {
      await channel.send(message(value));
      expect(await within(`answer ${value}`, channel.receive())).toEqual(message(value));
    }
    expect(await within("what everybody hears", anybody.receive())).toEqual(message(0));
  });

  it(
    `10. kill -9 of the peer, ${KILLS} times: waiting receives and sends end within 1 s`,
    { timeout: 400_000 },
    async () => {
      await killOnce(0);
      const before = openDescriptors();
      let next = 0;
      const lane = async (): Promise<void> => {
        while (next < KILLS) await killOnce(next++);
      };
      await Promise.all([lane(), lane(), lane(), lane()]);
      expect(openDescriptors()).toBe(before);
    },
  );

  for (const scenario of ["close", "destroy", "unref"]) {
    it(`12. does not keep its process alive after ${scenario}`, async () => {
      await using peer = startPeer("contract-signal", [scenario]);
      await within("the scenario", peer.expectLine("done"));
      expect(await within("the process to end by itself", peer.exit), peer.stderr).toEqual({
        code: 0,
        signal: null,
      });
    });
  }

  it(
    "12. 10,000 open and close cycles cost no descriptor and less than 20 MB",
    { timeout: 60_000 },
    async () => {
      await using peer = startPeer("contract-signal", ["cycles"]);
      const line = await within("10,000 cycles", peer.nextLine(), 55_000);
      const grown = JSON.parse(line) as { descriptors: number; residentBytes: number };
      expect(grown.descriptors).toBe(0);
      expect(grown.residentBytes).toBeLessThan(20e6 * memoryFactor);
    },
  );

  it("13. a throw in user code after a receive is an ordinary uncaught error", async () => {
    await using peer = startPeer("contract-signal", ["throw"]);
    expect(await within("the process to end", peer.exit)).toEqual({ code: 1, signal: null });
    expect(peer.stderr).toMatch(/Error: thrown by the user/);
  });

  it("14. works in workers, 20 of which are terminated among signals", async () => {
    await using peer = startPeer("contract-signal", ["workers"]);
    const line = await within("20 workers", peer.nextLine(), 55_000);
    expect(JSON.parse(line)).toEqual({ descriptorsLeft: 0 });
    expect(await within("the process to end", peer.exit), peer.stderr).toEqual({ code: 0, signal: null });
  });
});

/** Kills a peer in the midst of an exchange of signals. */
async function killOnce(index: number): Promise<void> {
  await using peer = startPeer("contract-signal", ["echo", String(process.pid)]);
  await within("the peer", peer.expectLine("open"));
  await using channel = Signal.open([NAME], { peer: peer.pid });
  let answers = 0;
  const receiving = (async () => {
    for (;;) expect((await channel.receive()).value).toBe(answers++);
  })();
  const ended = codeOf(receiving);
  for (let value = 0; value < index % 40; value++) await channel.send(message(value));
  peer.kill("SIGKILL");
  const killed = performance.now();
  expect(["ERR_END_OF_CHANNEL", "ERR_PEER_DIED"]).toContain(await ended);
  expect(performance.now() - killed).toBeLessThan(1000 * slowness);
  expect(["ERR_PEER_DIED", "ERR_CHANNEL_CLOSED"]).toContain(await codeOf(channel.send(message(1))));
  await within("the channel to be released", channel.closed);
}
