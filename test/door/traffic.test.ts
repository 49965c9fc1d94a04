import { statSync, writeFileSync } from "node:fs";
import { afterAll, describe, expect, test } from "vitest";
import {
  type AnyConnectOptions,
  type AnyListenOptions,
  type Channel,
  connect,
  json,
  listen,
  MessageQueue,
  NamedPipe,
} from "sluice";
import { Authority } from "../support/certificates.js";
import { coded, Folder } from "./support.js";

interface Message {
  readonly text: string;
}

const codec = json<Message>();
const folder = new Folder();
const authority = new Authority();
const name = `door-${process.pid}`;
const key = 0x50_00_00_00 + process.pid;
writeFileSync(folder.at("queue"), "");

afterAll(() => {
  folder[Symbol.dispose]();
  authority[Symbol.dispose]();
});

/** One row for each way to write a scheme. */
interface Row {
  readonly url: string;
  readonly listening?: AnyListenOptions<Message, Message>;
  readonly connecting?: AnyConnectOptions<Message, Message>;
  readonly oneWay?: true;
  /** A bound socket answers to an address. */
  readonly answersTo?: true;
  readonly mechanism: string;
  readonly clean?: () => Promise<void> | void;
}

const rows: readonly Row[] = [
  { url: `unix:${folder.at("stream")}`, mechanism: "unix-stream" },
  { url: `unix://${folder.at("a b%23%25ü")}`, mechanism: "unix-stream" },
  { url: `unix:@${name}`, mechanism: "unix-stream" },
  { url: `UNIX:@${name}-upper`, mechanism: "unix-stream" },
  { url: `unix-seqpacket:${folder.at("seqpacket")}`, mechanism: "unix-seqpacket" },
  { url: `unix-seqpacket:@${name}-seqpacket`, mechanism: "unix-seqpacket" },
  { url: `unix-dgram:${folder.at("dgram")}`, mechanism: "unix-dgram", answersTo: true },
  { url: `unix-dgram:@${name}-dgram`, mechanism: "unix-dgram", answersTo: true },
  { url: `shm:${folder.at("shm")}`, mechanism: "shared-buffer" },
  { url: `shm:@${name}-shm?capacity=8192`, mechanism: "shared-buffer" },
  {
    url: `fifo:${folder.at("fifo")}`,
    mechanism: "named-pipe",
    oneWay: true,
    clean: () => NamedPipe.unlink(folder.at("fifo")),
  },
  {
    url: `mq:/${name}`,
    mechanism: "message-queue",
    oneWay: true,
    clean: () => {
      MessageQueue.unlink(`/${name}`);
    },
  },
  {
    url: `sysv:0x${key.toString(16)}`,
    mechanism: "message-queue",
    oneWay: true,
    clean: () => {
      MessageQueue.unlink(key, { kind: "sysv" });
    },
  },
  {
    url: `sysv:${folder.at("queue")}?projectId=3`,
    mechanism: "message-queue",
    oneWay: true,
    clean: () => {
      MessageQueue.unlink(folder.at("queue"), { kind: "sysv", projectId: 3 });
    },
  },
  { url: "tcp://127.0.0.1:0", mechanism: "tcp-socket" },
  { url: "tcp://localhost:0/?noDelay=false", mechanism: "tcp-socket" },
  { url: "tcp://[::1]:0", mechanism: "tcp-socket" },
  {
    url: "tls://localhost:0",
    mechanism: "tcp-socket",
    listening: { tls: authority.sign("localhost") },
    connecting: { tls: { ca: authority.ca } },
  },
  { url: "udp://127.0.0.1:0", mechanism: "udp-socket", answersTo: true },
  { url: "udp://[::1]:0", mechanism: "udp-socket", answersTo: true },
];

/** The URL with the port that the listening end has got. */
function reachable(url: string, opened: object): string {
  const { address, localAddress } = opened as Partial<Record<"address" | "localAddress", { port: number }>>;
  const port = localAddress?.port ?? address?.port;
  return port === undefined ? url : url.replace(/:0(?=\/|$)/, `:${port}`);
}

describe("connect() and listen() carry messages", () => {
  for (const { url, listening, connecting, oneWay, answersTo, mechanism, clean } of rows) {
    test(`over ${url.replace(folder.path, "").replaceAll(String(process.pid), "PID")}`, async () => {
      const opened = await listen(url, { ...listening, codec });
      const client = await connect(reachable(url, opened), { ...connecting, codec, timeout: 5000 });
      let server: Channel<Message> | undefined;
      try {
        server = "accept" in opened ? await opened.accept({ timeout: 5000 }) : opened;
        expect([client.traits.mechanism, server.traits.mechanism]).toEqual([mechanism, mechanism]);
        await client.send({ text: "there" });
        const { message, from } = await server.receiveEnvelope({ timeout: 5000 });
        expect(message).toEqual({ text: "there" });
        expect([client.traits.direction, server.traits.direction]).toEqual(
          oneWay ? ["send", "receive"] : ["both", "both"],
        );
        if (oneWay) {
          await expect(client.receive()).rejects.toEqual(coded("ERR_UNSUPPORTED"));
          await expect(server.send({ text: "" })).rejects.toEqual(coded("ERR_UNSUPPORTED"));
        } else {
          await server.send({ text: "and back" }, answersTo ? { to: from } : {});
          expect(await client.receive({ timeout: 5000 })).toEqual({ text: "and back" });
        }
      } finally {
        await client.close();
        await server?.close();
        await opened.close();
        await clean?.();
      }
    });
  }
});

describe("the parameters of a URL", () => {
  test("are options, and those given in code win", async () => {
    const url = `unix:${folder.at("mode")}?mode=0640&maxMessageSize=100&timeout=1` as const;
    await using listener = await listen(url);
    expect(statSync(folder.at("mode")).mode & 0o777).toBe(0o640);
    await using client = await connect(url, { maxMessageSize: 50, timeout: undefined });
    await using server = await listener.accept();
    await expect(client.send(Buffer.alloc(51))).rejects.toEqual(coded("ERR_MESSAGE_TOO_LARGE"));
    await expect(server.send(Buffer.alloc(101))).rejects.toEqual(coded("ERR_MESSAGE_TOO_LARGE"));
    await server.send(Buffer.alloc(50));
    expect(await client.receive()).toHaveLength(50);
    await using wider = await listen(`unix:${folder.at("code")}?mode=0640`, { mode: 0o600 });
    expect(statSync(wider.address).mode & 0o777).toBe(0o600);
  });

  test("bound the wait", async () => {
    const path = folder.at("nobody");
    await NamedPipe.create(path);
    await expect(connect(`fifo:${path}?timeout=20`)).rejects.toEqual(coded("ERR_TIMEOUT"));
    await expect(connect(`fifo:${path}?timeout=0`, { timeout: 20 })).rejects.toEqual(coded("ERR_TIMEOUT"));
    await NamedPipe.unlink(path);
  });

  test("make a FIFO and a queue as they say", async () => {
    await using fifo = await listen(`fifo:${folder.at("made")}?mode=600&keepOpen=true&capacity=8192`);
    expect(statSync(folder.at("made")).mode & 0o777).toBe(0o600);
    await using queue = await listen(`mq:/${name}-made?maxMessages=3&maxMessageSize=128&mode=0600`);
    MessageQueue.unlink(`/${name}-made`);
    expect(queue.stat()).toMatchObject({ maxMessages: 3, maxMessageSize: 128 });
    expect([fifo.traits.direction, queue.traits.direction]).toEqual(["receive", "receive"]);
  });

  test("let a sender make the queue", async () => {
    const url = `mq:/${name}-first` as const;
    await expect(connect(url)).rejects.toEqual(coded("ERR_NO_PEER"));
    await expect(listen(`${url}?create=false`)).rejects.toEqual(coded("ERR_NO_PEER"));
    await using sender = await connect(`${url}?create=true`);
    await sender.send(Buffer.from("early"));
    await expect(listen(`${url}?exclusive=true`)).rejects.toEqual(coded("ERR_ADDRESS_IN_USE"));
    await using second = await connect(`${url}?exclusive=true`);
    await second.send(Buffer.from("later"));
    await using receiver = await listen(url);
    MessageQueue.unlink(`/${name}-first`);
    expect(String(await receiver.receive())).toBe("early");
    await expect(connect(url, { signal: AbortSignal.abort(new Error("enough")) })).rejects.toThrow("enough");
  });
});

test("listen() takes no FIFO that others may read", async () => {
  const path = folder.at("wide");
  await NamedPipe.create(path, { mode: 0o666 });
  await expect(listen(`fifo:${path}`)).rejects.toEqual(coded("ERR_ACCESS_DENIED"));
  await NamedPipe.unlink(path);
});

test("tls:// checks the server's certificate by the authorities that Node knows", async () => {
  await using listener = await listen("tls://localhost:0", { tls: authority.sign("localhost") });
  const url = `tls://localhost:${listener.address.port}` as const;
  await expect(connect(url, { timeout: 5000 })).rejects.toEqual(coded("ERR_ACCESS_DENIED"));
});
