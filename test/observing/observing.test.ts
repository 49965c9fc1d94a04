import { randomUUID } from "node:crypto";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { tmpdir } from "node:os";
import path from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { type DiagnosticEvents, json, MemoryChannel, UnixSocket } from "sluice";
import { startPeer } from "../support/child.js";

type Name = keyof DiagnosticEvents;
type Told = { [Event in Name]: { readonly name: Event; readonly event: DiagnosticEvents[Event] } }[Name];

const NAMES: readonly Name[] = [
  "sluice:channel:open",
  "sluice:channel:end",
  "sluice:channel:error",
  "sluice:channel:drop",
  "sluice:channel:close",
  "sluice:listener:open",
  "sluice:listener:refuse",
  "sluice:listener:close",
];

/** Collects what is told while the scope lasts. */
function listen(names: readonly Name[] = NAMES): Told[] & Disposable {
  const told: Told[] = [];
  const listener = (event: unknown, name: string | symbol): void => {
    told.push({ name, event } as Told);
  };
  for (const name of names) subscribe(name, listener);
  return Object.assign(told, {
    [Symbol.dispose]: () => {
      for (const name of names) unsubscribe(name, listener);
    },
  });
}

const namesOf = (told: readonly Told[]): string[] => told.map(({ name }) => name.slice("sluice:".length));
const address = (): string => path.join(tmpdir(), `sluice-observing-${randomUUID()}.sock`);

describe("diagnostic events", () => {
  it("tell of the life of a listener and its channels, with addresses", async () => {
    using told = listen();
    const where = address();
    const listener = await UnixSocket.listen(where);
    const client = await UnixSocket.connect(where);
    const server = await listener.accept();
    await client.send(Buffer.from("hello"));
    await server.receive();
    await client.close();
    await expect(server.receive()).rejects.toThrow("the peer has ended it");
    await server.closed;
    await listener.close();
    await turn();
    expect(namesOf(told).sort()).toEqual([
      "channel:close",
      "channel:close",
      "channel:end",
      "channel:open",
      "channel:open",
      "listener:close",
      "listener:open",
    ]);
    for (const { name, event } of told) {
      if (name === "sluice:listener:open" || name === "sluice:listener:close")
        expect(event).toEqual({ listener, mechanism: "unix-stream" });
      else expect(event).toMatchObject({ address: where });
    }
    const ended = told.find(({ name }) => name === "sluice:channel:end");
    expect(ended).toMatchObject({ event: { channel: server } });
  });

  it("tell why a channel broke, and what was dropped with it", async () => {
    using told = listen(["sluice:channel:error", "sluice:channel:drop"]);
    const [left, right] = MemoryChannel.pair({ receiveQueue: { messages: 1 } });
    await left.send(Buffer.of(1));
    for (let count = 0; count < 3; count++) left.trySend(Buffer.of(count));
    const { sendQueue } = left.statistics();
    right.destroy();
    await left.closed;
    await turn();
    const drops = told.filter(({ name }) => name === "sluice:channel:drop");
    expect(drops).toMatchObject([
      { event: { channel: right, cause: "unread", count: 1 } },
      { event: { channel: left, cause: "unsent", count: sendQueue.messages } },
    ]);
    const errors = told.filter(({ name }) => name === "sluice:channel:error");
    expect(errors).toMatchObject([{ event: { channel: left, error: { code: "ERR_PEER_DIED" } } }]);
  });

  it("tell of each message that a schema refuses", async () => {
    using told = listen(["sluice:channel:drop"]);
    const codec = json(z.number(), { onInvalid: "drop" });
    const [left, right] = MemoryChannel.pair({ codec });
    await left.sendMany([1, "two" as never, 3]);
    expect([await right.receive(), await right.receive()]).toEqual([1, 3]);
    await turn();
    expect([...told]).toMatchObject([
      {
        event: {
          channel: right,
          cause: "invalid",
          count: 1,
          error: { code: "ERR_INVALID_MESSAGE", issues: [{ path: [] }] },
        },
      },
    ]);
    expect(right.statistics().dropped.invalid).toBe(1);
    left.destroy();
  });

  it("tell of a peer that allow refuses", async () => {
    using told = listen(["sluice:listener:refuse"]);
    const where = address();
    await using listener = await UnixSocket.listen(where, { allow: () => false });
    const client = await UnixSocket.connect(where);
    await expect(client.receive()).rejects.toThrow();
    await turn();
    expect([...told]).toMatchObject([
      { event: { mechanism: "unix-stream", address: where, peer: { pid: process.pid } } },
    ]);
    expect(listener.statistics()).toEqual({ arrived: 0, waiting: 0 });
  });

  it("come after whoever caused them has gone on, so that a listener may use the channel", async () => {
    let opened: unknown;
    const onOpen = (event: unknown): void => {
      opened = (event as DiagnosticEvents["sluice:channel:open"]).channel.statistics();
    };
    subscribe("sluice:channel:open", onOpen);
    const [left] = MemoryChannel.pair();
    expect(opened).toBeUndefined();
    await turn();
    expect(opened).toMatchObject({ messagesSent: 0 });
    unsubscribe("sluice:channel:open", onOpen);
    left.destroy();
  });
});

describe("NODE_DEBUG=sluice", () => {
  it("writes a line for each event to the standard error output, and without it nothing", async () => {
    await using peer = startPeer("observing/talk", [], { env: { NODE_DEBUG: "sluice" } });
    expect(await peer.exit).toEqual({ code: 0, signal: null });
    const lines = peer.stderr.trim().split("\n");
    expect(lines).toHaveLength(4);
    expect(lines[0]).toMatch(/^SLUICE \d+: channel:open memory$/);
    expect(peer.stderr).toMatch(/channel:close memory \{"messagesSent":1,"bytesSent":5,/);
    await using quiet = startPeer("observing/talk", []);
    expect(await quiet.exit).toEqual({ code: 0, signal: null });
    expect(quiet.stderr).toBe("");
  });
});
