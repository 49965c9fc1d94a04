import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { text } from "../../../src/codec/index.js";
import { inheritedSockets } from "../../../src/daemon/index.js";
import { TcpSocket } from "../../../src/mechanisms/tcp-socket/tcp-socket.js";
import { UnixSocket } from "../../../src/mechanisms/unix-socket/unix-socket.js";
import { compiled, startProgram } from "../../support/child.js";
import { isListening, until } from "../../mechanisms/unix-socket/support.js";
import { freshPath, setEnvironment } from "./support.js";

const program = compiled("test/support/peers/daemon/inherited.ts");
const chat = { codec: text() };

/** Starts the program by the real tool of systemd, which listens first and starts it when somebody comes. */
function activate(options: readonly string[]): ReturnType<typeof startProgram> {
  const env = { LISTEN_PID: undefined, LISTEN_FDS: undefined, LISTEN_FDNAMES: undefined };
  const path = `--setenv=PATH=${process.env["PATH"] ?? ""}`;
  return startProgram("systemd-socket-activate", [path, ...options, process.execPath, program], { env });
}

/** A port that nobody has at the moment: systemd takes no 0. */
async function freePort(): Promise<number> {
  await using listener = await TcpSocket.listen({ host: "127.0.0.1", port: 0 });
  return listener.address.port;
}

interface Given {
  readonly sockets: readonly [string, readonly { readonly name: string; fd: number; kind: string }[]][];
  readonly variables: readonly string[];
  readonly again: number;
}

describe("inheritedSockets", () => {
  it.each([
    { type: "stream", flag: [], kind: "unix-stream" },
    { type: "seqpacket", flag: ["--seqpacket"], kind: "unix-seqpacket" },
  ] as const)("gives the $type sockets of the real systemd-socket-activate, by name", async (given) => {
    const [first, second] = [freshPath("first.sock"), freshPath("second.sock")];
    const names = "--fdname=control:metrics";
    await using daemon = activate([`--listen=${first}`, `--listen=${second}`, names, ...given.flag]);
    await until(() => existsSync(second) && isListening(second));
    // Both wait in the backlog until the program serves; the kernel says to the client that systemd's process listens.
    const clients = [];
    for (const path of [first, second])
      clients.push(await UnixSocket.connect(path, { ...chat, type: given.type }));
    for (const client of clients) expect(client.peer.pid).toBe(daemon.pid);
    expect(JSON.parse(await daemon.nextLine()) as Given).toEqual({
      sockets: [
        ["control", [{ name: "control", fd: 3, kind: given.kind }]],
        ["metrics", [{ name: "metrics", fd: 4, kind: given.kind }]],
      ],
      variables: [],
      again: 0,
    });
    await daemon.expectLine("serving");
    for (const [index, client] of clients.entries()) {
      await client.send("hello");
      expect(await client.receive()).toBe(`hello at ${[first, second][index] ?? ""}`);
      await client.close();
    }
    daemon.end();
    expect(await daemon.exit).toEqual({ code: 0, signal: null });
    // They are systemd's, which passes them to the next process of the service.
    expect(existsSync(first) && existsSync(second)).toBe(true);
  });

  it("gives datagram sockets with what has come already", async () => {
    const path = freshPath();
    await using daemon = activate([`--listen=${path}`, "--datagram"]);
    await until(() => existsSync(path));
    await using sender = await UnixSocket.connect(path, { ...chat, type: "dgram" });
    await sender.send("one");
    expect((JSON.parse(await daemon.nextLine()) as Given).sockets).toEqual([
      // What systemd-socket-activate says where no names are given.
      ["unknown", [{ name: "unknown", fd: 3, kind: "unix-dgram" }]],
    ]);
    await daemon.expectLine("serving");
    await daemon.expectLine("datagram one");
    await sender.send("two");
    await daemon.expectLine("datagram two");
    daemon.end();
    expect(await daemon.exit).toEqual({ code: 0, signal: null });
  });

  it("gives several sockets of one name in their order, and tells those of the network", async () => {
    const path = freshPath();
    const names = "--fdname=api:api";
    await using daemon = activate([`--listen=127.0.0.1:${await freePort()}`, `--listen=${path}`, names]);
    await until(() => existsSync(path) && isListening(path));
    const client = await UnixSocket.connect(path, chat);
    expect((JSON.parse(await daemon.nextLine()) as Given).sockets).toEqual([
      [
        "api",
        [
          { name: "api", fd: 3, kind: "tcp" },
          { name: "api", fd: 4, kind: "unix-stream" },
        ],
      ],
    ]);
    await daemon.expectLine("serving");
    await client.send("x");
    expect(await client.receive()).toBe(`x at ${path}`);
    await client.close();
    daemon.end();
    await daemon.exit;
  });

  it.each([
    ["no variables", {}],
    ["those of another process", { LISTEN_PID: "1", LISTEN_FDS: "1", LISTEN_FDNAMES: "x" }],
    ["no descriptors", { LISTEN_PID: String(process.pid), LISTEN_FDS: "0" }],
  ])("gives none with %s, and unsets the variables", (_what, variables) => {
    setEnvironment({ LISTEN_PID: undefined, LISTEN_FDS: undefined, LISTEN_FDNAMES: undefined });
    setEnvironment(variables);
    expect(inheritedSockets().size).toBe(0);
    expect(Object.keys(process.env).filter((name) => name.startsWith("LISTEN_"))).toEqual([]);
  });

  it.each([
    [{ LISTEN_PID: "me", LISTEN_FDS: "1" }, /LISTEN_PID must be a whole number, received "me"/],
    [{ LISTEN_PID: String(process.pid), LISTEN_FDS: "-1" }, /LISTEN_FDS must be a whole number/],
    [
      { LISTEN_PID: String(process.pid), LISTEN_FDS: "2", LISTEN_FDNAMES: "a" },
      /LISTEN_FDNAMES must have as many names as there are descriptors \(2\)/,
    ],
  ])("refuses variables that are wrong: %j", (variables, message) => {
    setEnvironment({ LISTEN_FDNAMES: undefined });
    setEnvironment(variables);
    expect(() => inheritedSockets()).toThrow(message);
    expect(process.env["LISTEN_FDS"]).toBeUndefined();
  });
});
