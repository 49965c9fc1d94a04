import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import {
  type Channel,
  type ChannelOptions,
  ChannelError,
  type FileHandle,
  MemoryChannel,
  text,
  UnixSocket,
} from "sluice";
import { PacketChannel } from "../../src/core/packet-channel.js";
import type { PacketPort, PacketSink } from "../../src/core/packet-port.js";

/** A port that does only what the test tells it to. */
class ScriptedPort implements PacketPort {
  readonly capabilities = ["to", "handles"] as const;
  readonly sent: Buffer[] = [];
  readonly sentTo: string[] = [];
  sink!: PacketSink;
  room = Infinity;
  readonly full = new Set<string>();
  resumed = 0;
  graceful: boolean | undefined;

  start(sink: PacketSink): void {
    this.sink = sink;
  }

  send(packets: readonly Uint8Array[], start: number, end: number): number {
    const count = Math.min(this.room, end - start);
    for (const packet of packets.slice(start, start + count)) this.sent.push(Buffer.from(packet));
    this.room -= count;
    return count;
  }

  sendWith(packet: Uint8Array, { to }: { to?: unknown }): boolean {
    if (this.full.has(String(to))) return false;
    this.sent.push(Buffer.from(packet));
    this.sentTo.push(String(to));
    return true;
  }

  resume(): void {
    this.resumed++;
  }

  pause(): void {
    throw new Error("the answer of packet() stops reading");
  }

  close(graceful: boolean): void {
    this.graceful = graceful;
    setImmediate(() => {
      this.sink.released();
    });
  }

  setRef(): void {
    throw new Error("nobody asked for that");
  }
}

const TRAITS = {
  mechanism: "unix-dgram",
  direction: "both",
  boundaries: "kernel",
  ordered: true,
  reliable: true,
  maxMessageSize: 100_000,
  scope: "host",
  peerIdentity: "none",
  persistent: false,
  passesHandles: true,
} as const;

function setUp(options: ChannelOptions<string, string> = {}): {
  port: ScriptedPort;
  channel: Channel<string>;
} {
  const port = new ScriptedPort();
  return { port, channel: new PacketChannel(port, { ...options, codec: text(), traits: TRAITS }) };
}

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

describe("the outgoing half", () => {
  it("sends past the queue while the port has room, and in order when it has again", async () => {
    const { port, channel } = setUp();
    port.room = 1;
    for (const message of ["a", "b", "c"]) await channel.send(message);
    expect(port.sent.map(String)).toEqual(["a"]);
    const flushed = channel.flush();
    port.room = 1;
    port.sink.writable();
    await nextTurn();
    expect(port.sent.map(String)).toEqual(["a", "b"]);
    port.room = Infinity;
    port.sink.writable();
    await flushed;
    expect(port.sent.map(String)).toEqual(["a", "b", "c"]);
  });

  it("does not let a receiver that is full stop messages to others", async () => {
    const { port, channel } = setUp();
    port.full.add("/slow");
    const slow = [channel.send("1", { to: "/slow" }), channel.send("2", { to: "/slow" })];
    await channel.send("3", { to: "/fast" });
    expect(port.sentTo).toEqual(["/fast"]);
    port.full.delete("/slow");
    port.sink.writable("/slow");
    await Promise.all(slow);
    expect(port.sent.map(String)).toEqual(["3", "1", "2"]);
  });

  it("close waits for sends to a receiver that is full", async () => {
    const { port, channel } = setUp();
    port.full.add("/slow");
    const slow = channel.send("1", { to: "/slow" });
    const closed = channel.close();
    await nextTurn();
    expect(channel.state).toBe("closing");
    expect(port.graceful).toBeUndefined();
    port.full.delete("/slow");
    port.sink.writable("/slow");
    await Promise.all([slow, closed]);
    expect(port.graceful).toBe(true);
  });

  it("a send that rejects by its signal or timeout has sent nothing up to 16 KiB; a larger one may have, which messagesSent tells", async () => {
    for (const [size, taken] of [
      [16 * 1024, 0],
      [16 * 1024 + 1, 1],
    ] as const) {
      const { port, channel } = setUp({ sendQueue: { messages: 2 } });
      port.room = 0;
      await channel.send("first");
      // The small one finds the last place taken; the large one takes it, and waits until it has left.
      if (taken === 0) await channel.send("second");
      const message = "m".repeat(size);
      await expect(channel.send(message, { timeout: 0 })).rejects.toMatchObject({ code: "ERR_TIMEOUT" });
      await expect(channel.send(message, { signal: AbortSignal.timeout(1) })).rejects.toThrow();
      expect(channel.statistics().messagesSent).toBe(2);
      port.room = Infinity;
      port.sink.writable();
      await channel.flush();
      expect(port.sent.map(String)).toEqual(["first", taken === 0 ? "second" : message]);
    }
  });

  it("so it is on a byte stream, where the peer receives the whole of it", async () => {
    const [left, right] = UnixSocket.pair();
    const message = Buffer.alloc(1024 * 1024, "m");
    await expect(left.send(message, { timeout: 0 })).rejects.toMatchObject({ code: "ERR_TIMEOUT" });
    expect(left.statistics().messagesSent).toBe(1);
    expect(message.equals(await right.receive())).toBe(true);
    await left.flush();
    await Promise.all([left.close(), right.close()]);
  });

  it("an aborted send to a receiver that is full lets close go on", async () => {
    const { port, channel } = setUp();
    port.full.add("/slow");
    const controller = new AbortController();
    const slow = channel.send("1", { to: "/slow", signal: controller.signal });
    const closed = channel.close();
    controller.abort(new Error("enough"));
    await expect(slow).rejects.toThrow("enough");
    await closed;
    expect(port.sent).toEqual([]);
  });

  it("lets go of an iterable that it will not ask again: refused, aborted, broken", async () => {
    const released: string[] = [];
    function* messages(name: string, bad: unknown): Generator<string> {
      try {
        for (let index = 0; ; index++) yield index === 3 ? (bad as string) : "m";
      } finally {
        released.push(name);
      }
    }
    const { port, channel } = setUp({ sendQueue: { messages: 2 } });
    await expect(channel.sendMany(messages("refused", 7))).rejects.toThrow(TypeError);
    port.room = 0;
    const controller = new AbortController();
    const aborted = channel.sendMany(messages("aborted", "m"), { signal: controller.signal });
    controller.abort();
    await expect(aborted).rejects.toThrow();
    const died = new ChannelError("ERR_PEER_DIED", "gone", { operation: "send" });
    const broken = setUp();
    broken.port.send = (_, start, end) => {
      if (start === end) return 0;
      broken.port.sink.fail(died);
      throw died;
    };
    await expect(broken.channel.sendMany(messages("broken", "m"))).rejects.toBe(died);
    await nextTurn();
    expect(released).toEqual(["refused", "aborted", "broken"]);
    channel.destroy();
  });

  it("goes on with many waiting sends when one of them is refused by the port", async () => {
    const { port, channel } = setUp();
    const refusal = new ChannelError("ERR_NO_PEER", "nobody there", { operation: "send" });
    port.full.add("/slow");
    const sends = ["1", "2", "3"].map((message) => channel.send(message, { to: "/slow" }));
    port.full.delete("/slow");
    port.sendWith = (packet) => {
      if (String(Buffer.from(packet)) === "2") throw refusal;
      return true;
    };
    port.sink.writable("/slow");
    const outcomes = await Promise.allSettled(sends);
    expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(channel.state).toBe("open");
  });

  it("keeps a loop of sends from starving the event loop", async () => {
    const { channel } = setUp();
    let turned = false;
    setImmediate(() => {
      turned = true;
    });
    for (let count = 0; !turned; count++) {
      expect(count).toBeLessThan(10_000);
      await channel.send("m");
    }
  });
});

describe("the incoming half", () => {
  it("stops the port when it is full, and lets it run on at half of it", async () => {
    const { port, channel } = setUp({ receiveQueue: { messages: 4 } });
    expect(port.resumed).toBe(1);
    const answers = ["a", "b", "c", "d", "e"].map((message) => port.sink.packet(Buffer.from(message)));
    expect(answers).toEqual([true, true, true, false, false]);
    port.sink.arrived();
    expect(await channel.receive()).toBe("a");
    expect(await channel.receive()).toBe("b");
    expect(port.resumed).toBe(1);
    expect(await channel.receive()).toBe("c");
    expect(port.resumed).toBe(2);
    expect(await channel.receiveMany()).toEqual(["d", "e"]);
    expect(port.resumed).toBe(2);
  });

  it("never runs the codec, which is code of the user, while the port reports", async () => {
    const port = new ScriptedPort();
    let decoded = 0;
    const codec = {
      name: "counting",
      encode: (message: string) => Buffer.from(message),
      decode: (bytes: Buffer) => {
        decoded++;
        return String(bytes);
      },
    };
    const channel = new PacketChannel(port, { codec, traits: TRAITS });
    const waiting = channel.receive();
    port.sink.packet(Buffer.from("a"));
    port.sink.arrived();
    port.sink.ended(false);
    expect(decoded).toBe(0);
    expect(await waiting).toBe("a");
    expect(decoded).toBe(1);
    channel.destroy();
  });

  it("gives an unusable packet in its place as an error to one receiver", async () => {
    const { port, channel } = setUp();
    const error = new ChannelError("ERR_MESSAGE_TRUNCATED", "cut", { operation: "receive" });
    port.sink.packet(Buffer.from("a"));
    port.sink.spoiled(error);
    port.sink.packet(Buffer.from("b"));
    port.sink.arrived();
    expect(await channel.receiveMany()).toEqual(["a"]);
    await expect(channel.receiveMany()).rejects.toBe(error);
    expect(await channel.receiveMany()).toEqual(["b"]);
  });

  it("closes descriptors that came with a message and that nobody takes", async () => {
    const closed: string[] = [];
    const handles = (name: string): FileHandle[] => [
      {
        fd: 99,
        take: () => 99,
        close: () => closed.push(name),
        [Symbol.dispose]: () => closed.push(name),
      },
    ];
    const { port, channel } = setUp();
    for (const name of ["plain", "envelope", "left behind"])
      port.sink.packet(Buffer.from("m"), { handles: handles(name) });
    port.sink.arrived();
    await channel.receive();
    expect(closed).toEqual(["plain"]);
    const envelope = await channel.receiveEnvelope();
    expect(envelope.handles).toHaveLength(1);
    expect(closed).toEqual(["plain"]);
    await channel.close();
    expect(closed).toEqual(["plain", "left behind"]);
    expect(port.sink.packet(Buffer.from("m"), { handles: handles("too late") })).toBe(true);
    expect(closed).toEqual(["plain", "left behind", "too late"]);
  });

  it("delivers what had come before the port failed, then the failure, to everybody", async () => {
    const { port, channel } = setUp();
    const failure = new ChannelError("ERR_PEER_DIED", "gone", { operation: "receive" });
    const waiting = channel.receive();
    port.sink.packet(Buffer.from("a"));
    port.sink.packet(Buffer.from("b"));
    port.sink.arrived();
    port.sink.fail(failure);
    expect(await waiting).toBe("a");
    expect(await channel.receive()).toBe("b");
    await expect(channel.receive()).rejects.toBe(failure);
    await expect(channel.send("late")).rejects.toBe(failure);
    await channel.closed;
    expect(port.graceful).toBe(false);
  });

  it("keeps nothing of 100,000 receives that were not served", async () => {
    const [left, right] = MemoryChannel.pair({ codec: text() });
    const { signal } = new AbortController();
    for (let index = 0; index < 100_000; index++) {
      const error = await right.receive({ timeout: 0, signal }).catch((reason: unknown) => reason);
      if (!(error instanceof ChannelError) || error.code !== "ERR_TIMEOUT") throw error;
    }
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
    await left.send("for whoever comes first");
    expect(await right.receive()).toBe("for whoever comes first");
    left.destroy();
  });

  it("keeps nothing of 10,000 aborted receives and sends that waited", async () => {
    const [left, right] = MemoryChannel.pair({
      codec: text(),
      sendQueue: { messages: 1 },
      receiveQueue: { messages: 1 },
    });
    const controller = new AbortController();
    const receives = Array.from({ length: 10_000 }, () => right.receive({ signal: controller.signal }));
    const settled = Promise.allSettled(receives);
    controller.abort();
    for (const outcome of await settled) expect(outcome.status).toBe("rejected");
    while (left.trySend("x"));
    const again = new AbortController();
    const sends = Array.from({ length: 10_000 }, () => left.send("y", { signal: again.signal }));
    const sent = Promise.allSettled(sends);
    again.abort();
    for (const outcome of await sent) expect(outcome.status).toBe("rejected");
    const last = left.send("last");
    expect([await right.receive(), await right.receive(), await right.receive()]).toEqual(["x", "x", "last"]);
    await last;
    left.destroy();
  });
});

describe("the options of a channel are checked", () => {
  it("refuses wrong limits with an error that names them", () => {
    const wrong: [object, RegExp][] = [
      [{ sendQueue: 5 }, /options\.sendQueue must be .* received 5/],
      [{ sendQueue: { bytes: 0 } }, /options\.sendQueue\.bytes.*received 0/],
      [{ receiveQueue: { messages: 1.5 } }, /options\.receiveQueue\.messages.*received 1\.5/],
      [{ receiveQueue: { messages: "1" } }, /options\.receiveQueue\.messages.*received "1"/],
      [{ maxMessageSize: 0 }, /options\.maxMessageSize.*received 0/],
      [{ maxMessageSize: Number.NaN }, /options\.maxMessageSize.*received NaN/],
    ];
    for (const [options, message] of wrong) expect(() => MemoryChannel.pair(options)).toThrow(message);
    expect(() => MemoryChannel.pair(null as unknown as object)).toThrow(
      /options must be an object, received null/,
    );
  });
});
