import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseSocketAddress } from "../../../src/mechanisms/socket-address.js";
import { UnixSocket } from "../../../src/mechanisms/unix-socket/unix-socket.js";
import { startProgram } from "../../support/child.js";
import { failure, freshPath } from "./support.js";

describe("parseSocketAddress()", () => {
  it("takes a path of 107 bytes and refuses one of 108, counting bytes rather than characters", () => {
    expect(parseSocketAddress("a".repeat(107)).name.length).toBe(107);
    expect(() => parseSocketAddress("a".repeat(108))).toThrow(RangeError);
    expect(() => parseSocketAddress("ü".repeat(54))).toThrow(
      /path must have at most 107 bytes, received 108/,
    );
  });

  it("takes an abstract name of 108 bytes and refuses one of 109", () => {
    expect(parseSocketAddress(`\0${"a".repeat(107)}`).isAbstract).toBe(true);
    expect(() => parseSocketAddress(`\0${"a".repeat(108)}`)).toThrow(/at most 108 bytes, received 109/);
  });

  it("refuses what is no string, is empty, has a NUL inside, or is a NUL alone", () => {
    for (const wrong of [undefined, null, 7, Buffer.from("x"), "", "a\0b", "\0"])
      expect(() => parseSocketAddress(wrong), String(wrong)).toThrow(TypeError);
    expect(() => parseSocketAddress(7)).toThrow(/path must be .*, received 7/);
    expect(() => parseSocketAddress("a\0b")).toThrow(/NUL inside, received "a\\u0000b"/);
  });

  it("shows an abstract name with an at sign", () => {
    expect(parseSocketAddress("\0name").text).toBe('"@name"');
    expect([...parseSocketAddress("\0name").name]).toEqual([0, ...Buffer.from("name")]);
  });
});

describe("UnixSocket addresses", () => {
  it("binds a path of 107 bytes", async () => {
    const folder = dirname(freshPath());
    const path = join(folder, "x".repeat(106 - folder.length));
    expect(Buffer.byteLength(path)).toBe(107);
    // The lock file's name is longer than a socket's may be; it is no socket.
    await using listener = await UnixSocket.listen(path);
    await using client = await UnixSocket.connect(path);
    expect(client.address).toBe(listener.address);
  });

  it("uses an abstract name in its exact length, as other programs do", async () => {
    const name = `sluice-test-${process.pid}`;
    await using listener = await UnixSocket.listen(`\0${name}`);
    expect(readFileSync("/proc/net/unix", "utf8")).toMatch(new RegExp(` @${name}$`, "m"));
    await using python = startProgram("python3", [
      "-c",
      `import socket; s = socket.socket(socket.AF_UNIX); s.connect("\\0${name}"); s.sendall(b"\\x02\\0\\0\\0hi")`,
    ]);
    await using channel = await listener.accept({ timeout: 10_000 });
    expect(String(await channel.receive())).toBe("hi");
    expect(channel.peer.pid).toBe(python.pid);
  });

  it("frees an abstract name at close, and refuses it while it is taken", async () => {
    const name = `\0sluice-test-taken-${process.pid}`;
    const first = await UnixSocket.listen(name);
    const error = await failure(() => UnixSocket.listen(name));
    expect(error.code).toBe("ERR_ADDRESS_IN_USE");
    expect(error.message).toContain(`"@sluice-test-taken-${process.pid}"`);
    // Nobody has connected to the first to find that out.
    expect((await failure(() => first.accept({ timeout: 0 }))).code).toBe("ERR_TIMEOUT");
    await first.close();
    await (await UnixSocket.listen(name)).close();
  });

  it("refuses a mode for an abstract name, which has no file", async () => {
    await expect(UnixSocket.listen("\0sluice-mode", { mode: 0o600 })).rejects.toThrow(
      /options.mode must be absent/,
    );
  });

  it("rejects a wrong path in listen, connect and bind without doing anything", async () => {
    const methods = [
      (path: string) => UnixSocket.listen(path),
      (path: string) => UnixSocket.connect(path),
      (path: string) => UnixSocket.bind(path),
    ];
    for (const open of methods) {
      await expect(open(5 as never)).rejects.toThrow(TypeError);
      await expect(open("x".repeat(200))).rejects.toThrow(RangeError);
    }
  });
});
