import { describe, expect, test } from "vitest";
import { connect, listen } from "sluice";

const schemes = "unix:, unix-seqpacket:, unix-dgram:, fifo:, shm:, mq:, sysv:, tcp://, tls://, udp://";

const opens: readonly ((url: string) => Promise<unknown>)[] = [connect, listen];

/** What is wrong, and what the message says of it. */
const wrong: readonly (readonly [url: string, text: string])[] = [
  ["", `must begin with one of ${schemes}`],
  ["/run/a.sock", "write unix:/path"],
  ["http://127.0.0.1:80", `must begin with one of ${schemes}`],
  ["unix", "must begin with one of"],
  ["constructor:/x", "must begin with one of"],
  [" unix:/x", "must begin with one of"],
  ["unix:", "must say where"],
  ["unix://", "must say where"],
  ["unix://host/x", "must name no host: unix stays on this machine"],
  ["unix://run", "must name no host"],
  ["shm://host/x", "must name no host"],
  ["mq://jobs", "must name no host"],
  ["fifo://host/x", "must name no host"],
  ["sysv://host/x", "must name no host"],
  ["unix:@", "must have a name behind the @"],
  ["unix:/x#part", "must have no fragment"],
  ["tcp://127.0.0.1:80#part", "must have no fragment"],
  ["unix:/x%00", "must have no NUL"],
  ["unix:%00x", "must have no NUL (an abstract socket is written with @)"],
  ["unix:\0x", "must have no NUL"],
  ["fifo:/x\0y", "must have no NUL"],
  ["unix:/x%", "two hexadecimal digits"],
  ["unix:/x%zz", "two hexadecimal digits"],
  ["unix:/x%ff", "two hexadecimal digits of UTF-8"],
  ["tcp:127.0.0.1:80", "must have // and a host"],
  ["tcp://127.0.0.1", "must say a port"],
  ["tcp://127.0.0.1:", "must say a port"],
  ["tls://example.org", "must say a port"],
  ["udp://[::1]", "must say a port"],
  ["tcp://:80", "must name a host"],
  ["tcp://[]:80", "must name a host"],
  ["tcp://::1:80", "an IPv6 address stands in brackets"],
  ["tcp://[::1:80", "one host and one port"],
  ["tcp://a b:80", "no blank"],
  ["tcp://127.0.0.1:65536", "a port from 0 to 65535"],
  ["tcp://127.0.0.1:http", "a port from 0 to 65535"],
  ["tcp://127.0.0.1:-1", "a port from 0 to 65535"],
  ["tcp://127.0.0.1:80/path", "must have no path"],
  ["tcp://me@127.0.0.1:80", "must have no user and no password"],
  ["tls://me:secret@127.0.0.1:80", "must have no user and no password"],
  ["unix:/x?mode", "parameters as name=value"],
  ["unix:/x?=1", "parameters as name=value"],
  ["unix:/x?mode=0600&&backlog=1", "parameters as name=value"],
  ["unix:/x?mode=0600&mode=0660", 'must say "mode" once'],
  [
    "unix:/x?mod=0600",
    'unknown parameter "mod"; unix takes maxMessageSize, timeout, halfOpen, maxHandles, backlog, mode',
  ],
  ["unix:/x?__proto__=1", 'unknown parameter "__proto__"'],
  ["unix:/x?constructor=1", 'unknown parameter "constructor"'],
  ["unix:/x?allow=anyone", 'unknown parameter "allow"'],
  ["tcp://127.0.0.1:80?handshakeTimeout=1", "unknown parameter"],
  ["mq:/x?projectId=3", "unknown parameter"],
  ["unix:/x?mode=rw", "three octal digits"],
  ["unix:/x?mode=0x180", "three octal digits"],
  ["unix:/x?mode=0800", "three octal digits"],
  ["unix:/x?timeout=soon", "a whole number"],
  ["unix:/x?timeout=", "a whole number"],
  ["unix:/x?timeout=-1", "a whole number"],
  ["unix:/x?maxMessageSize=64K", "a whole number"],
  ["unix:/x?halfOpen=1", "must be true or false"],
  ["fifo:/x?writers=two", "must be single or many"],
  ["sysv:jobs", "a key (0x1234 or 4660) or a path that begins with / or ./"],
  ["sysv:0123", "a key (0x1234 or 4660)"],
  ["mq:jobs", 'name must be a slash and one name such as "/jobs"'],
];

describe("a wrong URL is a TypeError that says what is possible:", () => {
  for (const [url, text] of wrong) {
    test(JSON.stringify(url), async () => {
      for (const open of opens) {
        const error: unknown = await open(url).then(
          () => undefined,
          (reason: unknown) => reason,
        );
        expect(error).toBeInstanceOf(TypeError);
        expect((error as TypeError).message).toContain(text);
      }
    });
  }

  test("no string at all", async () => {
    for (const value of [undefined, null, 7, new URL("unix:/x")]) {
      await expect(connect(value as unknown as string)).rejects.toThrow(TypeError);
      await expect(listen(value as unknown as string)).rejects.toThrow("url must be a string");
    }
  });
});

describe("connect() and listen()", () => {
  test("show no password of a wrong URL", async () => {
    for (const url of ["tcp://me:secret@host:80", "http://me:secret@host", "unix://me:secret@host/x"]) {
      const error: unknown = await connect(url).catch((reason: unknown) => reason);
      expect(String(error)).not.toContain("secret");
    }
  });

  test("refuse an option that the URL says", async () => {
    const contradicting: readonly (readonly [string, object, string])[] = [
      ["unix:/x", { type: "dgram" }, "options.type must be absent: the URL says it"],
      ["tcp://127.0.0.1:1", { port: 80 }, "options.port must be absent"],
      ["udp://127.0.0.1:1", { host: "::1" }, "options.host must be absent"],
      ["mq:/x", { kind: "sysv" }, "options.kind must be absent"],
      ["sysv:1", { direction: "both" }, "options.direction must be absent"],
    ];
    for (const [url, options, text] of contradicting) {
      await expect(connect(url, options)).rejects.toThrow(text);
      await expect(listen(url, options)).rejects.toThrow(text);
    }
    await expect(connect("unix:/x", 3 as unknown as object)).rejects.toThrow("options must be an object");
  });

  test("take options of TLS with tls:// alone", async () => {
    await expect(connect("tcp://127.0.0.1:1" as string, { tls: {} })).rejects.toThrow(
      "options.tls goes with a URL that begins with tls://; with tcp nothing would be encrypted",
    );
    for (const tls of [undefined, {}, { key: "" }, { cert: "" }]) {
      const options = tls === undefined ? {} : { tls };
      await expect(listen("tls://127.0.0.1:0" as string, options)).rejects.toThrow(
        "options.tls must have key and cert (or pfx) to listen at tls://",
      );
    }
  });

  test("know port 0 where one listens alone", async () => {
    await expect(connect("tcp://127.0.0.1:0")).rejects.toThrow(
      "url must have a port from 1 to 65535 to connect to",
    );
  });

  test("check the parameters of the other end", async () => {
    await expect(connect("unix:/x?mode=9")).rejects.toThrow(TypeError);
    await expect(listen("unix:/x?timeout=x")).rejects.toThrow(TypeError);
    await expect(connect("unix:/nowhere/x?mode=0600&backlog=4")).rejects.toMatchObject({
      code: "ERR_NO_PEER",
    });
  });

  test("leave it to the mechanism how large a number may be", async () => {
    await expect(connect("udp://127.0.0.1:9?ttl=256")).rejects.toThrow(RangeError);
    await expect(listen("shm:@x?capacity=1")).rejects.toThrow(RangeError);
    await expect(connect(`unix:/${"x".repeat(200)}`)).rejects.toThrow(RangeError);
  });
});
