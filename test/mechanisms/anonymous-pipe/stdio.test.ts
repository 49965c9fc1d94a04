import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { AnonymousPipe, lines, text } from "sluice";
import { compiled } from "../../support/child.js";

const program = compiled("test/support/peers/anonymous-pipe/stdio.ts");
const inWords = `'${process.execPath}' '${program}'`;

describe("AnonymousPipe.stdio()", () => {
  test("talks to the Node program that has started this one; what console.log writes does not get between the messages", async () => {
    const child = spawn(process.execPath, [program], { stdio: "pipe" });
    let errors = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
    child.stdout.setEncoding("utf8");
    child.stdin.write("one\n");
    expect(await once(child.stdout, "data")).toEqual(["ONE\n"]);
    child.stdin.end("two\nthree");
    expect(await textOf(child.stdout)).toBe("TWO\nTHREE\n");
    expect(await exitOf(child)).toBe(0);
    expect(errors).toBe("this is no message\nthe end\n");
  });

  test("is a stage of a shell's pipeline", () => {
    const output = execFileSync("bash", ["-c", `printf 'one\\ntwo\\n' | ${inWords} 2>/dev/null | cat`]);
    expect(output.toString()).toBe("ONE\nTWO\n");
  });

  test("carries 10 MB through a pipeline whose reader is slow to begin", () => {
    const command = `head -c 10000000 /dev/zero | tr '\\0' 'a' | fold -w 999 | ${inWords} 2>/dev/null | (read -r first; cat) | wc -c`;
    // The first line is read; each has its newline but the last.
    expect(Number(execFileSync("bash", ["-c", command]).toString())).toBe(10_000_000 + 10_011 - 1000);
  });

  test("talks over one socket for both, as socat gives it", () => {
    const { stdout, status } = spawnSync("socat", ["-t", "5", "-", `EXEC:"${process.execPath} ${program}"`], {
      input: "over a socket\n",
    });
    expect([stdout.toString(), status]).toEqual(["OVER A SOCKET\n", 0]);
  });

  test("talks to a Python program that has started this one", () => {
    const script = `
import subprocess, sys
child = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
for word in (b"one", b"two"):
    child.stdin.write(word + b"\\n"); child.stdin.flush()
    print(child.stdout.readline().decode().strip())
child.stdin.close()
print(child.stdout.read(), child.wait())
`;
    const output = execFileSync("python3", ["-c", script, process.execPath, program]);
    expect(output.toString()).toBe("ONE\nTWO\nb'' 0\n");
  });

  test("leaves the pipes of others as they wait: the flags of a shared pipe are not touched", () => {
    // The shell's own write end of the pipe is the one that the program has as its standard output.
    const command = `(${inWords} 2>/dev/null </dev/stdin; python3 -c 'import fcntl, os, sys; sys.stderr.write(str(fcntl.fcntl(1, fcntl.F_GETFL) & os.O_NONBLOCK))') | cat`;
    const { stderr, stdout } = spawnSync("bash", ["-c", `printf 'a\\n' | ${command}`]);
    expect([stdout.toString(), stderr.toString()]).toEqual(["A\n", "0"]);
  });

  test.each([
    ["standard input is a file", "standard input is no pipe and no stream socket", ["file", "pipe"]],
    ["standard input is /dev/null", "standard input is no pipe and no stream socket", ["ignore", "pipe"]],
  ] as const)("refuses when %s, and touches nothing", (_, reason, [input]) => {
    const file = openSync(program, "r");
    const { stdout } = spawnSync(process.execPath, [program], {
      stdio: [input === "file" ? file : "ignore", "pipe", "pipe"],
    });
    closeSync(file);
    // Standard output still is what it was: the refusal comes there.
    expect(stdout.toString()).toContain("ERR_NO_PEER: Cannot open a channel over standard input and output");
    expect(stdout.toString()).toContain(reason);
  });

  test("refuses when standard output is a file, and when it is closed", () => {
    const folder = mkdtempSync(path.join(tmpdir(), "sluice-stdio-"));
    const file = path.join(folder, "output");
    execFileSync("bash", ["-c", `echo | ${inWords} >'${file}'`]);
    expect(readFileSync(file, "utf8")).toContain("standard output is no pipe and no stream socket");
    rmSync(folder, { recursive: true });
  });
});

async function textOf(stream: AsyncIterable<unknown>): Promise<string> {
  let text = "";
  for await (const piece of stream) text += String(piece);
  return text;
}

async function exitOf(child: ReturnType<typeof spawn>): Promise<number | null> {
  if (child.exitCode === null) await once(child, "exit");
  return child.exitCode;
}

describe('AnonymousPipe.spawn({ over: "stdio" })', () => {
  const framing = lines();
  const codec = text();

  test("talks to a program that knows nothing of channels, and sees its end", async () => {
    const { channel, exited } = AnonymousPipe.spawn("cat", [], { over: "stdio", framing, codec });
    await channel.sendMany(["pear", "apple"]);
    expect([await channel.receive(), await channel.receive()]).toEqual(["pear", "apple"]);
    await channel.close();
    expect(await exited).toEqual({ code: 0, signal: null });
  });

  test("talks to a Node child that calls stdio(), which gets no variable of its grandparent", async () => {
    const env = { ...process.env, SLUICE_PIPE: "3,4" };
    const { channel, exited, child } = AnonymousPipe.spawn(process.execPath, [program], {
      over: "stdio",
      framing,
      codec,
      env,
      stdio: [null, null, "pipe"],
    });
    expect([child.stdin, child.stdout]).toEqual([null, null]);
    const errors = child.stderr === null ? "" : textOf(child.stderr);
    await channel.send("hello");
    expect(await channel.receive()).toBe("HELLO");
    await channel.close();
    expect(await exited).toEqual({ code: 0, signal: null });
    expect(await errors).toBe("this is no message\nthe end\n");
  });

  test("is told of the death of the child", async () => {
    const { channel, child } = AnonymousPipe.spawn("cat", [], { over: "stdio", framing, codec });
    await channel.send("one");
    expect(await channel.receive()).toBe("one");
    child.kill("SIGKILL");
    await expect(channel.receive()).rejects.toMatchObject({ code: "ERR_END_OF_CHANNEL" });
  });

  test("refuses standard streams that are the channel's, and an unknown place", () => {
    const spawnWith = (options: object) => () => AnonymousPipe.spawn("cat", [], options);
    expect(spawnWith({ over: "stdio", stdio: ["pipe", null, "inherit"] })).toThrow(
      'options.stdio must leave the first two empty where options.over is "stdio"',
    );
    expect(spawnWith({ over: "there" })).toThrow("options.over must be");
  });
});
