import { mkdtempSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { AnonymousPipe, ChannelError, lines, type Pipeline, type Receiver, text } from "sluice";
import { startPeer, startProgram } from "../../support/child.js";
import { memoryFactor } from "../../support/sanitized.js";
import { children, codeOf, OPEN_PATH } from "./support.js";
import { openDescriptors } from "../../support/open-descriptors.js";

/** A stage that ends neither at the end of its input nor by SIGPIPE. */
const SLEEP = ["sleep", "1000"];
const MEBIBYTE = 1024 * 1024;
const LINES = { framing: lines(), codec: text() };

async function all<In>(output: Receiver<In>): Promise<In[]> {
  const received: In[] = [];
  for await (const message of output) received.push(message);
  return received;
}

/** Everything is over: no process, no zombie, no descriptor. */
async function expectNothingLeft(pipeline: Pipeline<unknown>, before: number): Promise<void> {
  await pipeline.statuses;
  await pipeline.output.closed;
  expect(children()).toEqual([]);
  expect(openDescriptors()).toBe(before);
}

describe("AnonymousPipe.pipeline()", () => {
  test("does what a shell's | does", async () => {
    const folder = mkdtempSync(join(tmpdir(), "sluice-pipeline-"));
    const before = openDescriptors();
    try {
      for (const name of ["b.txt", "a.txt", "c.png"]) writeFileSync(join(folder, name), "");
      const pipeline = AnonymousPipe.pipeline([["ls"], ["grep", "txt"]], { ...LINES, cwd: folder });
      expect(pipeline.output.traits).toMatchObject({ mechanism: "anonymous-pipe", direction: "receive" });
      expect(await all(pipeline.output)).toEqual(["a.txt", "b.txt"]);
      const pids = pipeline.children.map(({ pid }) => pid);
      expect(await pipeline.statuses).toEqual([
        { stage: ["ls"], pid: pids[0], code: 0, signal: null },
        { stage: ["grep", "txt"], pid: pids[1], code: 0, signal: null },
      ]);
      await expectNothingLeft(pipeline, before);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("gives pieces of the stream without a framing", async () => {
    const { output } = AnonymousPipe.pipeline([["head", "-c", "300000", "/dev/zero"]]);
    expect(output.traits.boundaries).toBe("none");
    expect(Buffer.concat(await all(output)).equals(Buffer.alloc(300_000))).toBe(true);
  });

  test("joins the stages by pipes that are not open here", async () => {
    await using pipeline = AnonymousPipe.pipeline([["cat"], ["cat"], ["cat"]], { ...LINES, input: true });
    await pipeline.input.send("hello");
    expect(await pipeline.output.receive()).toBe("hello");
    const links = pipeline.children.map(({ pid }) =>
      [0, 1].map((fd) => readlinkSync(`/proc/${String(pid)}/fd/${fd}`)),
    );
    expect(links[0]?.[1]).toBe(links[1]?.[0]);
    expect(links[1]?.[1]).toBe(links[2]?.[0]);
    await using ls = startProgram("sh", ["-c", `readlink /proc/${process.pid}/fd/*`]);
    const ours: string[] = [];
    for await (const link of ls.lines) ours.push(link);
    expect(ours).toEqual(expect.arrayContaining([links[0]?.[0], links[2]?.[1]]));
    expect(ours).not.toContain(links[0]?.[1]);
    expect(ours).not.toContain(links[1]?.[1]);
  });

  test("gives a stage its standard streams and no other descriptor", async () => {
    const { output } = AnonymousPipe.pipeline([["cat"], ["ls", "/proc/self/fd"]], LINES);
    const alone = AnonymousPipe.pipeline([["ls", "/proc/self/fd"]], LINES);
    expect(await all(output)).toEqual(await all(alone.output));
  });

  test("carries a stream in and out, in order and whole, through 30 stages", async () => {
    const stages = Array.from({ length: 30 }, () => ["cat"]);
    const { input, output, statuses } = AnonymousPipe.pipeline(stages, { ...LINES, input: true });
    const words = Array.from({ length: 50_000 }, (_, index) => `word ${index}`);
    const sending = input.sendMany(words).then(() => input.close());
    expect(await all(output)).toEqual(words);
    await sending;
    expect((await statuses).map(({ code }) => code)).toEqual(stages.map(() => 0));
  });

  test("makes the input wait when nobody reads the output", async () => {
    const { input, output } = AnonymousPipe.pipeline([["cat"], ["cat"]], { input: true });
    const piece = Buffer.alloc(64 * 1024);
    const sending = codeOf(
      (async () => {
        for (let count = 0; ; count++) {
          await input.send(piece, { timeout: 2000 });
          // Three pipes, the programs' own buffers, and the two queues hold less than this.
          if (count === 100) throw new Error("nothing has made the input wait");
        }
      })(),
    );
    expect(await sending).toBe("ERR_TIMEOUT");
    input.destroy();
    output.destroy();
  });

  test("reads nothing by default, or the standard input of this process", async () => {
    expect(await all(AnonymousPipe.pipeline([["cat"]]).output)).toEqual([]);
    await using peer = startPeer("anonymous-pipe/inherit-input");
    await peer.write("from standard input");
    peer.end();
    await peer.expectLine("FROM STANDARD INPUT");
  });

  test("takes 1 GiB past this process, which stays under 64 MB of memory", async () => {
    const { bytes, most, before } = await takeGigabyte("beside");
    expect(bytes).toBe(2 ** 30);
    expect(most).toBeLessThan(64 * MEBIBYTE * memoryFactor);
    expect(most - before).toBeLessThan(12 * MEBIBYTE);
  });

  test("takes 1 GiB through this process, which grows by less than 64 MB", async () => {
    const { bytes, most, before } = await takeGigabyte("through");
    expect(bytes).toBe(2 ** 30);
    expect(most - before).toBeLessThan(64 * MEBIBYTE * memoryFactor);
  });
});

/** Bytes that arrived, and how much memory the process had at most, and before. */
async function takeGigabyte(
  how: "beside" | "through",
): Promise<{ bytes: number; most: number; before: number }> {
  await using peer = startPeer("anonymous-pipe/gigabyte", [how]);
  return JSON.parse(await peer.nextLine()) as { bytes: number; most: number; before: number };
}

describe("a stage that fails", () => {
  const failing = [["sh", "-c", "echo some; echo oops >&2; exit 3"], ["cat"]];

  test("makes the end of the output an error, after all of it", async () => {
    const before = openDescriptors();
    const pipeline = AnonymousPipe.pipeline(failing, { ...LINES, stderr: "ignore" });
    expect(await pipeline.output.receive()).toBe("some");
    const error = await pipeline.output.receive().catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "ERR_PEER_DIED", operation: "receive" });
    expect((error as Error).message).toContain('stage 1 of 2 ("sh") exited with code 3');
    expect((await pipeline.statuses).map(({ code }) => code)).toEqual([3, 0]);
    await expectNothingLeft(pipeline, before);
  });

  test("makes a for await throw", async () => {
    const { output } = AnonymousPipe.pipeline(failing, { ...LINES, stderr: "ignore" });
    expect(await codeOf(all(output))).toBe("ERR_PEER_DIED");
  });

  test("is told with the last line of its standard error, when that is collected", async () => {
    const { output, statuses } = AnonymousPipe.pipeline(failing, { ...LINES, stderr: "collect" });
    await expect(all(output)).rejects.toThrow(/exited with code 3: oops$/);
    expect((await statuses).map(({ stderr }) => stderr)).toEqual(["oops\n", ""]);
  });

  test("may write more to its standard error than is kept", async () => {
    const script = "head -c 1000000 /dev/zero | tr '\\0' 'x' >&2; echo the end >&2";
    const { statuses, output } = AnonymousPipe.pipeline([["sh", "-c", script]], { stderr: "collect" });
    await all(output);
    const [status] = await statuses;
    expect(status?.stderr).toHaveLength(65_536);
    expect(status?.stderr?.endsWith("xxxthe end\n")).toBe(true);
  });

  test.each([
    ["any", [["false"], ["true"]], "ERR_PEER_DIED"],
    ["any", [["true"], ["false"]], "ERR_PEER_DIED"],
    ["last", [["false"], ["true"]], "ERR_END_OF_CHANNEL"],
    ["last", [["true"], ["false"]], "ERR_PEER_DIED"],
    ["none", [["false"], ["false"]], "ERR_END_OF_CHANNEL"],
    ["any", [["sh", "-c", "kill -9 $$"], ["cat"]], "ERR_PEER_DIED"],
    ["none", [["cat"], ["sh", "-c", "kill -9 $$"]], "ERR_END_OF_CHANNEL"],
  ] as const)("counts by failOn: %j, for %j", async (failOn, stages, code) => {
    const { output } = AnonymousPipe.pipeline(stages, { failOn });
    expect(await codeOf(output.receive())).toBe(code);
  });

  test("is none that SIGPIPE has ended because the next one wanted no more", async () => {
    const { output, statuses } = AnonymousPipe.pipeline([["yes"], ["head", "-n", "2"]], LINES);
    expect(await all(output)).toEqual(["y", "y"]);
    expect(await statuses).toMatchObject([{ signal: "SIGPIPE" }, { code: 0 }]);
  });

  test("delivers a last line that has no newline before it is told", async () => {
    const { output } = AnonymousPipe.pipeline([["sh", "-c", "printf 'a\\nb'; exit 1"]], LINES);
    expect([await output.receive(), await output.receive()]).toEqual(["a", "b"]);
    expect(await codeOf(output.receive())).toBe("ERR_PEER_DIED");
  });

  test("that cannot be started ends the others and says so", async () => {
    const before = openDescriptors();
    const cases = [
      ["no-such-program", 0, "ERR_NO_PEER"],
      ["no-such-program", 2, "ERR_NO_PEER"],
      ["/etc/passwd", 1, "ERR_ACCESS_DENIED"],
    ] as const;
    for (const [command, place, code] of cases) {
      const stages = [["cat"], ["cat"], ["cat"]].with(place, [command]);
      const pipeline = AnonymousPipe.pipeline(stages, { ...LINES, env: OPEN_PATH, input: true });
      pipeline.input.send("x".repeat(100)).catch(() => undefined);
      const error = await pipeline.output.receive().catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code });
      expect((error as Error).message).toContain(
        `stage ${place + 1} of 3 (${JSON.stringify(command)}) could not be started`,
      );
      const statuses = await pipeline.statuses;
      expect(statuses.filter((status) => status.error === undefined)).toHaveLength(2);
      pipeline.input.destroy();
      await pipeline.input.closed;
      await expectNothingLeft(pipeline, before);
    }
  });

  test("for a reason that is known at once throws it, and leaves nothing", async () => {
    const before = openDescriptors();
    const tooLong = "x".repeat(4_000_000);
    const start = () =>
      AnonymousPipe.pipeline([["cat"], ["echo", tooLong], ["cat"], ["cat"]], { input: true });
    expect(start).toThrow(ChannelError);
    // The first stage was started, and was ended.
    while (children().length > 0) await new Promise((resolve) => setImmediate(resolve));
    expect(openDescriptors()).toBe(before);
  });
});

describe("a pipeline that is not run to its end", () => {
  test("is ended by its signal, all stages of it", async () => {
    const before = openDescriptors();
    const controller = new AbortController();
    const options = { ...LINES, signal: controller.signal };
    const pipeline = AnonymousPipe.pipeline([SLEEP, SLEEP, SLEEP], options);
    const receiving = codeOf(pipeline.output.receive());
    const reason = new Error("enough");
    controller.abort(reason);
    expect(await receiving).toBe(reason);
    expect((await pipeline.statuses).map(({ signal }) => signal)).toEqual(["SIGTERM", "SIGTERM", "SIGTERM"]);
    await expectNothingLeft(pipeline, before);
  });

  test("is ended in mid-traffic 100 times, and leaves no process, zombie or descriptor", async () => {
    const before = openDescriptors();
    for (let round = 0; round < 100; round++) {
      const controller = new AbortController();
      const pipeline = AnonymousPipe.pipeline([["yes"], ["cat"], ["cat"]], {
        ...LINES,
        signal: controller.signal,
        killSignal: round % 2 === 0 ? "SIGTERM" : "SIGKILL",
      });
      for (let count = 0; count < round * 20; count++) await pipeline.output.receive();
      controller.abort();
      await expectNothingLeft(pipeline, before);
    }
  });

  test("is ended by SIGPIPE when its output is left", async () => {
    const before = openDescriptors();
    const pipeline = AnonymousPipe.pipeline([["yes"], ["cat"]], LINES);
    for await (const line of pipeline.output) {
      expect(line).toBe("y");
      break;
    }
    expect((await pipeline.statuses).map(({ signal }) => signal)).toEqual(["SIGPIPE", "SIGPIPE"]);
    await expectNothingLeft(pipeline, before);
  });

  test("is ended at the end of its scope", async () => {
    const before = openDescriptors();
    let outer: Pipeline<string>;
    {
      await using pipeline = AnonymousPipe.pipeline([["cat"], SLEEP], { ...LINES, input: true });
      outer = pipeline;
    }
    await expectNothingLeft(outer, before);
  });

  test("is ended by kill()", async () => {
    const pipeline = AnonymousPipe.pipeline([SLEEP, ["cat"]], LINES);
    pipeline.kill("SIGKILL");
    expect(await codeOf(pipeline.output.receive())).toBe("ERR_PEER_DIED");
    expect((await pipeline.statuses)[0]).toMatchObject({ code: null, signal: "SIGKILL" });
    pipeline.kill();
  });

  test("tells its input that the first stage is gone", async () => {
    const { input, output } = AnonymousPipe.pipeline([["true"]], { ...LINES, input: true });
    expect(await all(output)).toEqual([]);
    await input.closed;
    expect(await codeOf(input.send("late"))).toBe("ERR_PEER_DIED");
  });
});

test("wrong arguments are refused by name and value, before anything is made", () => {
  const before = openDescriptors();
  const wrong: [readonly unknown[], RegExp][] = [
    [["ls"], /stages.*"ls"/],
    [[[]], /stages.*\[\]/],
    [[["ls"]], /stages\[0\].*"ls"/],
    [[[["ls"], []]], /stages\[1\].*\[\]/],
    [[[[""]]], /stages\[0\].*""/],
    [[[["ls", 7]]], /7/],
    [[[["l\0s"]]], /NUL/],
    [[[["ls"]], null], /options.*null/],
    [[[["ls"]], { input: "yes" }], /options\.input.*"yes"/],
    [[[["ls"]], { stderr: "keep" }], /options\.stderr.*"keep"/],
    [[[["ls"]], { failOn: "first" }], /options\.failOn.*"first"/],
    [[[["ls"]], { framing: {} }], /options\.framing/],
    [[[["ls"]], { codec: {} }], /options\.codec/],
    [[[["ls"]], { killSignal: 15 }], /options\.killSignal.*15/],
    [[[["ls"]], { capacity: 0 }], /options\.capacity.*0/],
    [[[["ls"]], { signal: 1 }], /options\.signal.*1/],
    [[[["ls"]], { cwd: 7 }], /cwd.*7/],
  ];
  for (const [parameters, message] of wrong) {
    const call = (): unknown => (AnonymousPipe.pipeline as (...all: unknown[]) => unknown)(...parameters);
    expect(call, JSON.stringify(parameters)).toThrow(message);
    expect(call, JSON.stringify(parameters)).not.toThrow(ChannelError);
  }
  expect(() => AnonymousPipe.pipeline([["ls"]], { signal: AbortSignal.abort(new Error("before")) })).toThrow(
    /before/,
  );
  expect(openDescriptors()).toBe(before);
  expect(children()).toEqual([]);
});
