import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { AnonymousPipe, json, lines, text } from "sluice";
import { startProgram } from "../../support/child.js";
import { compiled } from "../../support/child.js";

describe("a child that knows nothing of sluice", () => {
  test("python packs a length before each message", async () => {
    const script = `import os, struct
reading, writing = (int(fd) for fd in os.environ["SLUICE_PIPE"].split(","))
with open(reading, "rb") as reader, open(writing, "wb") as writer:
    while header := reader.read(4):
        payload = reader.read(struct.unpack("<I", header)[0])
        answer = b'{"answer":' + payload + b'}'
        writer.write(struct.pack("<I", len(answer)) + answer)
        writer.flush()`;
    const codec = json();
    await using python = AnonymousPipe.spawn("python3", ["-c", script], { codec });
    for (let n = 0; n < 500; n++) {
      await python.channel.send({ n });
      expect(await python.channel.receive()).toEqual({ answer: { n } });
    }
    await python.channel.close();
    expect(await python.exited).toEqual({ code: 0, signal: null });
  });

  test("C reads and writes frames", async () => {
    const folder = mkdtempSync(join(tmpdir(), "sluice-c-"));
    try {
      const source = fileURLToPath(new URL("../../support/peers/anonymous-pipe/child.c", import.meta.url));
      execFileSync("cc", ["-O2", "-Wall", "-Werror", "-o", join(folder, "child"), source]);
      await using child = AnonymousPipe.spawn(join(folder, "child"), [], { codec: text() });
      const words = Array.from({ length: 5000 }, (_, index) => `word ${index} `.repeat(index % 20));
      const sending = child.channel.sendMany(words);
      for (const word of words) expect(await child.channel.receive()).toBe(word.toUpperCase());
      await sending;
      await child.channel.close();
      expect(await child.exited).toEqual({ code: 0, signal: null });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("bash reads and writes lines", async () => {
    const script = 'while read -r line <&3; do echo "<$line>" >&4; done; exit 5';
    const options = { framing: lines(), codec: text() };
    const { channel, exited } = AnonymousPipe.spawn("bash", ["-c", script], options);
    await channel.sendMany(["one", "two words", ""]);
    for (const line of ["<one>", "<two words>", "<>"]) expect(await channel.receive()).toBe(line);
    await channel.close();
    expect(await exited).toEqual({ code: 5, signal: null });
  });
});

test("a parent that knows nothing of sluice gives a Node child its channel", async () => {
  const node = [process.execPath, compiled("test/support/peers/anonymous-pipe/child.ts"), "echo"];
  const script = `import os, struct, subprocess, sys
down, up = os.pipe(), os.pipe()
env = dict(os.environ, SLUICE_PIPE=f"{down[0]},{up[1]}")
child = subprocess.Popen(sys.argv[1:], env=env, pass_fds=(down[0], up[1]))
os.close(down[0]); os.close(up[1])
with open(down[1], "wb") as writer, open(up[0], "rb") as reader:
    for n in range(100):
        message = b"%d" % n * n
        writer.write(struct.pack("<I", len(message)) + message); writer.flush()
        assert reader.read(struct.unpack("<I", reader.read(4))[0]) == message, n
    writer.close()
    assert reader.read() == b""
print("child", child.wait())`;
  await using python = startProgram("python3", ["-c", script, ...node]);
  await python.expectLine("child 0");
});
