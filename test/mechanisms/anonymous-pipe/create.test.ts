import { spawn } from "node:child_process";
import { once } from "node:events";
import { createReadStream } from "node:fs";
import { describe, expect, test } from "vitest";
import { AnonymousPipe, json, lines, text } from "sluice";
import { startPeer, startProgram } from "../../support/child.js";
import { codeOf } from "./support.js";
import { openDescriptors } from "../../support/open-descriptors.js";

describe("AnonymousPipe.create()", () => {
  test("makes two ends that carry messages one way", async () => {
    const { reader, writer } = AnonymousPipe.create({ codec: json<{ job: number }>() });
    expect(writer.traits).toMatchObject({ mechanism: "anonymous-pipe", direction: "send", scope: "host" });
    expect(reader.traits).toMatchObject({ mechanism: "anonymous-pipe", direction: "receive" });
    await writer.sendMany(Array.from({ length: 5000 }, (_, job) => ({ job })));
    const closed = writer.close();
    let job = 0;
    for await (const message of reader) expect(message).toEqual({ job: job++ });
    expect(job).toBe(5000);
    await closed;
  });

  test("holds as many bytes as its capacity says", async () => {
    const options = { capacity: 256 * 1024, maxMessageSize: 200_000, sendQueue: { messages: 1 } };
    const { reader, writer } = AnonymousPipe.create(options);
    // Nobody has read anything in this turn of the event loop.
    expect(writer.trySend(Buffer.alloc(200_000))).toBe(true);
    expect(writer.trySend(Buffer.alloc(10_000))).toBe(true);
    reader.destroy();
    writer.destroy();
  });

  test("refuses wrong options by name and value, and opens nothing", () => {
    const before = openDescriptors();
    const wrong: [object, RegExp][] = [
      [{ capacity: 10 }, /options\.capacity.*10/],
      [{ framing: {} }, /options\.framing/],
      [{ codec: {} }, /options\.codec/],
      [{ maxMessageSize: 0 }, /options\.maxMessageSize.*0/],
      [{ sendQueue: { bytes: -1 } }, /options\.sendQueue\.bytes.*-1/],
      [7 as never, /options.*7/],
      [null as never, /options.*null/],
    ];
    for (const [options, message] of wrong) expect(() => AnonymousPipe.create(options)).toThrow(message);
    expect(openDescriptors()).toBe(before);
    expect(() => new (AnonymousPipe as unknown as new () => unknown)()).toThrow(TypeError);
  });
});

describe("detach()", () => {
  test("hands the writing end on to a shell", async () => {
    const before = openDescriptors();
    const { reader, writer } = AnonymousPipe.create({ framing: lines(), codec: text() });
    using handle = writer.detach();
    expect(writer.state).toBe("closed");
    expect(await codeOf(writer.send("late"))).toBe("ERR_CHANNEL_CLOSED");
    const shell = spawn("sh", ["-c", "echo one; echo two"], { stdio: ["ignore", handle.fd, "inherit"] });
    handle.close();
    const received: string[] = [];
    for await (const line of reader) received.push(line);
    expect(received).toEqual(["one", "two"]);
    await reader.closed;
    if (shell.exitCode === null) await once(shell, "exit");
    expect(openDescriptors()).toBe(before);
  });

  test("hands the reading end on to a program whose reads must wait", async () => {
    const { reader, writer } = AnonymousPipe.create({ framing: lines(), codec: text() });
    const handle = reader.detach();
    await using cat = startProgram("sh", ["-c", "echo ready; cat <&3"], { extraStdio: [handle.fd] });
    handle.close();
    await cat.expectLine("ready");
    await writer.send("after the program has begun to read");
    await cat.expectLine("after the program has begun to read");
    await writer.close();
    expect(await cat.exit).toEqual({ code: 0, signal: null });
  });

  test("gives a descriptor that may be taken, once", async () => {
    const { reader, writer } = AnonymousPipe.create();
    const handle = reader.detach();
    const stream = createReadStream("", { fd: handle.take() });
    expect(() => handle.take()).toThrow(/taken or closed before/);
    handle.close();
    await writer.send(Buffer.from("hi"));
    await writer.close();
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(chunk as Buffer);
    expect(Buffer.concat(chunks).subarray(4).toString()).toBe("hi");
  });

  test("is refused once bytes have moved, and when the channel is closed", async () => {
    const { reader, writer } = AnonymousPipe.create();
    const sent = writer.send(Buffer.from("x"));
    expect(() => writer.detach()).toThrow(expect.objectContaining({ code: "ERR_UNSUPPORTED" }));
    await sent;
    await writer.flush();
    expect(() => writer.detach()).toThrow(expect.objectContaining({ code: "ERR_UNSUPPORTED" }));
    await reader.receive();
    expect(() => reader.detach()).toThrow(expect.objectContaining({ code: "ERR_UNSUPPORTED" }));
    await writer.close();
    expect(() => writer.detach()).toThrow(expect.objectContaining({ code: "ERR_CHANNEL_CLOSED" }));
    reader.destroy();
  });
});

test("without the native core all of it is ERR_UNSUPPORTED", async () => {
  const env = { SLUICE_NATIVE: "/nonexistent/core.node", SLUICE_PIPE: "0,1" };
  await using peer = startPeer("anonymous-pipe/without-core", [], { env });
  for (const call of ["create", "spawn", "inherit", "pipeline"])
    await peer.expectLine(`${call} ERR_UNSUPPORTED`);
  expect(await peer.exit, peer.stderr).toEqual({ code: 0, signal: null });
});
