import { spawn } from "node:child_process";
import { getEventListeners, once } from "node:events";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text as readText } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { AnonymousPipe, ChannelError, lines, text } from "sluice";
import { compiled, startPeer } from "../../support/child.js";
import { children, codeOf, OPEN_PATH } from "./support.js";
import { openDescriptors } from "../../support/open-descriptors.js";

const NODE_CHILD = compiled("test/support/peers/anonymous-pipe/child.ts");
const LINES = { framing: lines(), codec: text() };
const ECHO = ["-c", "cat <&3 >&4"];

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-spawn-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

describe("AnonymousPipe.spawn()", () => {
  test("joins this process with a Node child, both ways", async () => {
    const before = openDescriptors();
    const { channel, exited } = AnonymousPipe.spawn(process.execPath, [NODE_CHILD, "echo"]);
    expect(channel.traits).toMatchObject({ mechanism: "anonymous-pipe", direction: "both" });
    const messages = Array.from({ length: 20_000 }, (_, index) => Buffer.from(`message ${index}`));
    const sending = channel.sendMany(messages);
    for (let next = 0; next < messages.length;) {
      for (const message of await channel.receiveMany()) expect(message.equals(messages[next++]!)).toBe(true);
    }
    await sending;
    await channel.close();
    expect(await exited).toEqual({ code: 0, signal: null });
    expect(openDescriptors()).toBe(before);
  });

  test("gives the child two descriptors and none besides, and ordinary signals", async () => {
    await using other = AnonymousPipe.spawn("cat", []);
    using _pipe = AnonymousPipe.create().reader.detach();
    const script = `ls /proc/self/fd; grep -E "Sig(Blk|Ign)" /proc/self/status; echo "$SLUICE_PIPE"`;
    const plain = await outputOf(script, (stdio) => spawn("sh", ["-c", script], { stdio }));
    const ours = await outputOf(
      script,
      (stdio) => AnonymousPipe.spawn("sh", ["-c", script], { stdio }).child,
    );
    const numbers = (list: string[]): string[] => list.filter((line) => /^\d+$/.test(line));
    // `ls` itself has the folder open, at the lowest number that is free.
    expect(numbers(plain)).toContain("3");
    expect(numbers(ours)).toEqual(expect.arrayContaining(["0", "1", "2", "3", "4", "5"]));
    expect(numbers(ours)).toHaveLength(numbers(plain).length + 2);
    // Node ignores SIGPIPE; a child that did so too would not end when nobody reads what it writes.
    expect(ours.filter((line) => line.startsWith("Sig"))).toEqual([
      "SigBlk:\t0000000000000000",
      "SigIgn:\t0000000000000000",
    ]);
    expect(ours.at(-1)).toBe("3,4");
    other.child.kill();
  });

  test("leaves the standard streams free, and moves behind an array of more", async () => {
    const stdio = ["pipe", "pipe", "pipe", "ignore", "pipe"] as const;
    const script =
      'read -r line; echo "$line $SLUICE_PIPE"; echo oops >&2; read -r line <&5; echo "<$line>" >&6';
    const { child, channel } = AnonymousPipe.spawn("bash", ["--norc", "-c", script], {
      ...LINES,
      stdio: [...stdio],
    });
    child.stdin?.end("stdin\n");
    await channel.send("channel");
    expect(await channel.receive()).toBe("<channel>");
    expect(await readText(child.stdout!)).toBe("stdin 5,6\n");
    expect(await readText(child.stderr!)).toBe("oops\n");
    await channel.close();
  });

  test("passes environment, working directory and name", async () => {
    const script = 'echo "$0 $PWD $COLOUR ${HOME-none}" >&4';
    const options = { cwd: folder, env: { COLOUR: "red", PATH: process.env["PATH"] }, argv0: "worker" };
    const { channel } = AnonymousPipe.spawn("bash", ["-c", script], { ...LINES, ...options });
    expect(await channel.receive()).toBe(`worker ${folder} red none`);
    expect(await codeOf(channel.receive())).toBe("ERR_END_OF_CHANNEL");
  });

  test.each([
    [undefined, 256 * 1024],
    [512 * 1024, 512 * 1024],
    [4096, 64 * 1024],
  ])("with a capacity of %s makes pipes that hold %i bytes", async (capacity, bytes) => {
    const script = `import fcntl, os
os.write(4, b"%d %d\\n" % tuple(fcntl.fcntl(fd, 1032) for fd in (3, 4)))`;
    await using python = AnonymousPipe.spawn("python3", ["-c", script], { ...LINES, capacity });
    expect(await python.channel.receive()).toBe(`${bytes} ${bytes}`);
  });

  test("detached makes the child a leader of its own session", async () => {
    const script = 'echo "$$ $(cut -d" " -f5,6 /proc/$$/stat)" >&4';
    const { child, channel } = AnonymousPipe.spawn("sh", ["-c", script], { ...LINES, detached: true });
    expect(await channel.receive()).toBe(`${child.pid} ${child.pid} ${child.pid}`);
    await channel.close();
  });

  test("tells how the child has ended", async () => {
    expect(await AnonymousPipe.spawn("sh", ["-c", "exit 7"]).exited).toEqual({ code: 7, signal: null });
    const { child, channel, exited } = AnonymousPipe.spawn("cat");
    child.kill("SIGKILL");
    expect(await exited).toEqual({ code: null, signal: "SIGKILL" });
    expect(await codeOf(channel.receive())).toBe("ERR_END_OF_CHANNEL");
  });

  test("kill -9 of the child, 200 times: the channel ends, with whole lines, and nothing is left", async () => {
    await AnonymousPipe.spawn("true").exited;
    const before = openDescriptors();
    const whole = "a-line-".padEnd(500, "x");
    const lane = async (from: number): Promise<void> => {
      for (let kill = from; kill < 200; kill += 4) {
        const args = ["-c", `exec yes ${whole} >&4`];
        const { child, channel, exited } = AnonymousPipe.spawn("sh", args, {
          ...LINES,
          receiveQueue: { messages: 100 },
        });
        const other: string[] = [];
        let killed = 0;
        const receiving = codeOf(
          (async () => {
            for (let count = 0; ; count++) {
              if (count === kill * 5) {
                killed = performance.now();
                child.kill("SIGKILL");
              }
              const line = await channel.receive();
              if (line !== whole) other.push(line);
            }
          })(),
        );
        expect(await receiving).toBe("ERR_END_OF_CHANNEL");
        expect(performance.now() - killed).toBeLessThan(1000);
        // The last line may have been cut, which a framing of lines cannot know.
        expect(other.length).toBeLessThanOrEqual(1);
        expect(whole).toContain(other[0] ?? "");
        expect(await exited).toEqual({ code: null, signal: "SIGKILL" });
        await channel.closed;
      }
    };
    await Promise.all([0, 1, 2, 3].map(lane));
    expect(openDescriptors()).toBe(before);
    expect(children()).toEqual([]);
  });

  test("kill -9 of this side's process: the child sees the end, and a broken pipe", async () => {
    for (let round = 0; round < 5; round++) {
      await using parent = startPeer("anonymous-pipe/parent");
      await parent.expectLine("ready");
      parent.kill("SIGKILL");
      await parent.expectLine("the child has seen the end");
      await parent.expectLine("and nobody reads what it writes");
      // Its output ends with it.
      await expect(parent.nextLine()).rejects.toThrow(/ended/);
    }
  });

  test("closing the channel does not end the child, unless killOnClose says so", async () => {
    const stubborn = [
      "--norc",
      "-c",
      "while :; do read -r line <&3 || { echo over; read -r _; exit 3; }; done",
    ];
    const { child, channel, exited } = AnonymousPipe.spawn("bash", stubborn, {
      stdio: ["pipe", "pipe", "inherit"],
    });
    await channel.close();
    await once(child.stdout!, "data");
    expect(child.exitCode).toBeNull();
    child.stdin?.end("go\n");
    expect(await exited).toEqual({ code: 3, signal: null });

    const options = {
      killOnClose: true,
      stdio: ["pipe", "ignore", "inherit"] as ("pipe" | "ignore" | "inherit")[],
    };
    const killed = AnonymousPipe.spawn("bash", stubborn, options);
    await killed.channel.close();
    expect(await killed.exited).toEqual({ code: null, signal: "SIGTERM" });
  });

  test("await using closes the channel and waits for the child", async () => {
    let child;
    {
      await using spawned = AnonymousPipe.spawn("bash", ["-c", "cat <&3 >/dev/null; exit 0"]);
      await spawned.channel.send(Buffer.alloc(100_000));
      child = spawned.child;
    }
    expect(child.exitCode).toBe(0);
  });

  test("a child keeps this process alive, an unref'ed one with a closed channel does not", async () => {
    const program = `const { AnonymousPipe } = await import(${JSON.stringify(compiled("src/index.ts"))});
const { child, channel } = AnonymousPipe.spawn("sleep", ["1000"], { stdio: "ignore" });
console.log(child.pid);
child.unref();
await channel.close();`;
    const node = spawn(process.execPath, ["--input-type=module", "-e", program], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [output] = await Promise.all([readText(node.stdout), once(node, "exit")]);
    process.kill(Number(output), "SIGKILL");
    expect(node.exitCode).toBe(0);
  });
});

test("works in workers, whose children see the end when they are terminated", async () => {
  await using peer = startPeer("anonymous-pipe/workers");
  await peer.expectLine("0");
  expect(await peer.exit, peer.stderr).toEqual({ code: 0, signal: null });
});

describe("options.signal", () => {
  test("ends the child, and the channel with the reason", async () => {
    const controller = new AbortController();
    const { channel, exited } = AnonymousPipe.spawn("cat", [], {
      signal: controller.signal,
      stdio: ["pipe", "ignore", "ignore"],
    });
    const receiving = codeOf(channel.receive());
    const reason = new Error("enough");
    controller.abort(reason);
    expect(await receiving).toBe(reason);
    expect(await codeOf(channel.send(Buffer.from("x")))).toBe(reason);
    expect(await exited).toEqual({ code: null, signal: "SIGTERM" });
  });

  test("by the killSignal, and with a reason that is no Error as the cause of one", async () => {
    const controller = new AbortController();
    const { channel, exited } = AnonymousPipe.spawn(
      "sh",
      ["-c", 'trap "" TERM; echo >&4; cat <&3; sleep 1000'],
      {
        ...LINES,
        signal: controller.signal,
        killSignal: "SIGKILL",
      },
    );
    await channel.receive();
    controller.abort("enough");
    expect(await exited).toEqual({ code: null, signal: "SIGKILL" });
    expect(await codeOf(channel.receive())).toMatchObject({ message: "enough", cause: "enough" });
  });

  test("that is aborted already throws its reason, and starts nothing", () => {
    const before = openDescriptors();
    expect(() => AnonymousPipe.spawn("cat", [], { signal: AbortSignal.abort(new Error("before")) })).toThrow(
      /before/,
    );
    expect(openDescriptors()).toBe(before);
    expect(children()).toEqual([]);
  });

  test("may be shared by many children, and is left alone by those that have ended", async () => {
    const controller = new AbortController();
    const { signal } = controller;
    await AnonymousPipe.spawn("true", [], { signal }).exited;
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
    const all = Array.from({ length: 20 }, () => AnonymousPipe.spawn("sleep", ["1000"], { signal }));
    expect(getEventListeners(signal, "abort")).toHaveLength(1);
    controller.abort();
    for (const { exited, channel } of all) {
      expect(await exited).toEqual({ code: null, signal: "SIGTERM" });
      await channel.closed;
    }
  });
});

describe("a program that cannot be started", () => {
  test.each([
    ["that is missing", "/nonexistent/program", {}, "ERR_NO_PEER", 2],
    ["that is not in PATH", "no-such-program-anywhere", {}, "ERR_NO_PEER", 2],
    ["in a missing folder", "true", { cwd: "/nonexistent" }, "ERR_NO_PEER", 2],
    ["that may not be executed", "PLAIN", {}, "ERR_ACCESS_DENIED", 13],
  ] as const)(
    "%s makes channel and exited fail, and leaves nothing",
    async (_, name, options, code, errno) => {
      const plain = join(folder, "plain");
      writeFileSync(plain, "#!/bin/sh\n");
      chmodSync(plain, 0o644);
      const command = name === "PLAIN" ? plain : name;
      const before = openDescriptors();
      const { child, channel, exited } = AnonymousPipe.spawn(command, [], { env: OPEN_PATH, ...options });
      // The reason must be the first thing that is heard, whatever is sent meanwhile.
      channel.send(Buffer.alloc(1_000_000)).catch((error: unknown) => {
        expect(error).toMatchObject({ code });
      });
      const error = await channel.receive().catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(ChannelError);
      expect(error).toMatchObject({
        code,
        errno,
        operation: "spawn",
        mechanism: "anonymous-pipe",
        address: command,
      });
      expect((error as Error).message).toContain(JSON.stringify(command));
      await expect(exited).rejects.toBe(error);
      await channel.closed;
      expect(child.pid).toBeUndefined();
      expect(openDescriptors()).toBe(before);
    },
  );

  test("for a reason that is known at once throws it, and leaves nothing", () => {
    const before = openDescriptors();
    const tooLong = "x".repeat(4_000_000);
    expect(() => AnonymousPipe.spawn("true", [tooLong])).toThrow(
      expect.objectContaining({ code: "ERR_SYSTEM", errno: 7, operation: "spawn" }),
    );
    expect(openDescriptors()).toBe(before);
  });

  test("as root, or with larger pipes than its limits allow, is ERR_ACCESS_DENIED to an ordinary user", async () => {
    const privileged = process.geteuid?.() === 0;
    const program = `const { AnonymousPipe } = await import(${JSON.stringify(compiled("src/index.ts"))});
for (const options of [{ uid: 0 }, { capacity: 2 ** 27 }]) {
  try { await AnonymousPipe.spawn("true", [], options).exited; console.log("started"); } catch (error) { console.log(error.code); }
}`;
    const user = privileged ? { uid: 65534, gid: 65534 } : {};
    const node = spawn(process.execPath, ["--input-type=module", "-e", program], {
      stdio: ["ignore", "pipe", "inherit"],
      cwd: "/",
      ...user,
    });
    const [output] = await Promise.all([readText(node.stdout), once(node, "exit")]);
    expect(output).toBe("ERR_ACCESS_DENIED\nERR_ACCESS_DENIED\n");
  });
});

test("wrong arguments are refused by name and value, before anything is made", () => {
  const before = openDescriptors();
  const wrong: [readonly unknown[], RegExp][] = [
    [[7], /command.*7/],
    [[""], /command.*""/],
    [["a\0b"], /NUL/],
    [["true", "x"], /args.*"x"/],
    [["true", [1]], /args.*1/],
    [["true", ["a\0b"]], /NUL/],
    [["true", [], null], /options.*null/],
    [["true", [], { stdio: 7 }], /options\.stdio.*7/],
    [["true", [], { stdio: ["nonsense"] }], /stdio/],
    [["true", [], { stdio: "nonsense" }], /stdio/],
    [["true", [], { killSignal: "SIGNOTHING" }], /options\.killSignal.*"SIGNOTHING"/],
    [["true", [], { killOnClose: 1 }], /options\.killOnClose.*1/],
    [["true", [], { detached: "yes" }], /options\.detached.*"yes"/],
    [["true", [], { uid: -1 }], /options\.uid.*-1/],
    [["true", [], { gid: "me" }], /options\.gid.*"me"/],
    [["true", [], { env: "x" }], /options\.env.*"x"/],
    [["true", [], { cwd: 7 }], /cwd.*7/],
    [["true", [], { signal: {} }], /options\.signal/],
    [["true", [], { codec: {} }], /options\.codec/],
    [["true", [], { capacity: 1 }], /options\.capacity.*1/],
  ];
  for (const [parameters, message] of wrong) {
    const call = (): unknown => (AnonymousPipe.spawn as (...all: unknown[]) => unknown)(...parameters);
    expect(call, JSON.stringify(parameters)).toThrow(message);
    expect(call, JSON.stringify(parameters)).not.toThrow(ChannelError);
  }
  expect(openDescriptors()).toBe(before);
  expect(children()).toEqual([]);
});

test("an echo of a megabyte does not need the reader and the writer to take turns", async () => {
  await using spawned = AnonymousPipe.spawn("sh", ECHO);
  const { channel } = spawned;
  const message = Buffer.alloc(1_000_000, "sluice");
  const sending = channel.send(message);
  expect((await channel.receive()).equals(message)).toBe(true);
  await sending;
});

/** What a shell script writes, as lines. */
async function outputOf(
  script: string,
  start: (stdio: ["ignore", "pipe", "inherit"]) => { stdout: NodeJS.ReadableStream | null },
): Promise<string[]> {
  const { stdout } = start(["ignore", "pipe", "inherit"]);
  if (stdout === null) throw new Error(`${script} has no output`);
  return (await readText(stdout)).trim().split("\n");
}
