import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { MessageQueue, text } from "sluice";
import { startProgram } from "../../support/child.js";
import { codeOf, compile, useName } from "./support.js";

const codec = text();
let folder = "";
let program = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-queues-"));
  program = compile("queues", folder);
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

for (const kind of ["posix", "sysv"] as const) {
  const name = useName(kind);

  describe(`${kind} queues and a C program`, () => {
    it("what it sends is received, with its priority or type", async () => {
      await using queue = await MessageQueue.open(name(), { kind, create: true, codec });
      const waiting = queue.receiveEnvelope();
      await using peer = startProgram(program, [kind, name(), "send", "from C", "5"]);
      expect(await waiting).toEqual({ message: "from C", [kind === "posix" ? "priority" : "type"]: 5 });
      expect(await peer.exit, peer.stderr).toEqual({ code: 0, signal: null });
    });

    it("what is sent it receives, also when it waits for it", async () => {
      await using queue = await MessageQueue.open(name(), { kind, create: true, codec });
      await using waiting = startProgram(program, [kind, name(), "receive"]);
      await queue.send("to C", kind === "posix" ? { priority: 7 } : { type: 7 });
      expect(await waiting.nextLine()).toBe("to C 7");
    });
  });
}

describe("POSIX queues and python3", () => {
  const input = useName("posix");
  const output = useName("posix");

  it("talk through librt, both ways", async () => {
    await using questions = await MessageQueue.open(input(), { create: true, codec });
    await using answers = await MessageQueue.open(output(), { create: true, codec });
    const script = fileURLToPath(new URL("../../support/peers/message-queue/queue.py", import.meta.url));
    await using python = startProgram("python3", [script, input(), output(), "100"]);
    await python.expectLine("ready");
    for (let number = 0; number < 100; number++) {
      await questions.send(`question ${number}`, { priority: number });
      const { message, priority } = await answers.receiveEnvelope();
      expect([message, priority]).toEqual([`QUESTION ${number}`, number + 1]);
    }
    expect(await python.exit, python.stderr).toEqual({ code: 0, signal: null });
  });
});

describe("System V queues and util-linux", () => {
  const name = useName("sysv");

  it("ipcs shows a queue with its mode and what it holds", async () => {
    await using queue = await MessageQueue.open(0x5eed_1001, {
      kind: "sysv",
      create: true,
      mode: 0o640,
      codec,
    });
    await queue.send("12345");
    const line = execFileSync("ipcs", ["-q"], { encoding: "utf8" })
      .split("\n")
      .find((row) => row.startsWith("0x5eed1001"));
    expect(line?.trim().split(/\s+/).slice(3)).toEqual(["640", "5", "1"]);
    MessageQueue.unlink(0x5eed_1001, { kind: "sysv" });
  });

  it("a queue that ipcmk has made is opened, and its removal by ipcrm is the end", async () => {
    const made = execFileSync("ipcmk", ["-Q", "-p", "0600"], { encoding: "utf8" });
    const id = /\d+/.exec(made)![0];
    const row = execFileSync("ipcs", ["-q"], { encoding: "utf8" })
      .split("\n")
      .find((line) => line.trim().split(/\s+/)[1] === id);
    await using queue = await MessageQueue.open(Number(row?.split(" ")[0]), { kind: "sysv", codec });
    const waiting = codeOf(queue.receive());
    expect(spawnSync("ipcrm", ["-q", id]).status).toBe(0);
    expect(await waiting).toBe("ERR_END_OF_CHANNEL");
    await queue.closed;
  });

  it("a message that a foreign program has sent too large is dropped and told", async () => {
    await using queue = await MessageQueue.open(name(), { kind: "sysv", create: true, codec });
    await using small = await MessageQueue.open(name(), { kind: "sysv", maxMessageSize: 10, codec });
    await queue.sendMany(["fits", "does not fit in here", "fits too"]);
    expect(await small.receiveMany()).toEqual(["fits"]);
    expect(await codeOf(small.receiveMany())).toBe("ERR_MESSAGE_TOO_LARGE");
    expect(await small.receiveMany()).toEqual(["fits too"]);
  });
});
