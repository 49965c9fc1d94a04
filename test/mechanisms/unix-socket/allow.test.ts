import { chmodSync } from "node:fs";
import { dirname } from "node:path";
import { describe, expect, it } from "vitest";
import type { Credentials } from "../../../src/core/channel.js";
import { type Allow, resolveAllow } from "../../../src/mechanisms/authorise.js";
import { UnixSocket } from "../../../src/mechanisms/unix-socket/unix-socket.js";
import { compiled, startPeer, startProgram } from "../../support/child.js";
import { failure, freshPath, until } from "./support.js";
import { openDescriptors } from "../../support/open-descriptors.js";

const isRoot = process.geteuid?.() === 0;
const ourUid = process.geteuid?.() ?? -1;
const ourGid = process.getegid?.() ?? -1;
const NOBODY = 65534;
/** Ids that are not ours, so that we ourselves are strangers. */
const strangers: Allow = { uids: [4_000_000_000], gids: [4_000_000_001] };

/** A path that every user can reach. */
function publicPath(): string {
  const path = freshPath();
  chmodSync(dirname(path), 0o755);
  return path;
}

describe("resolveAllow()", () => {
  const peer = (uid: number, gid = 0): Credentials => ({ pid: 1, uid, gid });

  it('lets in this user and root by "self", the default', () => {
    for (const allow of [undefined, "self"] as const) {
      const { decide } = resolveAllow(allow);
      expect(decide(peer(ourUid))).toBe(true);
      expect(decide(peer(0))).toBe(true);
      expect(decide(peer(NOBODY))).toBe(ourUid === NOBODY);
      expect(decide(peer(2 ** 32 - 1))).toBe(false);
    }
  });

  it('lets in uid 0 alone by "root", and everybody by "anyone"', () => {
    expect(resolveAllow("root").decide(peer(0))).toBe(true);
    expect(resolveAllow("root").decide(peer(1000))).toBe(false);
    expect(resolveAllow("anyone").decide(peer(2 ** 32 - 1))).toBe(true);
    expect(resolveAllow("anyone").isOpen).toBe(true);
  });

  it("lets in who has one of the listed ids, and root only if listed", () => {
    const { decide } = resolveAllow({ uids: [1000], gids: [50] });
    expect(decide(peer(1000, 1))).toBe(true);
    expect(decide(peer(7, 50))).toBe(true);
    expect(decide(peer(0, 0))).toBe(false);
    expect(decide(peer(50, 1000))).toBe(false);
  });

  it("lets a function's true in, and nothing else", async () => {
    for (const verdict of [true, Promise.resolve(true)])
      expect(await resolveAllow(() => verdict).ask(peer(1))).toBe(true);
    for (const verdict of [false, 1, "yes", undefined, {}, Promise.resolve(1)])
      expect(await resolveAllow((() => verdict) as never).ask(peer(1))).toBe(false);
  });

  it("refuses what is no rule", () => {
    for (const wrong of ["all", 5, null, true, {}, { uids: 5 }, { uids: ["root"] }, { gids: [null] }])
      expect(() => resolveAllow(wrong as never), JSON.stringify(wrong)).toThrow(TypeError);
    for (const wrong of [-1, 1.5, NaN, 2 ** 32 - 1, Infinity])
      expect(() => resolveAllow({ uids: [wrong] }), String(wrong)).toThrow(RangeError);
  });
});

describe("UnixSocket.listen() with allow", () => {
  it.each(["stream", "seqpacket"] as const)(
    "closes the connection of a stranger and reports it (%s)",
    async (type) => {
      const path = freshPath();
      const refused: Credentials[] = [];
      await using listener = await UnixSocket.listen(path, {
        type,
        allow: strangers,
        onRefuse: (credentials) => refused.push(credentials),
      });
      const before = openDescriptors();
      for (let round = 1; round <= 3; round++) {
        const client = await UnixSocket.connect(path, { type });
        await expect(client.receive({ timeout: 5000 })).rejects.toMatchObject({
          code: expect.stringMatching(/ERR_END_OF_CHANNEL|ERR_PEER_DIED/) as string,
        });
        client.destroy();
        await client.closed;
        expect(listener.refused).toBe(round);
      }
      expect(refused).toHaveLength(3);
      expect(refused[0]).toEqual({ pid: process.pid, uid: ourUid, gid: ourGid });
      expect(openDescriptors()).toBe(before);
      expect((await failure(() => listener.accept({ timeout: 0 }))).code).toBe("ERR_TIMEOUT");
    },
  );

  it("asks a function, also one that takes its time, and reads nothing before it has decided", async () => {
    const path = freshPath();
    let decide: ((allowed: boolean) => void) | undefined;
    await using listener = await UnixSocket.listen(path, {
      allow: (credentials) => {
        expect(credentials.uid).toBe(ourUid);
        return new Promise((resolve) => (decide = resolve));
      },
    });
    await using client = await UnixSocket.connect(path);
    await client.send(Buffer.from("early"));
    await until(() => decide !== undefined);
    expect((await failure(() => listener.accept({ timeout: 0 }))).code).toBe("ERR_TIMEOUT");
    decide?.(true);
    await using server = await listener.accept({ timeout: 5000 });
    expect(String(await server.receive())).toBe("early");
    expect(listener.refused).toBe(0);
  });

  it("closes the connections about which a function has not decided, when the listener closes", async () => {
    const path = freshPath();
    const decisions: ((allowed: boolean) => void)[] = [];
    const before = openDescriptors();
    const listener = await UnixSocket.listen(path, {
      allow: () => new Promise((resolve) => decisions.push(resolve)),
    });
    const clients = await Promise.all(Array.from({ length: 100 }, () => UnixSocket.connect(path)));
    // No more than 64 questions at a time; the others wait in the backlog.
    await until(() => decisions.length === 64);
    await listener.close();
    for (const decide of decisions) decide(true);
    for (const client of clients) {
      await expect(client.receive({ timeout: 5000 })).rejects.toThrow();
      client.destroy();
    }
    await Promise.all(clients.map((client) => client.closed));
    expect(decisions).toHaveLength(64);
    expect(openDescriptors()).toBe(before);
  });

  it("asks about the next when one was decided, in whatever number they come", async () => {
    const path = freshPath();
    let asked = 0;
    await using listener = await UnixSocket.listen(path, {
      allow: async () => {
        const number = asked++;
        await new Promise((resolve) => setImmediate(resolve));
        return number % 2 === 0;
      },
    });
    const clients = await Promise.all(Array.from({ length: 150 }, () => UnixSocket.connect(path)));
    const accepted: unknown[] = [];
    while (accepted.length < 75) accepted.push(await listener.accept({ timeout: 5000 }));
    await until(() => listener.refused === 75);
    for (const client of clients) client.destroy();
    expect(asked).toBe(150);
  });

  it("keeps a peer out when the function throws, and the throw is an uncaught exception", async () => {
    const path = freshPath();
    const index = JSON.stringify(compiled("src/index.ts"));
    const program = `
      const { UnixSocket } = await import(${index});
      process.on("uncaughtException", (error) => console.log("uncaught", error.message));
      const verdicts = [() => { throw new Error("sync"); }, async () => { throw new Error("async"); }];
      const listener = await UnixSocket.listen(process.argv[1], {
        allow: () => verdicts.shift()(),
        onRefuse: () => { throw new Error("onRefuse"); },
      });
      console.log("listening");
      await new Promise((resolve) => process.stdin.once("end", resolve).resume());
      console.log("refused", listener.refused);
      await listener.close();`;
    await using server = startProgram(process.execPath, ["--input-type=module", "-e", program, path]);
    await server.expectLine("listening");
    for (const kind of ["sync", "async"]) {
      const client = await UnixSocket.connect(path);
      await expect(client.receive({ timeout: 5000 })).rejects.toThrow();
      client.destroy();
      const lines = [await server.nextLine(), await server.nextLine()].sort();
      expect(lines).toEqual([`uncaught ${kind}`, "uncaught onRefuse"].sort());
    }
    server.end();
    await server.expectLine("refused 2");
    expect((await server.exit).code).toBe(0);
  });

  it("lets another user in when it is named, and keeps it out by default", async () => {
    const path = publicPath();
    const user = isRoot ? { uid: NOBODY, gid: NOBODY } : {};
    const uid = isRoot ? NOBODY : ourUid;
    const refused: Credentials[] = [];
    {
      await using listener = await UnixSocket.listen(path, {
        mode: 0o666,
        allow: isRoot ? "self" : strangers,
        onRefuse: (credentials) => refused.push(credentials),
      });
      await using client = startPeer("unix-socket/client", [path], user);
      await client.expectLine("connected");
      await until(() => listener.refused === 1);
      expect(refused).toEqual([{ pid: client.pid, uid, gid: isRoot ? NOBODY : ourGid }]);
    }
    await using listener = await UnixSocket.listen(path, { mode: 0o666, allow: { uids: [uid] } });
    await using client = startPeer("unix-socket/client", [path], user);
    await client.expectLine("connected");
    await using channel = await listener.accept({ timeout: 10_000 });
    expect(channel.peer).toEqual({ pid: client.pid, uid, gid: isRoot ? NOBODY : ourGid });
  });

  it("keeps other users out by the mode of the file alone", async () => {
    const path = publicPath();
    await using listener = await UnixSocket.listen(path, { allow: "anyone", mode: isRoot ? 0o600 : 0 });
    await using client = startPeer("unix-socket/client", [path], isRoot ? { uid: NOBODY, gid: NOBODY } : {});
    await client.expectLine("refused ERR_ACCESS_DENIED");
    expect(listener.refused).toBe(0);
  });
});

describe("UnixSocket.connect() with allow", () => {
  it.each(["stream", "seqpacket"] as const)(
    "refuses a server that is not one of those allowed (%s)",
    async (type) => {
      const path = freshPath();
      await using listener = await UnixSocket.listen(path, { type, allow: "anyone" });
      const before = openDescriptors();
      const error = await failure(() => UnixSocket.connect(path, { type, allow: strangers }));
      expect(error.code).toBe("ERR_ACCESS_DENIED");
      expect(error.message).toContain(`pid ${process.pid}, uid ${ourUid}`);
      expect(error.message).toContain("4000000000");
      expect((await failure(() => UnixSocket.connect(path, { type, allow: () => false }))).code).toBe(
        "ERR_ACCESS_DENIED",
      );
      const fault = new Error("my fault");
      const throwing = (): never => {
        throw fault;
      };
      await expect(UnixSocket.connect(path, { type, allow: throwing })).rejects.toBe(fault);
      // The server sees each come and go; then nothing is left here.
      for (let round = 0; round < 3; round++) {
        const channel = await listener.accept({ timeout: 5000 });
        await expect(channel.receive({ timeout: 5000 })).rejects.toMatchObject({
          code: "ERR_END_OF_CHANNEL",
        });
        await channel.closed;
      }
      expect(openDescriptors()).toBe(before);
    },
  );

  it("bounds the wait for a function by timeout and signal", async () => {
    const path = freshPath();
    await using listener = await UnixSocket.listen(path);
    const never = (): Promise<boolean> => new Promise(() => undefined);
    expect((await failure(() => UnixSocket.connect(path, { allow: never, timeout: 20 }))).code).toBe(
      "ERR_TIMEOUT",
    );
    const reason = new Error("enough");
    const attempt = UnixSocket.connect(path, { allow: never, signal: AbortSignal.timeout(20) });
    await expect(attempt).rejects.toMatchObject({ name: "TimeoutError" });
    await expect(UnixSocket.connect(path, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(listener.refused).toBe(0);
  });

  it("refuses a server that runs as another user, unless that user is named", async () => {
    const path = publicPath();
    chmodSync(dirname(path), 0o777);
    const user = isRoot ? { uid: NOBODY, gid: NOBODY } : {};
    await using server = startPeer("unix-socket/echo", [path, '{"allow":"anyone","mode":438}'], user);
    await server.expectLine("listening");
    const denied = isRoot ? "self" : strangers;
    expect((await failure(() => UnixSocket.connect(path, { allow: denied }))).code).toBe("ERR_ACCESS_DENIED");
    await using channel = await UnixSocket.connect(path, { allow: { uids: [isRoot ? NOBODY : ourUid] } });
    expect(channel.peer.pid).toBe(server.pid);
    await channel.send(Buffer.from("hello"));
    expect(String(await channel.receive())).toBe("hello");
  });
});

describe("UnixSocket.bind() with allow", () => {
  it("drops the datagrams of strangers, counts them and reports them", async () => {
    const path = freshPath();
    const refused: Credentials[] = [];
    await using receiver = await UnixSocket.bind(path, {
      allow: strangers,
      onRefuse: (credentials) => refused.push(credentials),
    });
    await using sender = await UnixSocket.connect(path, { type: "dgram" });
    for (let round = 0; round < 3; round++) await sender.send(Buffer.from("unwelcome"));
    await until(() => receiver.refused === 3);
    expect(refused[0]).toEqual({ pid: process.pid, uid: ourUid, gid: ourGid });
    expect(receiver.tryReceive()).toBeUndefined();
  });
});
