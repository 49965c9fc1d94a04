import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { ChannelError, MemoryChannel, TcpSocket, UnixSocket } from "sluice";
import { type DaemonPeer, peerGroups, policy, type PolicyData } from "sluice/daemon";
import { publisher, subscriber } from "sluice/pubsub";
import { createClient, serve } from "sluice/rpc";
import { freshPath } from "../../mechanisms/unix-socket/support.js";
import { Authority } from "../../support/certificates.js";
import { startProgram } from "../../support/child.js";

const ourUid = process.geteuid?.() ?? -1;
const ourGid = process.getegid?.() ?? -1;
const me: DaemonPeer = { pid: process.pid, uid: ourUid, gid: ourGid };
const stranger: DaemonPeer = { pid: 1, uid: 4242, gid: 4242 };
const isRoot = ourUid === 0;

const onlyUs = (methods: readonly string[]): PolicyData => ({
  roles: { us: { uids: [ourUid] } },
  rules: [{ allow: "us", methods }],
});

describe("a policy in force", () => {
  test("refuses a peer without a role before the first byte", async () => {
    const path = freshPath();
    const access = policy({ roles: { nobody: { uids: [4242] } }, rules: [] });
    await using listener = await UnixSocket.listen(path, { allow: access.allow });
    await using client = await UnixSocket.connect(path);
    await expect(client.receive()).rejects.toMatchObject({
      code: expect.stringMatching(/ERR_END_OF_CHANNEL|ERR_PEER_DIED/) as string,
    });
    expect(listener.refused).toBe(1);
    expect(access.allow(stranger)).toBe(true);
  });

  test("judges calls, and a reload holds for connections that are open", async () => {
    const path = freshPath();
    const access = policy(onlyUs(["status"]));
    const methods = { status: () => "fine", stop: () => "bye" };
    await using server = serve(await UnixSocket.listen(path, { allow: access.allow }), methods, {
      authorize: access.authorize,
    });
    await using client = createClient<typeof methods>(await UnixSocket.connect(path));
    expect(await client.status()).toBe("fine");
    await expect(client.stop()).rejects.toMatchObject({ code: "ERR_ACCESS_DENIED" });
    access.replace(onlyUs(["stop"]));
    await expect(client.status()).rejects.toMatchObject({ code: "ERR_ACCESS_DENIED" });
    expect(await client.stop()).toBe("bye");
    expect(() => {
      access.replace({ roles: {} } as unknown as PolicyData);
    }).toThrow(ChannelError);
    expect([access.version, await client.stop(), server.peers]).toEqual([2, "bye", 1]);
  });

  test("denies calls over a channel that does not tell its peer", async () => {
    const [left, right] = MemoryChannel.pair();
    const methods = { status: () => "fine" };
    serve(left, methods, {
      authorize: policy({ roles: { all: { anyone: true } }, rules: [{ allow: "all", methods: ["*"] }] })
        .authorize,
    });
    await using client = createClient<typeof methods>(right);
    await expect(client.status()).rejects.toMatchObject({ code: "ERR_ACCESS_DENIED" });
  });

  test("judges subscriptions: one that is refused ends the subscriber's channel, also after a reload", async () => {
    const data = (topic: string): PolicyData => ({
      roles: { us: { uids: [ourUid] } },
      rules: [{ allow: "us", topics: [topic] }],
    });
    const path = freshPath();
    const access = policy(data("news.*"));
    const errors: unknown[] = [];
    await using news = publisher(await UnixSocket.listen(path), {
      authorize: access.authorizeTopic,
      retain: 1,
      onError: (error) => errors.push(error),
    });
    await news.publish("news.today", Buffer.from("sun"));
    await news.publish("secret", Buffer.from("plan"));
    const curious = subscriber(await UnixSocket.connect(path), { topics: ["*"] });
    await expect(curious.receive()).rejects.toBeInstanceOf(ChannelError);
    expect(errors[0]).toMatchObject({ code: "ERR_ACCESS_DENIED" });
    const reader = subscriber(await UnixSocket.connect(path), { topics: ["news.*"] });
    while (!news.hasSubscribers("news.today")) await new Promise((resolve) => setImmediate(resolve));
    await news.publish("news.today", Buffer.from("rain"));
    expect(String((await reader.receive()).message)).toBe("rain");
    access.replace(data("other"));
    news.reauthorize();
    await expect(reader.receive()).rejects.toBeInstanceOf(ChannelError);
    expect(errors[1]).toMatchObject({ code: "ERR_ACCESS_DENIED" });
    expect(news.hasSubscribers("news.today")).toBe(false);
  });

  test("reads what this machine calls its users and groups", () => {
    const name = readFileSync("/etc/passwd", "utf8")
      .split("\n")
      .find((line) => line.split(":")[2] === String(ourUid))
      ?.split(":")[0];
    if (name === undefined) throw new Error("the user of this test has no name");
    const access = policy({ roles: { us: { users: [name] } }, rules: [] });
    expect(access.allow(me)).toBe(true);
    expect(access.allow(stranger)).toBe(false);
  });

  test("knows the supplementary groups of a peer by the kernel's word, however many", async () => {
    // An abstract name, which takes no right to a folder.
    const name = `sluice-test-groups-${process.pid}`;
    const many = Array.from({ length: 100 }, (_, index) => 5000 + index);
    const access = policy({ roles: { team: { gids: [5099] } }, rules: [] });
    await using listener = await UnixSocket.listen(`\0${name}`, { allow: "anyone" });
    const command = ["socat", "-u", `ABSTRACT-CONNECT:${name}`, "STDOUT"];
    // Only root can choose groups; another user has those that it has.
    const as = isRoot ? ["setpriv", "--reuid=65534", "--regid=65534", `--groups=${many.join(",")}`] : ["env"];
    const [program = "", ...args] = [...as, ...command];
    await using client = startProgram(program, args);
    await using channel = await listener.accept({ timeout: 10_000 });
    const ours = (process.getgroups?.() ?? []).toSorted((left, right) => left - right);
    const expected = isRoot ? many : ours.length === 1 && ours[0] === ourGid ? [] : ours;
    expect([...peerGroups(channel.peer)]).toEqual(expected);
    expect(access.allow(channel.peer)).toBe(isRoot);
    const forged = { pid: channel.peer.pid, uid: channel.peer.uid, gid: channel.peer.gid };
    expect([peerGroups(forged), access.allow(forged)]).toEqual([[], false]);
    await channel.close();
    await client.exit;
  });

  test("gives a client of TLS its role by its certificate, and one without a certificate none", async () => {
    using authority = new Authority();
    const tls = {
      ...authority.sign("localhost"),
      ca: authority.ca,
      requestCert: true,
      rejectUnauthorized: false,
    };
    const access = policy({
      roles: {
        worker: { certificates: [{ commonName: "worker", subjectAltName: "DNS:worker" }] },
        other: { certificates: [{ commonName: "other" }] },
      },
      rules: [{ allow: "worker", methods: ["status"] }],
    });
    const methods = { status: () => "fine" };
    const listener = await TcpSocket.listen({ port: 0, tls, allow: access.allow });
    await using _server = serve(listener, methods, { authorize: access.authorize });
    const connect = async (own: object) =>
      createClient<typeof methods>(
        await TcpSocket.connect({
          host: "localhost",
          port: listener.address.port,
          tls: { ca: authority.ca, ...own },
        }),
      );
    await using worker = await connect(authority.sign("worker"));
    expect(await worker.status()).toBe("fine");
    await using other = await connect(authority.sign("other"));
    await expect(other.status()).rejects.toMatchObject({ code: "ERR_ACCESS_DENIED" });
    await using nobody = await connect({});
    await expect(nobody.status()).rejects.toThrow();
    using stranger = new Authority();
    await using forged = await connect(stranger.sign("worker"));
    await expect(forged.status()).rejects.toThrow();
    expect(listener.refused).toBe(2);
  });
});
