// The wires of calls and of publishing.
import { MemoryChannel } from "../../../../src/index.js";
import {
  decodeRequest,
  checkFrame,
  decodeTopic,
  encodeMessage,
  encodeRequest,
  HEADER_BYTES,
  numberOf,
  setSequence,
  WireError as FrameWireError,
} from "../../../../src/pubsub/wire.js";
import { CompactWire } from "../../../../src/rpc/compact/compact-wire.js";
import { JsonRpcWire } from "../../../../src/rpc/json-rpc/json-rpc-wire.js";
import { resolveLimits } from "../../../../src/rpc/limits.js";
import { Outbox } from "../../../../src/rpc/outbox.js";
import { type CallId, type Wire, WireError, type WireSink } from "../../../../src/rpc/wire.js";
import { allow, require, type Target } from "./target.js";

/** Writes down what it is told, and answers calls at once. */
class Recorder implements WireSink {
  readonly told: string[] = [];
  readonly #wire: Wire;

  constructor(wire: Wire) {
    this.#wire = wire;
  }

  called(id: CallId, method: string, input: unknown, streams: boolean, reply: unknown): void {
    this.#tell("called", id, method, input, streams);
    this.#wire.result(id, input instanceof Uint8Array ? null : input, reply);
  }
  refused(id: CallId, method: string, error: unknown, answers: boolean, reply: unknown): void {
    this.#tell("refused", id, method, answers);
    if (answers) this.#wire.error(id, error as never, reply);
  }
  notified(method: string, input: unknown): void {
    this.#tell("notified", method, input);
  }
  cancelled(id: CallId): void {
    this.#tell("cancelled", id);
  }
  inputItem(id: CallId, item: unknown, size: number): void {
    this.#tell("inputItem", id, item, size);
  }
  inputEnd(id: CallId): void {
    this.#tell("inputEnd", id);
  }
  inputFailed(id: CallId, error: unknown): void {
    this.#tell("inputFailed", id, error);
  }
  outputCredit(id: CallId, items: number, bytes: number): void {
    this.#tell("outputCredit", id, items, bytes);
  }
  answered(id: CallId, output: unknown): void {
    this.#tell("answered", id, output);
  }
  failed(id: CallId, error: unknown): void {
    this.#tell("failed", id, error);
  }
  opened(id: CallId): void {
    this.#tell("opened", id);
  }
  outputItem(id: CallId, item: unknown, size: number): void {
    this.#tell("outputItem", id, item, size);
  }
  inputCredit(id: CallId, items: number, bytes: number): void {
    this.#tell("inputCredit", id, items, bytes);
  }
  inputStopped(id: CallId): void {
    this.#tell("inputStopped", id);
  }

  #tell(...what: unknown[]): void {
    // A depth that JSON.parse takes is no depth that JSON.stringify takes.
    this.told.push(allow([RangeError], () => JSON.stringify(what)) ?? "deep");
  }
}

const limits = resolveLimits({ maxInputSize: 2000 });

/** Gives messages to a wire; what it said, or that the peer has broken the protocol. */
function speak(make: (outbox: Outbox) => Wire, messages: readonly Buffer[]): readonly string[] | undefined {
  const [channel, other] = MemoryChannel.pair();
  const wire = make(new Outbox(channel, () => undefined));
  const sink = new Recorder(wire);
  const spoken = allow([WireError], () => {
    for (const message of messages) {
      wire.feed(message);
      let steps = 0;
      while (wire.step(sink))
        require(++steps <= message.length + 1, "a message gives more than it has bytes");
    }
    return sink.told;
  });
  channel.destroy();
  other.destroy();
  return spoken;
}

function record(kind: number, form: number, id: number, name: string, body: string | Buffer): Buffer {
  const header = Buffer.alloc(12);
  header.writeUInt32LE(12 + name.length + body.length);
  header.set([kind, form, name.length], 4);
  header.writeUInt32LE(id, 8);
  return Buffer.concat([header, Buffer.from(name), Buffer.from(body)]);
}

const hello = record(83, 2, 1, "", "sluice-rpc");
const samples = [
  record(1, 1, 1, "add", '{"a":1}'),
  record(1, 0x80, 2, "sum", ""),
  record(4, 1, 2, "", "4"),
  record(5, 0, 2, "", ""),
  record(6, 1, 2, "", '{"name":"Error","message":"x"}'),
  record(7, 2, 3, "", Buffer.alloc(8)),
  record(2, 2, 0, "note", "bytes"),
  record(3, 0, 3, "", ""),
  ...[17, 20].map((kind) => record(kind, 1, 4, "", "[true]")),
  record(18, 1, 4, "", '{"name":"TypeError","message":"m","code":"E","data":[1],"stack":"s"}'),
  record(21, 2, 4, "", Buffer.alloc(8)),
  ...[19, 22].map((kind) => record(kind, 0, 4, "", "")),
];

const compact: Target = {
  name: "compact wire",
  seeds: [...samples, Buffer.concat(samples), hello],
  words: [...samples, '"__proto__":', '{"', "\xff", "null"],
  run(input) {
    const make = (outbox: Outbox): Wire => new CompactWire(outbox, limits.maxInputSize, true);
    const whole = speak(make, [hello, input]);
    if (whole === undefined) return;
    // The same records, each in a message of its own.
    const messages: Buffer[] = [];
    for (let at = 0; at < input.length;) {
      const end = at + input.readUInt32LE(at);
      messages.push(input.subarray(at, end));
      at = end;
    }
    const split = speak(make, [hello, ...messages]);
    require(JSON.stringify(whole) ===
      JSON.stringify(split), `${String(whole)} together, ${String(split)} one by one`);
  },
};

const jsonRpc: Target = {
  name: "JSON-RPC wire",
  seeds: [
    '{"jsonrpc":"2.0","id":1,"method":"add","params":{"a":1}}',
    '{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":1}}',
    '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}',
    '[{"jsonrpc":"2.0","id":"x","method":"a"},{"jsonrpc":"2.0","id":2,"result":5},{}]',
    '{"jsonrpc":"2.0","id":2,"error":{"code":-32601,"message":"m","data":{"name":"E","code":"c"}}}',
  ],
  words: [
    '"jsonrpc":"2.0"',
    '"id":',
    "null",
    '"method":',
    '"params":',
    '"result":',
    '"error":',
    "{",
    "}",
    "[",
    "]",
    ",",
    "1e999",
    "-0",
    '"__proto__":{}',
    "[[[[[[",
  ],
  run(input) {
    speak((outbox) => new JsonRpcWire(outbox, limits), [input]);
  },
};

const publishing: Target = {
  name: "publishing wire",
  seeds: [
    encodeRequest(0x11, "prices.*"),
    encodeRequest(0x12, "*"),
    encodeMessage(Buffer.from("prices.gold"), Buffer.from("payload")),
    Buffer.from([2, 0, 9, 0, 0, 0, 0, 0]),
  ],
  words: [".", "*", ".*", "\u00e9", "\0", "a".repeat(255), "\u{1f600}", "\xff"],
  run(input) {
    const request = allow([FrameWireError], () => decodeRequest(input));
    if (request !== undefined)
      require(encodeRequest(request.type, request.pattern).equals(
        input,
      ), "a request is another one when it is written again");
    const frame = Buffer.from(input);
    if (allow([FrameWireError], () => checkFrame(frame)) !== true) return;
    const topic = frame.subarray(HEADER_BYTES, HEADER_BYTES + (frame[1] ?? 0));
    if (allow([FrameWireError], () => decodeTopic(topic)) === undefined) return;
    const again = encodeMessage(topic, frame.subarray(HEADER_BYTES + topic.length));
    setSequence(again, numberOf(frame));
    require(again.equals(frame), "a message is another one when it is written again");
  },
};

export const wireTargets: readonly Target[] = [compact, jsonRpc, publishing];
