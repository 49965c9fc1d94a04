import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, expect } from "vitest";
import { ChannelError, NamedPipe, type Receiver, SharedBuffer, UnixSocket } from "sluice";
import { checkMessage, lengthOf, messageOf } from "../../mechanisms/shared-buffer/pattern.js";
import { describeKills, type Scenario } from "./support/campaign.js";
import { type Victim, within } from "./support/victims.js";

const PROMPT = 5000;
const MESSAGES = 40;

const folder = mkdtempSync(join(tmpdir(), "sluice-kills-"));
let number = 0;
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const freshPath = (): string => join(folder, `place-${++number}`);
const leftOf = (path: string): string[] =>
  readdirSync(folder).filter((name) => name === basename(path) || name.startsWith(`${basename(path)}.`));

/** Where the next victim finds what the one before has left: so each step is tried on every kind of remains. */
const remains = {
  stream: freshPath(),
  seqpacket: freshPath(),
  dgram: freshPath(),
  segment: `/sluice-kills-places-${process.pid}`,
};

function listener(type: "stream" | "seqpacket"): Scenario {
  return {
    name: `a ${type} listener that is killed`,
    async run(cast) {
      const path = remains[type];
      const left = leftOf(path).length;
      const victim = await cast.play("listener", { path, type });
      await victim.ended();
      await listensAt(path, type);
      // The rest of the time a victim begins on remains: of a listener that was killed while it served.
      const other = await cast
        .another()
        .play({ role: "listener", args: { path, type }, step: "listening: begun", nth: 1 });
      await other.ended();
      expect(leftOf(path).length, `after ${left} were there before`).toBe(2);
    },
  };
}

/** Listens without any help, is found, and leaves nothing. */
async function listensAt(path: string, type: "stream" | "seqpacket"): Promise<void> {
  const next = await UnixSocket.listen(path, { type });
  const [client, server] = await Promise.all([UnixSocket.connect(path, { type }), next.accept()]);
  await client.send(Buffer.from("here"));
  expect(String(await server.receive())).toBe("here");
  await Promise.all([client.close(), server.close()]);
  await next.close();
  expect(leftOf(path)).toEqual([]);
}

const dgram: Scenario = {
  name: "a datagram socket that is killed",
  async run(cast) {
    const path = remains.dgram;
    const victim = await cast.play("dgram", { path });
    await victim.ended();
    const socket = await UnixSocket.bind(path, { type: "dgram" });
    await socket.close();
    expect(leftOf(path)).toEqual([]);
  },
};

const segment: Scenario = {
  name: "shared memory whose creator is killed",
  async run(cast) {
    const name = remains.segment;
    const victim = await cast.play("segment", { name });
    const killed = await victim.ended();
    try {
      SharedBuffer.open(name).close();
    } catch (error) {
      // There is none, or one that was never finished: never one that is smaller than it should be.
      expect(["ERR_NO_PEER", "ERR_INVALID_MESSAGE"]).toContain((error as ChannelError).code);
    }
    // Nobody can know whether a name is still wanted, so whoever makes it anew says so.
    try {
      SharedBuffer.unlink(name);
      expect(killed, "something was left").toBe(true);
    } catch (error) {
      expect((error as ChannelError).code).toBe("ERR_NO_PEER");
    }
    using memory = SharedBuffer.create({ name, size: 4096 });
    expect(memory.bytes.every((byte) => byte === 0)).toBe(true);
  },
};

const pipeWriter: Scenario = {
  name: "a named pipe whose writer is killed",
  async run(cast) {
    const path = freshPath();
    await cast.play("pipe writer", { path, messages: MESSAGES });
    if (await cast.victim.says("open")) {
      const reader = await NamedPipe.openReader(path);
      const error = await within(2 * PROMPT, readToEnd(reader, cast.victim.over), "the reader's end");
      expect(["ERR_END_OF_CHANNEL", "ERR_MESSAGE_TRUNCATED", "never came"]).toContain(error);
      reader.destroy();
      await reader.closed;
    }
    await cast.victim.ended();
    await makesAnew(path);
  },
};

/** Reads and checks to the end, whose code it returns; `"never came"`: there was no writer, and will be none. */
async function readToEnd(reader: Receiver<Buffer>, gone: Promise<unknown>): Promise<string> {
  const noWriter = new AbortController();
  void gone.then(() => setTimeout(() => noWriter.abort(), 100));
  try {
    for (let sequence = 0; ; sequence++) {
      const options = sequence === 0 ? { signal: noWriter.signal } : undefined;
      checkMessage(await reader.receive(options), sequence, lengthOf(sequence, 4, 20_000));
    }
  } catch (error) {
    if (error === noWriter.signal.reason) return "never came";
    if (error instanceof ChannelError) return error.code;
    throw error;
  }
}

const pipeReader: Scenario = {
  name: "a named pipe whose reader is killed",
  async run(cast) {
    const path = freshPath();
    await cast.play("pipe reader", { path, messages: MESSAGES });
    if (await cast.victim.says("open")) {
      try {
        const writer = await NamedPipe.openWriter(path, { timeout: 200 });
        // What had not left is told by whatever fails first.
        using _end = {
          [Symbol.dispose]: () => {
            writer.destroy();
          },
        };
        for (let sequence = 0; sequence < MESSAGES; sequence++)
          await within(
            PROMPT,
            writer.send(messageOf(sequence, lengthOf(sequence, 4, 20_000))),
            "room, or the end",
          );
        await writer.close();
      } catch (error) {
        if (!(error instanceof ChannelError) || !(await cast.victim.ended())) throw error;
        expect(["ERR_PEER_DIED", "ERR_TIMEOUT"]).toContain(error.code);
      }
    }
    await cast.victim.ended();
    await makesAnew(path);
  },
};

/** Takes what is there for its own, whatever state it is in. */
async function makesAnew(path: string): Promise<void> {
  await NamedPipe.create(path, { exclusive: false, mode: 0o622 });
  expect(statSync(path).mode & 0o777).toBe(0o622);
  const reader = await NamedPipe.openReader(path);
  const writer = await NamedPipe.openWriter(path);
  await writer.send(Buffer.from("next"));
  expect(String(await reader.receive())).toBe("next");
  await writer.close();
  await reader.close();
  await NamedPipe.unlink(path);
}

const pipeSide: Scenario = {
  name: "a pair of named pipes one of whose sides is killed",
  async run(cast) {
    const path = freshPath();
    await NamedPipe.create(`${path}.a`);
    await NamedPipe.create(`${path}.b`);
    await cast.play("pipe side", { path, messages: MESSAGES });
    await talkOverPair(path, cast.victim.over);
    await cast.victim.ended();
    await losesHalfAPeer(path, cast.another());
    // Both sides are free again.
    const [left, right] = await Promise.all([NamedPipe.openDuplex(path), NamedPipe.openDuplex(path)]);
    await left.send(Buffer.from("next"));
    expect(String(await right.receive())).toBe("next");
    await Promise.all([left.close(), right.close()]);
    for (const side of ["a", "b"]) await NamedPipe.unlink(`${path}.${side}`);
  },
};

/** A side is killed that has opened its FIFO to read, and not yet the other to write: so nothing that it had open could tell its end by itself. */
async function losesHalfAPeer(path: string, other: Victim): Promise<void> {
  await other.play({ role: "pipe side", args: { path, messages: MESSAGES } });
  await other.says("side taken");
  other.stop();
  const channel = await NamedPipe.openDuplex(path);
  other.kill();
  await expect(within(PROMPT, channel.receive(), "the end")).rejects.toMatchObject({
    code: expect.stringMatching(/ERR_PEER_DIED|ERR_END_OF_CHANNEL/) as string,
  });
  await channel.closed;
}

async function talkOverPair(path: string, gone: Promise<unknown>): Promise<void> {
  const nobody = new AbortController();
  void gone.then(() => setTimeout(() => nobody.abort(), 100));
  try {
    await using channel = await NamedPipe.openDuplex(path, { signal: nobody.signal });
    for (let sequence = 0; sequence < MESSAGES; sequence++) {
      const length = lengthOf(sequence, 4, 3000);
      // A side may be killed before it has opened the way back, which is no reason to wait for it for ever.
      checkMessage(await within(PROMPT, channel.receive(), "a message, or the end"), sequence, length);
      await within(PROMPT, channel.send(messageOf(sequence, length)), "room, or the end");
    }
  } catch (error) {
    if (error === nobody.signal.reason) return;
    if (!(error instanceof ChannelError)) throw error;
    expect(["ERR_END_OF_CHANNEL", "ERR_PEER_DIED", "ERR_MESSAGE_TRUNCATED"]).toContain(error.code);
  }
}

describeKills(
  "places",
  [listener("stream"), listener("seqpacket"), dgram, segment, pipeWriter, pipeReader, pipeSide],
  { short: 7, long: 1500 },
);
