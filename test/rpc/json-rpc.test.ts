import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect as connectNet, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  type CancellationToken,
  CancellationTokenSource,
  createMessageConnection,
  type MessageConnection,
  StreamMessageReader,
  StreamMessageWriter,
} from "vscode-jsonrpc/node.js";
import { AnonymousPipe, type Channel, contentLength, lines, MemoryChannel, UnixSocket } from "sluice";
import { compiled } from "../support/child.js";
import { type CallContext, createClient, peer, RemoteError, serve } from "sluice/rpc";

const protocol = "json-rpc";
const framing = contentLength();
const events: string[] = [];

const methods = {
  add: ({ a, b }: { a: number; b: number }) => ({ sum: a + b }),
  sum: async (numbers: readonly number[]) => numbers.reduce((all, one) => all + one, 0),
  log: ({ text }: { text: string }) => void events.push(text),
  fail(): never {
    throw Object.assign(new RangeError("too far"), { code: "E_FAR", data: { by: 3 } });
  },
  failNumber(): never {
    throw Object.assign(new Error("content modified"), { code: -32801, data: { version: 2 } });
  },
  forever: (_: object, { signal }: CallContext) =>
    new Promise((_resolve, reject) => {
      events.push("forever");
      signal.addEventListener("abort", () => {
        events.push("aborted");
        reject(signal.reason as Error);
      });
    }),
  async *count() {
    yield 1;
  },
};

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "sluice-json-rpc-"));
  events.length = 0;
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const overSocket = (socket: Socket): MessageConnection =>
  createMessageConnection(new StreamMessageReader(socket), new StreamMessageWriter(socket));

describe("vscode-jsonrpc's client and our server", () => {
  async function start() {
    const socketPath = path.join(folder, "socket");
    const server = serve(await UnixSocket.listen(socketPath, { framing }), methods, { protocol });
    const socket = connectNet(socketPath);
    await once(socket, "connect");
    const connection = overSocket(socket);
    connection.listen();
    return {
      connection,
      async [Symbol.asyncDispose]() {
        connection.dispose();
        socket.destroy();
        await server.close();
      },
    };
  }

  test("params by name and by position, and many at once", async () => {
    await using both = await start();
    expect(await both.connection.sendRequest("add", { a: 1, b: 2 })).toEqual({ sum: 3 });
    expect(await both.connection.sendRequest("sum", 1, 2, 3)).toBe(6);
    const all = Array.from({ length: 100 }, (_, a) => both.connection.sendRequest("add", { a, b: 1 }));
    expect(await Promise.all(all)).toEqual(Array.from({ length: 100 }, (_, a) => ({ sum: a + 1 })));
  });

  test("notifications, and errors with code and data", async () => {
    await using both = await start();
    await both.connection.sendNotification("log", { text: "hello" });
    await both.connection.sendNotification("missing", {});
    await expect(both.connection.sendRequest("missing", {})).rejects.toMatchObject({ code: -32601 });
    await expect(both.connection.sendRequest("fail", {})).rejects.toMatchObject({
      message: "too far",
      code: -32000,
      data: { name: "RangeError", code: "E_FAR", data: { by: 3 } },
    });
    await expect(both.connection.sendRequest("failNumber", {})).rejects.toMatchObject({
      code: -32801,
      data: { version: 2 },
    });
    expect(events).toEqual(["hello"]);
  });

  test("a cancelled request fires the signal, and is answered as cancelled", async () => {
    await using both = await start();
    const source = new CancellationTokenSource();
    const request = both.connection.sendRequest("forever", {}, source.token);
    await both.connection.sendRequest("add", { a: 1, b: 1 });
    source.cancel();
    await expect(request).rejects.toMatchObject({ code: -32800 });
    expect(events).toEqual(["forever", "aborted"]);
  });

  test("a stream is refused", async () => {
    await using both = await start();
    await expect(both.connection.sendRequest("count", {})).rejects.toMatchObject({
      data: { code: "ERR_UNSUPPORTED" },
    });
  });
});

describe("our client and vscode-jsonrpc's server", () => {
  test("calls, notifications, errors and cancellation", async () => {
    const socketPath = path.join(folder, "socket");
    const theirs = createServer((socket) => {
      const connection = overSocket(socket);
      connection.onRequest("add", methods.add);
      connection.onNotification("log", methods.log);
      connection.onRequest(
        "forever",
        (_: unknown, token: CancellationToken) =>
          new Promise((resolve) => {
            token.onCancellationRequested(() => {
              events.push("aborted");
              resolve(null);
            });
          }),
      );
      connection.listen();
      socket.on("close", () => connection.dispose());
    }).listen(socketPath);
    await once(theirs, "listening");
    const client = createClient<typeof methods>(await UnixSocket.connect(socketPath, { framing }), {
      protocol,
    });
    expect(await client.add({ a: 20, b: 22 })).toEqual({ sum: 42 });
    await client.notify.log({ text: "noted" });
    const unknown = await client.fail().catch((error: unknown) => error);
    expect(unknown).toBeInstanceOf(RemoteError);
    expect(unknown).toMatchObject({ code: "ERR_UNKNOWN_METHOD" });
    await expect(client.forever({}, { timeout: 30 })).rejects.toMatchObject({ code: "ERR_TIMEOUT" });
    await expect.poll(() => events).toEqual(["noted", "aborted"]);
    await client.close();
    theirs.close();
  });

  test("both directions over one connection", async () => {
    const socketPath = path.join(folder, "socket");
    const theirs = createServer((socket) => {
      const connection = overSocket(socket);
      connection.onRequest("greet", async ({ name }: { name: string }) => {
        const { sum } = await connection.sendRequest<{ sum: number }>("add", { a: 1, b: 2 });
        return `${name} ${sum}`;
      });
      connection.listen();
      socket.on("close", () => connection.dispose());
    }).listen(socketPath);
    await once(theirs, "listening");
    const channel = await UnixSocket.connect(socketPath, { framing });
    const { client } = peer<{ greet: (input: { name: string }) => string }>(channel, methods, { protocol });
    expect(await client.greet({ name: "you" })).toBe("you 3");
    await client.close();
    theirs.close();
  });
});

describe("JSON-RPC 2.0 by the letter", () => {
  async function talk(): Promise<Channel<Uint8Array, Buffer>> {
    const [left, right] = MemoryChannel.pair();
    serve(left, methods, { protocol });
    return right;
  }
  async function answerTo(text: string): Promise<unknown> {
    await using channel = await talk();
    await channel.send(Buffer.from(text));
    return JSON.parse(String(await channel.receive({ timeout: 5000 })));
  }

  test.each([
    ["a string as id", '{"jsonrpc":"2.0","id":"7","method":"sum","params":[1]}', { id: "7", result: 1 }],
    ["null as id", '{"jsonrpc":"2.0","id":null,"method":"sum","params":[1]}', { id: null, result: 1 }],
    ["a fraction as id", '{"jsonrpc":"2.0","id":1.5,"method":"sum","params":[1]}', { id: 1.5, result: 1 }],
    [
      "nothing as result",
      '{"jsonrpc":"2.0","id":1,"method":"log","params":{"text":""}}',
      { id: 1, result: null },
    ],
  ])("%s", async (_, request, answer) => {
    expect(await answerTo(request)).toEqual({ jsonrpc: "2.0", ...answer });
  });

  test.each([
    ["no JSON", "{nonsense", -32700],
    ["a __proto__", '{"jsonrpc":"2.0","id":1,"method":"sum","params":{"__proto__":{"x":1}}}', -32700],
    ["a number", "1", -32600],
    ["an empty batch", "[]", -32600],
    ["no method and no result", '{"jsonrpc":"2.0","id":1}', -32600],
    ["a method that is a number", '{"jsonrpc":"2.0","id":1,"method":1}', -32600],
    ["an object as id", '{"jsonrpc":"2.0","id":{},"method":"sum"}', -32600],
    ["params that are a string", '{"jsonrpc":"2.0","id":1,"method":"sum","params":"x"}', -32600],
    ["an unknown method", '{"jsonrpc":"2.0","id":1,"method":"constructor"}', -32601],
  ])("%s is an error with its code", async (_, request, code) => {
    expect(await answerTo(request)).toMatchObject({ jsonrpc: "2.0", error: { code } });
  });

  test("a batch is answered as a batch, without notifications", async () => {
    const batch = [
      { jsonrpc: "2.0", id: 1, method: "add", params: { a: 1, b: 2 } },
      { jsonrpc: "2.0", method: "log", params: { text: "in a batch" } },
      5,
      { jsonrpc: "2.0", id: "x", method: "sum", params: [1, 2] },
      { jsonrpc: "2.0", id: 2, method: "missing" },
    ];
    const answers = (await answerTo(JSON.stringify(batch))) as { id: unknown }[];
    expect(answers).toHaveLength(4);
    expect(new Set(answers.map(({ id }) => id))).toEqual(new Set([1, null, "x", 2]));
    expect(events).toEqual(["in a batch"]);
  });

  test("an id that is in use is refused, and the first call is answered", async () => {
    await using channel = await talk();
    await channel.send(Buffer.from('{"jsonrpc":"2.0","id":1,"method":"sum","params":[1,2]}'));
    await channel.send(Buffer.from('{"jsonrpc":"2.0","id":1,"method":"forever","params":{}}'));
    await channel.send(Buffer.from('{"jsonrpc":"2.0","id":1,"method":"add","params":{"a":1,"b":1}}'));
    const answers = [await channel.receive(), await channel.receive()].map(
      (each) => JSON.parse(String(each)) as object,
    );
    expect(answers).toContainEqual({ jsonrpc: "2.0", id: 1, result: 3 });
  });

  test("an input that is no object and no array is refused where it is given", async () => {
    const [, right] = MemoryChannel.pair();
    await using client = createClient<{ echo: (input: unknown) => unknown }>(right, { protocol });
    for (const input of [1, "text", null, true, Buffer.from("x")]) {
      await expect(client.echo(input)).rejects.toThrow(TypeError);
    }
  });
});

test("newline-delimited, as the Model Context Protocol's stdio has it", async () => {
  const [left, right] = UnixSocket.pair({ framing: lines() });
  const server = serve(
    left,
    {
      initialize: ({ protocolVersion }: { protocolVersion: string }) => ({
        protocolVersion,
        capabilities: { tools: {} },
        serverInfo: { name: "sluice", version: "1" },
      }),
      "notifications/initialized": () => void events.push("initialized"),
      "tools/list": () => ({ tools: [{ name: "add", inputSchema: { type: "object" } }] }),
      "tools/call": ({ arguments: { a, b } }: { arguments: { a: number; b: number } }) => ({
        content: [{ type: "text", text: String(a + b) }],
      }),
    },
    { protocol },
  );
  const send = (message: object) => right.send(Buffer.from(JSON.stringify({ jsonrpc: "2.0", ...message })));
  const answer = async () => JSON.parse(String(await right.receive())) as { result: unknown };
  await send({ id: 0, method: "initialize", params: { protocolVersion: "2025-06-18" } });
  expect(await answer()).toMatchObject({ id: 0, result: { serverInfo: { name: "sluice" } } });
  await send({ method: "notifications/initialized" });
  await send({ id: 1, method: "tools/list" });
  expect(await answer()).toMatchObject({ id: 1, result: { tools: [{ name: "add" }] } });
  await send({ id: 2, method: "tools/call", params: { name: "add", arguments: { a: 2, b: 3 } } });
  expect(await answer()).toMatchObject({ id: 2, result: { content: [{ text: "5" }] } });
  expect(events).toEqual(["initialized"]);
  await server.close();
});

/** A server of the Model Context Protocol, in Python: reads descriptor 3, writes descriptor 4. */
const PYTHON = `
import json, os
source, target = os.fdopen(3, "r"), os.fdopen(4, "w")
def tell(message):
    target.write(json.dumps({"jsonrpc": "2.0", **message}) + "\\n")
    target.flush()
for line in source:
    message = json.loads(line)
    method, params = message["method"], message.get("params", {})
    if method == "initialize":
        tell({"id": message["id"], "result": {"protocolVersion": params["protocolVersion"], "capabilities": {}}})
    elif method == "notifications/initialized":
        tell({"method": "notifications/message", "params": {"data": "ready"}})
    elif method == "tools/call":
        tell({"id": "p1", "method": "roots/list"})
        roots = json.loads(source.readline())["result"]["roots"]
        tell({"id": message["id"], "result": {"content": [{"type": "text", "text": str(len(roots))}]}})
    elif "id" in message:
        tell({"id": message["id"], "error": {"code": -32601, "message": "unknown"}})
`;

test("a server in Python behind pipes, which asks back", async () => {
  const { child, channel } = AnonymousPipe.spawn("python3", ["-c", PYTHON], { framing: lines() });
  const heard: unknown[] = [];
  const ours = {
    "notifications/message": ({ data }: { data: string }) => void heard.push(data),
    "roots/list": () => ({ roots: [1, 2] }),
  };
  type Theirs = Record<
    "initialize" | "notifications/initialized" | "tools/call" | "missing",
    (input: object) => unknown
  >;
  const { client } = peer<Theirs>(channel, ours, { protocol });
  expect(await client.initialize({ protocolVersion: "2025-06-18" })).toMatchObject({
    protocolVersion: "2025-06-18",
  });
  // eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- a name with a slash is no enum
  await client.notify["notifications/initialized"]({});
  expect(await client["tools/call"]({ name: "count" })).toEqual({ content: [{ type: "text", text: "2" }] });
  await expect(client.missing({})).rejects.toMatchObject({ code: "ERR_UNKNOWN_METHOD" });
  expect(heard).toEqual(["ready"]);
  const ended = once(child, "exit");
  await client.close();
  await ended;
});

describe("over the standard streams of a child", () => {
  const program = compiled("test/support/peers/anonymous-pipe/stdio-calls.ts");

  test("vscode-jsonrpc's client calls our server, which it has started", async () => {
    const child = spawn(process.execPath, [program], { stdio: ["pipe", "pipe", "ignore"] });
    const connection = createMessageConnection(
      new StreamMessageReader(child.stdout),
      new StreamMessageWriter(child.stdin),
    );
    connection.listen();
    expect(await connection.sendRequest("add", { a: 1, b: 2 })).toEqual({ sum: 3 });
    await expect(connection.sendRequest("fail", {})).rejects.toMatchObject({
      message: "it cannot be",
      code: 7,
    });
    connection.dispose();
    child.stdin.end();
    expect(await once(child, "exit")).toEqual([0, null]);
  });

  test("our client calls vscode-jsonrpc's server, which it has started", async () => {
    const script = `
import { createMessageConnection, StreamMessageReader, StreamMessageWriter } from "vscode-jsonrpc/node.js";
const connection = createMessageConnection(new StreamMessageReader(process.stdin), new StreamMessageWriter(process.stdout));
connection.onRequest("add", ({ a, b }) => ({ sum: a + b }));
connection.listen();
process.stdin.once("end", () => process.exit(0));
`;
    const { channel, exited } = AnonymousPipe.spawn(
      process.execPath,
      ["--input-type=module", "--eval", script],
      { over: "stdio", framing },
    );
    const client = createClient<{ add: (input: { a: number; b: number }) => { sum: number } }>(channel, {
      protocol,
    });
    expect(await client.add({ a: 2, b: 3 })).toEqual({ sum: 5 });
    await channel.close();
    expect(await exited).toEqual({ code: 0, signal: null });
  });

  test("newline-delimited, as the Model Context Protocol's clients start their servers", async () => {
    const { channel, exited } = AnonymousPipe.spawn(process.execPath, [program, "lines"], {
      over: "stdio",
      framing: lines(),
      stdio: [null, null, "ignore"],
    });
    const client = createClient<{ add: (input: { a: number; b: number }) => { sum: number } }>(channel, {
      protocol,
    });
    expect(await client.add({ a: 2, b: 3 })).toEqual({ sum: 5 });
    await channel.close();
    expect(await exited).toEqual({ code: 0, signal: null });
  });
});
