import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { describe, expect, test } from "vitest";
import { ChannelError, NamedPipe } from "sluice";
import { codeOf, openDescriptors, useFolder } from "./support.js";

const folder = useFolder();
const path = (): string => `${folder()}/fifo`;

describe("NamedPipe.create()", () => {
  test("makes a FIFO that only its owner may use", async () => {
    await NamedPipe.create(path());
    expect(lstatSync(path()).isFIFO()).toBe(true);
    expect(lstatSync(path()).mode & 0o7777).toBe(0o600);
  });

  test.each([0o000, 0o600, 0o622, 0o666, 0o777])(
    "gives exactly mode %o, whatever the umask",
    async (mode) => {
      const before = process.umask(0o077);
      try {
        await NamedPipe.create(path(), { mode });
      } finally {
        process.umask(before);
      }
      expect(lstatSync(path()).mode & 0o7777).toBe(mode);
    },
  );

  test("refuses a path that exists, and leaves it as it was", async () => {
    writeFileSync(path(), "content");
    const error = (await NamedPipe.create(path()).catch((reason: unknown) => reason)) as ChannelError;
    expect(error).toBeInstanceOf(ChannelError);
    expect(error).toMatchObject({
      code: "ERR_ADDRESS_IN_USE",
      operation: "create",
      mechanism: "named-pipe",
      address: path(),
      errno: 17,
    });
    expect(error.message).toContain(JSON.stringify(path()));
    expect(readFileSync(path(), "utf8")).toBe("content");
  });

  test("with exclusive: false takes a FIFO of this user, but none that is open to more users", async () => {
    await NamedPipe.create(path(), { mode: 0o600 });
    await NamedPipe.create(path(), { mode: 0o600, exclusive: false });
    await NamedPipe.create(path(), { mode: 0o660, exclusive: false });
    chmodSync(path(), 0o622);
    expect(await codeOf(NamedPipe.create(path(), { mode: 0o600, exclusive: false }))).toBe(
      "ERR_ACCESS_DENIED",
    );
  });

  test("with exclusive: false gives a FIFO of this user the rights that it lacks, but no file with a second name", async () => {
    await NamedPipe.create(path(), { mode: 0o600 });
    await NamedPipe.create(path(), { mode: 0o622, exclusive: false });
    expect(statSync(path()).mode & 0o777).toBe(0o622);
    chmodSync(path(), 0o600);
    linkSync(path(), `${folder()}/second`);
    await NamedPipe.create(`${folder()}/second`, { mode: 0o622, exclusive: false });
    expect(statSync(path()).mode & 0o777).toBe(0o600);
  });

  test("with exclusive: false still refuses what is no FIFO, a link to one included", async () => {
    writeFileSync(path(), "content");
    symlinkSync("fifo", `${folder()}/link`);
    for (const name of ["fifo", "link"]) {
      expect(await codeOf(NamedPipe.create(`${folder()}/${name}`, { exclusive: false }))).toBe(
        "ERR_ADDRESS_IN_USE",
      );
    }
    expect(readFileSync(path(), "utf8")).toBe("content");
  });

  test("tells a missing folder by errno ENOENT", async () => {
    const made = NamedPipe.create(`${folder()}/missing/fifo`);
    await expect(made).rejects.toMatchObject({ code: "ERR_SYSTEM", errno: 2, syscall: "mknodat" });
  });

  test("refuses wrong arguments by name and value", async () => {
    await expect(NamedPipe.create(7 as never)).rejects.toThrow(
      new TypeError("path must be a string, received 7"),
    );
    await expect(NamedPipe.create("")).rejects.toThrow(TypeError);
    await expect(NamedPipe.create("a\0b")).rejects.toThrow(/NUL/);
    await expect(NamedPipe.create("/".padEnd(4096, "x"))).rejects.toThrow(RangeError);
    await expect(NamedPipe.create(path(), { mode: 0o1000 })).rejects.toThrow(/options\.mode.*512/);
    await expect(NamedPipe.create(path(), { mode: "600" as never })).rejects.toThrow(TypeError);
    await expect(NamedPipe.create(path(), { exclusive: 1 as never })).rejects.toThrow(
      /options\.exclusive.*1/,
    );
    await expect(NamedPipe.create(path(), null as never)).rejects.toThrow(TypeError);
    expect(existsSync(path())).toBe(false);
    const name = `${folder()}/${"n".repeat(256)}`;
    await expect(NamedPipe.create(name)).rejects.toMatchObject({ code: "ERR_SYSTEM", errno: 36 });
  });
});

describe("NamedPipe.unlink()", () => {
  test("removes a FIFO, and tells when there is none", async () => {
    await NamedPipe.create(path());
    await NamedPipe.unlink(path());
    expect(existsSync(path())).toBe(false);
    expect(await codeOf(NamedPipe.unlink(path()))).toBe("ERR_NO_PEER");
  });

  test("removes nothing that is no FIFO", async () => {
    writeFileSync(path(), "content");
    expect(await codeOf(NamedPipe.unlink(path()))).toBe("ERR_ADDRESS_IN_USE");
    expect(await codeOf(NamedPipe.unlink(folder()))).toBe("ERR_ADDRESS_IN_USE");
    expect(readFileSync(path(), "utf8")).toBe("content");
  });
});

describe("opening what is no FIFO", () => {
  const opens: [string, (at: string) => Promise<unknown>][] = [
    ["openReader", (at) => NamedPipe.openReader(at)],
    ["openReader with keepOpen", (at) => NamedPipe.openReader(at, { keepOpen: true })],
    ["openWriter", (at) => NamedPipe.openWriter(at)],
    ["openDuplex", (at) => NamedPipe.openDuplex(at, { timeout: 0 })],
  ];

  test.each(opens)("%s is refused, opens nothing and changes nothing", async (_name, open) => {
    const before = openDescriptors();
    writeFileSync(`${folder()}/file.a`, "content");
    writeFileSync(`${folder()}/file`, "content");
    symlinkSync("/dev/null", `${folder()}/link.a`);
    execFileSync("mkfifo", [`${folder()}/real`]);
    symlinkSync("real", `${folder()}/link`);
    expect(await codeOf(open(`${folder()}/file`))).toBe("ERR_ADDRESS_IN_USE");
    expect(await codeOf(open(`${folder()}/link`))).toBe("ERR_ADDRESS_IN_USE");
    expect(readFileSync(`${folder()}/file`, "utf8")).toBe("content");
    expect(readFileSync(`${folder()}/file.a`, "utf8")).toBe("content");
    expect(openDescriptors()).toBe(before);
  });

  test("devices and directories are refused by name", async () => {
    await expect(NamedPipe.openReader("/dev/null")).rejects.toThrow(/a character device/);
    await expect(NamedPipe.openReader(folder())).rejects.toThrow(/a directory/);
    await expect(NamedPipe.openWriter("/dev/null")).rejects.toMatchObject({ code: "ERR_ADDRESS_IN_USE" });
  });

  test("a missing path is ERR_NO_PEER", async () => {
    expect(await codeOf(NamedPipe.openReader(path()))).toBe("ERR_NO_PEER");
    expect(await codeOf(NamedPipe.openWriter(path()))).toBe("ERR_NO_PEER");
    expect(await codeOf(NamedPipe.openDuplex(path(), { create: false }))).toBe("ERR_NO_PEER");
  });

  test("wrong options are refused before anything is opened or waited for", async () => {
    await NamedPipe.create(path());
    const before = openDescriptors();
    const wrong: [Promise<unknown>, RegExp][] = [
      [NamedPipe.openReader(path(), { keepOpen: "yes" as never }), /options\.keepOpen.*"yes"/],
      [NamedPipe.openReader(path(), { capacity: 10 }), /options\.capacity.*10/],
      [NamedPipe.openReader(path(), { framing: {} as never }), /options\.framing/],
      [NamedPipe.openReader(path(), { receiveQueue: { bytes: -1 } }), /receiveQueue\.bytes.*-1/],
      [NamedPipe.openReader(path(), { maxMessageSize: 0 }), /maxMessageSize.*0/],
      [NamedPipe.openReader(path(), "json" as never), /options.*"json"/],
      [NamedPipe.openReader(path(), { allow: (() => true) as never }), /options\.allow.*function/],
      [NamedPipe.openReader(path(), { allow: "all" as never }), /options\.allow.*"all"/],
      [NamedPipe.openWriter(path(), { writers: "few" as never }), /options\.writers.*"few"/],
      [NamedPipe.openWriter(path(), { timeout: -1 }), /timeout.*-1/],
      [NamedPipe.openWriter(path(), { sendQueue: { messages: 0 } }), /sendQueue\.messages.*0/],
      [NamedPipe.openWriter(path(), { writers: "many", maxMessageSize: 5000 }), /maxMessageSize.*4092.*5000/],
      [NamedPipe.openDuplex(path(), { side: "c" as never }), /options\.side.*"c"/],
      [NamedPipe.openDuplex(path(), { create: 0 as never }), /options\.create.*0/],
    ];
    for (const [call, text] of wrong) {
      const error: unknown = await call.catch((reason: unknown) => reason);
      expect(error instanceof TypeError || error instanceof RangeError, String(error)).toBe(true);
      expect(String(error)).toMatch(text);
    }
    expect(openDescriptors()).toBe(before);
    expect(existsSync(`${path()}.a`)).toBe(false);
  });

  test("NamedPipe itself has no instances", () => {
    expect(() => new (NamedPipe as unknown as new () => unknown)()).toThrow(TypeError);
  });
});
