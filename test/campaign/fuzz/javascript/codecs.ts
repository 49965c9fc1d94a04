// Framings and codecs.
import { isDeepStrictEqual } from "node:util";
import {
  contentLength,
  json,
  lengthPrefixed,
  lines,
  msgpack,
  nul,
  structured,
  text,
} from "../../../../src/index.js";
import { FrameError, type Framing } from "../../../../src/core/codec.js";
import { FrameReader } from "../../../../src/core/frame-reader.js";
import { Choices, require, type Target } from "./target.js";

const framings: readonly Framing[] = [
  lengthPrefixed(),
  lengthPrefixed({ bytes: 2 }),
  lengthPrefixed({ bytes: 4, byteOrder: "big" }),
  lengthPrefixed({ bytes: 2, byteOrder: "big" }),
  lines(),
  nul(),
  contentLength(),
];
const limits = [0, 1, 7, 300, 65_536];

/** What a stream in these pieces comes to, in words. */
function read(framing: Framing, pieces: readonly Buffer[], limit: number): string {
  const reader = new FrameReader(framing.createDecoder(limit));
  const found: string[] = [];
  const keep = (message: Buffer): void => {
    require(message.length <= limit, `a message of ${message.length} bytes with a limit of ${limit}`);
    found.push(message.toString("latin1"));
  };
  try {
    for (let piece of pieces) {
      while (piece.length > 0) {
        const memory = reader.buffer();
        require(memory.length > 0 && memory.length <= 4 * 65_536, `memory of ${memory.length} bytes`);
        const count = Math.min(memory.length, piece.length);
        memory.set(piece.subarray(0, count));
        reader.filled(count);
        piece = piece.subarray(count);
        for (let message = reader.next(); message !== undefined; message = reader.next()) keep(message);
      }
    }
    const last = reader.finish();
    if (last !== undefined) keep(last);
  } catch (error) {
    if (!(error instanceof FrameError)) throw error;
    found.push(`then ${error.code}`);
  }
  return JSON.stringify(found);
}

function inPieces(bytes: Buffer, length: number): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += length) pieces.push(bytes.subarray(at, at + length));
  return pieces;
}

const framing: Target = {
  name: "framings",
  seeds: [
    Buffer.from([0, 3, 2, 0, 0, 0, 65, 66, 0, 0, 0, 0]),
    Buffer.from([1, 3, 2, 0, 65, 66, 0, 0]),
    Buffer.from([2, 3, 0, 0, 0, 1, 65]),
    Buffer.from([3, 3, 0, 1, 65]),
    "\x04\x03one\r\ntwo\nlast",
    "\x05\x03one\0two\0",
    "\x06\x03Content-Length: 3\r\nContent-Type: x\r\n\r\nabc",
  ],
  words: [
    "\r\n",
    "\n",
    "\0",
    "Content-Length: ",
    "Content-Type: a\r\n",
    "\r\n\r\n",
    "18446744073709551616",
    "9007199254740993",
    "\r",
  ],
  run(input) {
    const choices = new Choices(input);
    const chosen = choices.of(framings);
    const limit = choices.of(limits);
    const size = 1 + choices.below(50);
    const bytes = choices.rest;
    const whole = read(chosen, [bytes], limit);
    for (const length of [1, 3, size]) {
      const split = read(chosen, inPieces(bytes, length), limit);
      require(whole === split, `${chosen.name}: ${whole} at once, ${split} in pieces of ${length}`);
    }
    // The same bytes as messages: what is written is what is read.
    const messages = inPieces(bytes, size).filter((message) => chosen.refuse?.(message) === undefined);
    const frames = messages.map((message) => {
      const frame = Buffer.alloc(chosen.overhead + message.length);
      const at = chosen.writeHeader(frame, 0, message.length);
      frame.set(message, at);
      return frame.subarray(0, chosen.writeTrailer(frame, at + message.length));
    });
    const back = read(chosen, [Buffer.concat(frames)], 65_536);
    require(back ===
      JSON.stringify(messages.map((message) => message.toString("latin1"))), `${chosen.name}: ${back}`);
  },
};

const codecs = [json(), text(), structured(), msgpack()];

const codec: Target = {
  name: "codecs",
  seeds: [
    '\0{"a":[1,2.5e3,"x\\u0041",null,true]}',
    "\x01text \u00e9 \u{1f600}",
    ...[
      new Map([[1, new Set(["x"])]]),
      [1, , 3],
      new Error("x"),
      { date: new Date(0), big: 2n ** 70n },
      new Uint8Array(3),
    ].map((value) => Buffer.concat([Buffer.from([2]), structured().encode(value)])),
    // An element behind the end of its array: found here, and refused since.
    Buffer.from("02ff0f610349004900494249d6ff3b4906400203", "hex"),
    ...[{ a: [1, -1, 2 ** 40, 1.5, "x", null, true] }, new Uint8Array(3), new Date(1e12)].map((value) =>
      Buffer.concat([Buffer.from([3]), msgpack().encode(value)]),
    ),
  ],
  words: [
    "__proto__",
    "\xff\x0f",
    "toJSON",
    '{"',
    '":',
    "\\ud800",
    "1e999",
    "[[[[",
    Buffer.from([0xdf, 0xff, 0xff, 0xff, 0xff]),
    Buffer.from([0xc7, 0xff, 0xff]),
  ],
  run(input) {
    const choices = new Choices(input);
    const chosen = choices.of(codecs);
    let value: unknown;
    try {
      value = chosen.decode(choices.rest);
    } catch (error) {
      require(error instanceof Error, `${chosen.name}: threw ${typeof error}`);
      return;
    }
    const encoded = Buffer.from(chosen.encode(value as never));
    const again = chosen.decode(encoded);
    // Two invalid dates are not equal to Node 20, but are written with the same bytes.
    const isSame = isDeepStrictEqual(value, again) || encoded.equals(chosen.encode(again));
    require(isSame, `${chosen.name}: what was decoded, encoded and decoded is another value`);
  },
};

export const codecTargets: readonly Target[] = [framing, codec];
