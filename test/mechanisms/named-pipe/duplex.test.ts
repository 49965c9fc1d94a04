import { closeSync, constants, lstatSync, openSync, writeSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type Channel, lines, NamedPipe, text } from "sluice";
import { startPeer, startProgram } from "../../support/child.js";
import { codeOf, openDescriptors, useFolder } from "./support.js";

const folder = useFolder();
const path = (): string => `${folder()}/talk`;

function openBoth(): Promise<[Channel<string>, Channel<string>]> {
  const options = { codec: text() };
  return Promise.all([NamedPipe.openDuplex(path(), options), NamedPipe.openDuplex(path(), options)]);
}

describe("NamedPipe.openDuplex()", () => {
  test("joins two processes, and makes the two FIFOs for their user alone", async () => {
    await using peer = startPeer("named-pipe/echo", [path()]);
    const channel = await NamedPipe.openDuplex(path(), { codec: text() });
    expect(channel.traits.direction).toBe("both");
    for (const side of ["a", "b"]) {
      const status = lstatSync(`${path()}.${side}`);
      expect(status.isFIFO()).toBe(true);
      expect(status.mode & 0o777).toBe(0o600);
    }
    for (let index = 0; index < 100; index++) {
      await channel.send(String(index));
      expect(await channel.receive()).toBe(`echo ${index}`);
    }
    await peer.expectLine("open");
    await channel.close();
    await peer.expectLine("end");
    expect(await peer.exit).toEqual({ code: 0, signal: null });
  });

  test("lets each process say which side it is", async () => {
    const [b, a] = await Promise.all([
      NamedPipe.openDuplex(path(), { side: "b" }),
      NamedPipe.openDuplex(path(), { side: "a" }),
    ]);
    await using watcher = await NamedPipe.openWriter(`${path()}.a`);
    await watcher.send(Buffer.from("side a reads path.a"));
    expect(String(await a.receive())).toBe("side a reads path.a");
    expect(await codeOf(NamedPipe.openDuplex(path(), { side: "a" }))).toBe("ERR_ADDRESS_IN_USE");
    await a.close();
    await b.close();
  });

  test("refuses a third process, and disturbs nobody", async () => {
    const [left, right] = await openBoth();
    const before = openDescriptors();
    expect(await codeOf(NamedPipe.openDuplex(path()))).toBe("ERR_ADDRESS_IN_USE");
    expect(openDescriptors()).toBe(before);
    await left.send("still here");
    expect(await right.receive()).toBe("still here");
    await left.close();
    await right.close();
  });

  test("delivers all that was sent before an orderly end, then ends", async () => {
    const [left, right] = await openBoth();
    const words = Array.from({ length: 20_000 }, (_, index) => `word ${index}`);
    const closing = left.sendMany(words).then(() => left.close());
    let index = 0;
    for await (const word of right) expect(word).toBe(words[index++]);
    expect(index).toBe(words.length);
    await closing;
    await right.closed;
  });

  test("delivers what a peer sent before it closed, even though a send to it has failed meanwhile", async () => {
    const [left, right] = await openBoth();
    await left.send("last words");
    await left.close();
    await right.send("too late").catch((error: unknown) => {
      expect(error).toMatchObject({ code: "ERR_PEER_DIED" });
    });
    await right.flush().catch((error: unknown) => {
      expect(error).toMatchObject({ code: "ERR_PEER_DIED" });
    });
    expect(await right.receive()).toBe("last words");
    expect(["ERR_END_OF_CHANNEL", "ERR_PEER_DIED"]).toContain(await codeOf(right.receive()));
    await right.closed;
  });

  test("kill -9 of the other side ends it, and frees the side for the next process", async () => {
    const before = openDescriptors();
    for (let round = 0; round < 3; round++) {
      await using peer = startPeer("named-pipe/echo", [path()]);
      const channel = await NamedPipe.openDuplex(path(), { codec: text() });
      await channel.send("hello");
      expect(await channel.receive()).toBe("echo hello");
      peer.kill("SIGKILL");
      expect(await codeOf(channel.receive())).toBe("ERR_END_OF_CHANNEL");
      await channel.closed;
      expect(await codeOf(channel.send("hello"))).toMatch(/ERR_PEER_DIED|ERR_CHANNEL_CLOSED/);
    }
    expect(openDescriptors()).toBe(before);
  });

  test("is told when the other side is killed before it has opened its way back", async () => {
    const before = openDescriptors();
    await NamedPipe.create(`${path()}.a`);
    const reads =
      "import os, sys; os.open(sys.argv[1], os.O_RDONLY | os.O_NONBLOCK); print('open', flush=True); input()";
    await using peer = startProgram("python3", ["-c", reads, `${path()}.a`]);
    await peer.expectLine("open");
    const channel = await NamedPipe.openDuplex(path(), { side: "b" });
    const waiting = codeOf(channel.receive());
    peer.kill("SIGKILL");
    expect(await waiting).toBe("ERR_PEER_DIED");
    await channel.closed;
    expect(await codeOf(channel.receive())).toBe("ERR_PEER_DIED");
    await peer[Symbol.asyncDispose]();
    expect(openDescriptors()).toBe(before);
  });

  test("hears a peer to its end that does not read any more", async () => {
    await NamedPipe.create(`${path()}.a`);
    const reader = openSync(`${path()}.a`, constants.O_RDONLY | constants.O_NONBLOCK);
    const channel = await NamedPipe.openDuplex(path(), { side: "b", codec: text(), framing: lines() });
    const writer = openSync(`${path()}.b`, constants.O_WRONLY);
    closeSync(reader);
    expect(await codeOf(channel.receive({ timeout: 50 }))).toBe("ERR_TIMEOUT");
    writeSync(writer, "one\ntwo\n");
    expect(await channel.receive()).toBe("one");
    closeSync(writer);
    expect(await channel.receive()).toBe("two");
    expect(await codeOf(channel.receive())).toBe("ERR_END_OF_CHANNEL");
    await channel.closed;
  });

  test("gives its side back when it has waited in vain", async () => {
    const before = openDescriptors();
    const controller = new AbortController();
    const opening = NamedPipe.openDuplex(path(), { side: "a", signal: controller.signal });
    controller.abort("enough");
    expect(await codeOf(opening)).toBe("enough");
    expect(await codeOf(NamedPipe.openDuplex(path(), { side: "a", timeout: 10 }))).toBe("ERR_TIMEOUT");
    expect(openDescriptors()).toBe(before);
  });
});
