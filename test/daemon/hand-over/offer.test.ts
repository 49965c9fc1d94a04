import { closeSync, existsSync, fstatSync, openSync, readdirSync } from "node:fs";
import { dirname } from "node:path";
import { describe, expect, it } from "vitest";
import { json, text } from "../../../src/codec/index.js";
import { offerSockets, takeSockets } from "../../../src/daemon/index.js";
import { UnixSocket } from "../../../src/mechanisms/unix-socket/unix-socket.js";
import { freshPath } from "../systemd/support.js";
import { openDescriptors } from "../../support/open-descriptors.js";

const chat = { codec: text() };
const speaking = { type: "seqpacket", codec: json<object>(), maxHandles: 10 } as const;

describe("offerSockets and takeSockets", () => {
  it("hand over several sockets and other descriptors, and drop what is not wanted any more", async () => {
    const before = openDescriptors();
    const path = freshPath();
    const [kept, dropped] = [`${path}.kept`, `${path}.dropped`];
    const name = `\0sluice-offer-${process.pid}`;
    const file = openSync("/etc/hostname", "r");
    const old = {
      kept: await UnixSocket.listen(kept, { ...chat, type: "seqpacket" }),
      dropped: await UnixSocket.listen(dropped, chat),
      abstract: await UnixSocket.listen(name, chat),
    };
    const offer = await offerSockets(path, { ...old, file });
    const taken = await takeSockets(path);
    expect(taken?.names).toEqual(["kept", "dropped", "abstract", "file"]);
    expect(taken?.predecessor.pid).toBe(process.pid);
    expect(taken?.listen("unknown")).toBeUndefined();
    const listener = await taken?.listen("kept", chat);
    const abstract = await taken?.listen("abstract", chat);
    expect(taken?.listen("kept")).toBeUndefined();
    expect([listener?.address, abstract?.address]).toEqual([kept, name]);
    const handle = taken?.take("file");
    expect(fstatSync(handle?.fd ?? -1).ino).toBe(fstatSync(file).ino);
    handle?.close();
    await taken?.ready();
    expect(await offer.handedOver).toMatchObject({ pid: process.pid });
    await offer.close();
    expect(existsSync(path), "the name of the offer is free").toBe(false);
    expect([existsSync(dropped), existsSync(`${dropped}.lock`)]).toEqual([false, false]);
    await using client = await UnixSocket.connect(kept, { ...chat, type: "seqpacket" });
    await using server = await listener?.accept();
    await client.send("x");
    expect(await server?.receive()).toBe("x");
    await Promise.all([client.close(), server?.close()]);
    for (const each of Object.values(old)) await each.close();
    expect(existsSync(kept)).toBe(true);
    await Promise.all([listener?.close(), abstract?.close()]);
    closeSync(file);
    expect(readdirSync(dirname(path))).toEqual([]);
    expect(openDescriptors()).toBe(before);
  });

  it("give a successor nobody before it is ready, and leave all as it was when it gives up", async () => {
    const before = openDescriptors();
    const path = freshPath();
    const old = await UnixSocket.listen(`${path}.s`, chat);
    const failures: string[] = [];
    const logger = { warn: (_details: object, message: string) => void failures.push(message) };
    const offer = await offerSockets(path, { s: old }, { logger });
    const taken = await takeSockets(path);
    const listener = await taken?.listen("s", chat);
    for (let count = 0; count < 20; count++) {
      const client = await UnixSocket.connect(`${path}.s`, chat);
      await (await old.accept()).close();
      await client.close();
    }
    expect(listener?.statistics().arrived).toBe(0);
    await listener?.close();
    taken?.[Symbol.dispose]();
    // The next one comes when the first has been given up.
    const second = await takeSockets(path);
    expect(failures).toHaveLength(1);
    second?.[Symbol.dispose]();
    await offer.close();
    await old.close();
    expect(readdirSync(dirname(path))).toEqual([]);
    expect(openDescriptors()).toBe(before);
  });

  it("refuse a successor that is late, one of another version, and one that comes when the process ends", async () => {
    const path = freshPath();
    await using old = await UnixSocket.listen(`${path}.s`, chat);
    const offer = await offerSockets(path, { s: old }, { readyTimeout: 20 });
    const late = await takeSockets(path);
    const another = await UnixSocket.connect(path, speaking); // is served when the first one is refused
    await another.send({ take: 2 });
    expect(await another.receive()).toEqual({ refused: "it knows version 1 of the hand-over, not 2" });
    another.destroy();
    await expect(late?.ready()).rejects.toMatchObject({
      code: "ERR_ADDRESS_IN_USE",
      message: expect.stringMatching(/its patience is over/) as string,
    });
    await offer.close();

    const ending = await offerSockets(path, { s: old });
    const taken = await takeSockets(path);
    const closed = ending.close();
    await expect(taken?.ready()).rejects.toThrow(/it is about to end/);
    await closed;
    expect(await takeSockets(path)).toBeUndefined();
  });

  it("are for this user and root, unless allow says otherwise", async () => {
    const path = freshPath();
    await using old = await UnixSocket.listen(`${path}.s`, chat);
    const nobody = { uids: [12345] };
    await using offer = await offerSockets(path, { s: old }, { allow: nobody });
    await expect(takeSockets(path, { allow: nobody })).rejects.toMatchObject({ code: "ERR_ACCESS_DENIED" });
    await expect(takeSockets(path, { timeout: 100 })).rejects.toThrow();
    expect(offer).toBeDefined();
  });

  it("know no predecessor where nobody offers", async () => {
    expect(await takeSockets(freshPath())).toBeUndefined();
  });

  it("refuse what are no sockets", async () => {
    const path = freshPath();
    for (const sockets of [null, { a: {} }, { a: "x" }])
      await expect(offerSockets(path, sockets as unknown as Record<string, number>)).rejects.toThrow(
        TypeError,
      );
    for (const sockets of [{}, { a: -1 }])
      await expect(offerSockets(path, sockets)).rejects.toThrow(RangeError);
    await expect(offerSockets(path, { a: 0 }, { readyTimeout: -1 })).rejects.toThrow(RangeError);
    expect(existsSync(path)).toBe(false);
  });
});
