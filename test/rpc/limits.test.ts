import { afterAll, afterEach, describe, expect, test } from "vitest";
import { removeSharedCertificate } from "../support/certificates.js";
import { AnonymousPipe, json, MemoryChannel, none, UdpSocket, UnixSocket } from "sluice";
import { type BytesChannel, type CallContext, createClient, method, RemoteError, serve } from "sluice/rpc";
import { startPeer } from "../support/child.js";
import { cleanUp, memory, unixStream } from "./pairs.js";

afterAll(removeSharedCertificate);

afterEach(cleanUp);

const until = (_: unknown, { signal }: CallContext) =>
  new Promise<string>((resolve) => {
    signal.addEventListener("abort", () => {
      resolve("aborted");
    });
  });

describe("limits", () => {
  test("more calls than the server takes are refused one by one, and those that run go on", async () => {
    const [left, right] = await memory.make();
    let release!: () => void;
    const gate = new Promise<void>((resolve) => (release = resolve));
    const methods = { wait: async () => gate };
    serve(left, methods, { maxCallsInFlight: 2 });
    const client = createClient<typeof methods>(right);
    const calls = [client.wait(), client.wait(), client.wait()];
    await expect(calls[2]).rejects.toMatchObject({ code: "ERR_TOO_MANY_CALLS" });
    release();
    await Promise.all(calls.slice(0, 2));
    await client.wait();
    await client.close();
  });

  test("more calls than the client may have are refused at once", async () => {
    const [left, right] = await memory.make();
    const methods = { until };
    serve(left, methods);
    const client = createClient<typeof methods>(right, { maxCallsInFlight: 1 });
    const first = expect(client.until({})).rejects.toMatchObject({ code: "ERR_CHANNEL_CLOSED" });
    await expect(client.until({})).rejects.toMatchObject({ code: "ERR_TOO_MANY_CALLS", name: "Error" });
    await client.close();
    await first;
  });

  test("an input over maxInputSize is refused unread", async () => {
    const [left, right] = await memory.make();
    const methods = { echo: (text: string) => text };
    serve(left, methods, { maxInputSize: 100 });
    const client = createClient<typeof methods>(right);
    await expect(client.echo("x".repeat(200))).rejects.toMatchObject({ code: "ERR_MESSAGE_TOO_LARGE" });
    expect(await client.echo("short")).toBe("short");
    await client.close();
  });

  test("more streams than maxStreams are refused", async () => {
    const [left, right] = await memory.make();
    const methods = {
      async *ticks() {
        for (let n = 0; ; n++) yield n;
      },
    };
    serve(left, methods, { maxStreams: 1 });
    const client = createClient<typeof methods>(right);
    const first = client.ticks()[Symbol.asyncIterator]();
    expect(await first.next()).toEqual({ value: 0, done: false });
    const second = client.ticks()[Symbol.asyncIterator]();
    await expect(second.next()).rejects.toMatchObject({ code: "ERR_TOO_MANY_CALLS" });
    await first.return?.();
    expect(await client.ticks()[Symbol.asyncIterator]().next()).toMatchObject({ value: 0 });
    await client.close();
  });

  test("callTimeout ends a method that takes too long", async () => {
    const [left, right] = await memory.make();
    const methods = { until };
    serve(left, methods, { callTimeout: 20 });
    const client = createClient<typeof methods>(right);
    await expect(client.until({})).rejects.toMatchObject({ code: "ERR_TIMEOUT", name: "Error" });
    await client.close();
  });

  test.each([
    ["maxCallsInFlight", { maxCallsInFlight: 0 }],
    ["streamCredit.items", { streamCredit: { items: 0 } }],
    ["protocol", { protocol: "xml" }],
    ["timeout", { timeout: -1 }],
  ])("options.%s is checked, by its name", async (name, options) => {
    const [, right] = await memory.make();
    expect(() => createClient(right, options as object)).toThrow(`options.${name}`);
  });
});

describe("who may call, and what is checked", () => {
  const positive = {
    "~standard": {
      version: 1 as const,
      vendor: "test",
      validate: async (value: unknown) =>
        typeof value === "number" && value > 0
          ? { value: value * 10 }
          : { issues: [{ message: "must be positive", path: ["n", { key: 0 }] }] },
      types: undefined as { input: number; output: number } | undefined,
    },
  };

  test("an input that its schema refuses never reaches the function", async () => {
    const [left, right] = await memory.make();
    const seen: number[] = [];
    const errors: unknown[] = [];
    const methods = {
      take: method({ input: positive }, (n) => void seen.push(n)),
      give: method({ output: positive }, () => -1),
      each: method({ inputItem: positive, output: positive }, async function* (items) {
        for await (const item of items) yield item;
      }),
    };
    serve(left, methods, { onError: (error) => void errors.push(error) });
    const client = createClient<typeof methods>(right);
    await client.take(4);
    await expect(client.take(-1)).rejects.toMatchObject({
      code: "ERR_INVALID_MESSAGE",
      data: [{ message: "must be positive", path: ["n", "0"] }],
    });
    expect(seen).toEqual([40]);
    await expect(client.give()).rejects.toMatchObject({ code: "ERR_INVALID_OUTPUT", data: undefined });
    expect(errors).toMatchObject([{ code: "ERR_INVALID_OUTPUT" }]);
    async function* items() {
      yield 1;
      yield -1;
    }
    const got: number[] = [];
    const loop = async () => {
      for await (const item of client.each(items())) got.push(item);
    };
    await expect(loop()).rejects.toMatchObject({ code: "ERR_INVALID_MESSAGE" });
    expect(got).toEqual([100]);
    await client.close();
  });

  test("only true authorizes; a throw and anything else do not", async () => {
    const [left, right] = await memory.make();
    let ran = 0;
    const methods = { a: () => ++ran, b: () => ++ran, c: () => ++ran };
    const authorize = ({ method: name }: CallContext): boolean => {
      if (name === "b") throw new Error("secret");
      return name === "a" || (undefined as unknown as boolean);
    };
    serve(left, methods, { authorize });
    const client = createClient<typeof methods>(right);
    expect(await client.a()).toBe(1);
    const error = await client.b().catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "ERR_ACCESS_DENIED" });
    expect(String(error)).not.toContain("secret");
    await expect(client.c()).rejects.toMatchObject({ code: "ERR_ACCESS_DENIED" });
    expect(ran).toBe(1);
    await client.close();
  });

  test("mapError and exposeStack decide what a caller learns", async () => {
    const [left, right] = await memory.make();
    const methods = {
      fail() {
        throw new Error("password=1234");
      },
    };
    serve(left, methods, { mapError: () => new Error("internal"), exposeStack: true });
    const client = createClient<typeof methods>(right);
    const error = await client.fail().catch((reason: unknown) => reason);
    expect(error).toMatchObject({ message: "internal" });
    expect((error as Error).stack).toContain("limits.test");
    await client.close();
  });

  test("the context tells the peer, where the kernel does", async () => {
    const methods = { who: (_: undefined, { peer, method: name }: CallContext) => [peer?.uid, name] };
    for (const [left, right] of [
      UnixSocket.pair(),
      UnixSocket.pair({ type: "dgram" }),
      MemoryChannel.pair(),
    ]) {
      serve(left, methods);
      const client = createClient<typeof methods>(right);
      const known = left.traits.peerIdentity !== "none";
      expect(await client.who()).toEqual([known ? process.getuid?.() : null, "who"]);
      await client.close();
    }
  });

  test.each(["then", "notify", "close", "constructor", "__proto__"])("no method can be called %s", (name) => {
    const [left] = MemoryChannel.pair();
    const methods = Object.defineProperty({}, name, { value: () => 1, enumerable: true });
    expect(() => serve(left, methods)).toThrow(TypeError);
  });
});

describe("channels that cannot carry calls", () => {
  test("are refused at once", async () => {
    const { reader, writer } = AnonymousPipe.create();
    expect(() => createClient(writer as never)).toThrow(expect.objectContaining({ code: "ERR_UNSUPPORTED" }));
    expect(() => serve(reader as never, {})).toThrow(expect.objectContaining({ code: "ERR_UNSUPPORTED" }));
    await Promise.all([reader.close(), writer.close()]);
    const [left, right] = UnixSocket.pair({ framing: none() });
    expect(() => createClient(left)).toThrow(/framing/);
    await Promise.all([left.close(), right.close()]);
    const bound = await UdpSocket.bind();
    expect(() => createClient(bound)).toThrow(expect.objectContaining({ code: "ERR_UNSUPPORTED" }));
    await bound.close();
  });

  test("carry one connection only, and no codec", async () => {
    const [left, right] = MemoryChannel.pair({ codec: json() }) as unknown as BytesChannel[];
    serve(left!, {});
    const client = createClient<{ x: () => void }>(right!);
    await expect(client.x()).rejects.toMatchObject({ code: "ERR_UNSUPPORTED" });
    await expect(client.x()).rejects.toThrow(/without a codec/);
    const [first] = MemoryChannel.pair();
    createClient(first);
    expect(() => createClient(first)).toThrow(/peer\(\)/);
  });
});

describe("the end", () => {
  test("calls in flight fail with ERR_PEER_DIED when the server is killed, and later ones too", async () => {
    const path = `/tmp/sluice-rpc-${process.pid}.sock`;
    await using server = startPeer("rpc-server", [path]);
    await server.expectLine("ready");
    const client = createClient<{ forever: () => Promise<void> }>(await UnixSocket.connect(path));
    const call = client.forever();
    await server.expectLine("called");
    server.kill("SIGKILL");
    await expect(call).rejects.toMatchObject({ name: "ChannelError", code: "ERR_PEER_DIED" });
    await expect(client.forever()).rejects.toMatchObject({ code: "ERR_PEER_DIED" });
    await client.close();
  });

  test("the caller's end fires the signals of its calls", async () => {
    const [left, right] = await unixStream.make();
    let aborted = false;
    let started = false;
    const methods = {
      async wait(_: undefined, context: CallContext) {
        started = true;
        await until(_, context);
        aborted = true;
      },
    };
    const server = serve(left, methods);
    const client = createClient<typeof methods>(right);
    const call = client.wait();
    await expect.poll(() => started).toBe(true);
    right.destroy();
    await expect(call).rejects.toMatchObject({ code: "ERR_CHANNEL_CLOSED" });
    await expect.poll(() => aborted).toBe(true);
    await server.closed;
  });

  test("close() waits for the calls that run, refuses new ones, and at its deadline fires their signals", async () => {
    const path = `/tmp/sluice-rpc-close-${process.pid}.sock`;
    let release!: (value: string) => void;
    const gate = new Promise<string>((resolve) => (release = resolve));
    const methods = { wait: async () => gate, until };
    const server = serve(await UnixSocket.listen(path), methods);
    const client = createClient<typeof methods>(await UnixSocket.connect(path));
    const call = client.wait();
    await expect.poll(() => server.peers).toBe(1);
    const late = client.until({});
    await new Promise((resolve) => setTimeout(resolve, 20));
    const closing = server.close({ deadline: 300 });
    await expect(client.wait()).rejects.toMatchObject({ code: "ERR_CHANNEL_CLOSED" });
    release("in time");
    expect(await call).toBe("in time");
    expect(await late).toBe("aborted");
    await closing;
    await server.closed;
    expect(server.peers).toBe(0);
    await client.close().catch(() => undefined);
  });

  test("an error is thrown as RemoteError, and lives on its own", async () => {
    const [left, right] = await memory.make();
    serve(left, {});
    const client = createClient<{ x: () => void }>(right);
    await expect(client.x()).rejects.toBeInstanceOf(RemoteError);
    await client.close();
  });
});
