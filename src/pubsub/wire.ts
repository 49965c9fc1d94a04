import { isPattern, isTopic, MOST_TOPIC_BYTES } from "./topic.js";

/*
 * What travels: docs/publishing.md has it byte by byte. Each frame is one message of the channel; numbers are little-endian.
 *
 *   MESSAGE      01, length of the topic (u8), number of the message (u48), topic, payload
 *   DROPPED      02, 00, how many messages were dropped here (u48)
 *   SUBSCRIBE    11, pattern
 *   UNSUBSCRIBE  12, pattern
 */
export const MESSAGE = 1;
const DROPPED = 2;
export const SUBSCRIBE = 0x11;
export const UNSUBSCRIBE = 0x12;

/** Bytes before the topic. */
export const HEADER_BYTES = 8;
const MOST_COUNT = 2 ** 48;

/** Bytes that are no frame. */
export class WireError extends Error {
  override readonly name = "WireError";
}

/** A frame for a message; its number is set by {@link setSequence}, when it is known. */
export function encodeMessage(topic: Uint8Array, payload: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(HEADER_BYTES + topic.length + payload.length);
  frame[0] = MESSAGE;
  frame[1] = topic.length;
  frame.set(topic, HEADER_BYTES);
  frame.set(payload, HEADER_BYTES + topic.length);
  return frame;
}

export function setSequence(frame: Buffer, sequence: number): void {
  frame.writeUIntLE(sequence % MOST_COUNT, 2, 6);
}

export function encodeDropped(count: number): Buffer {
  const frame = Buffer.alloc(HEADER_BYTES);
  frame[0] = DROPPED;
  frame.writeUIntLE(count, 2, 6);
  return frame;
}

export function encodeRequest(type: typeof SUBSCRIBE | typeof UNSUBSCRIBE, pattern: string): Buffer {
  const length = Buffer.byteLength(pattern);
  const frame = Buffer.alloc(1 + length);
  frame[0] = type;
  frame.write(pattern, 1);
  return frame;
}

/** What a subscriber asks for. */
export interface Request {
  readonly type: typeof SUBSCRIBE | typeof UNSUBSCRIBE;
  readonly pattern: string;
}

/** @throws WireError */
export function decodeRequest(frame: Uint8Array): Request {
  const type = frame[0];
  if (type !== SUBSCRIBE && type !== UNSUBSCRIBE) throw new WireError(`a frame begins with ${String(type)}`);
  if (frame.length - 1 > MOST_TOPIC_BYTES) throw new WireError(`a topic has ${frame.length - 1} bytes`);
  const pattern = decodeText(frame.subarray(1));
  if (!isPattern(pattern)) throw new WireError(`${JSON.stringify(pattern)} is no topic`);
  return { type, pattern };
}

/** The number of a message, or how many were dropped. */
export function numberOf(frame: Buffer): number {
  return frame.readUIntLE(2, 6);
}

/** How many messages come after number `from` and before number `to`. */
export function between(from: number, to: number): number {
  return (to - from - 1 + MOST_COUNT) % MOST_COUNT;
}

/** Throws unless this is a frame from a publisher. Returns whether it is a message (else it says how many were dropped). */
export function checkFrame(frame: Buffer): boolean {
  if (frame.length < HEADER_BYTES) throw new WireError(`a frame has ${frame.length} bytes`);
  if (frame[0] === DROPPED && frame[1] === 0 && frame.length === HEADER_BYTES) return false;
  const length = frame[1] ?? 0;
  if (frame[0] !== MESSAGE || length === 0 || HEADER_BYTES + length > frame.length)
    throw new WireError(`a frame of ${frame.length} bytes begins with ${String(frame[0])}, ${length}`);
  return true;
}

/** The topic of a message. @throws WireError */
export function decodeTopic(bytes: Uint8Array): string {
  const topic = decodeText(bytes);
  if (!isTopic(topic)) throw new WireError(`${JSON.stringify(topic)} is no topic`);
  return topic;
}

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function decodeText(bytes: Uint8Array): string {
  try {
    return strict.decode(bytes);
  } catch {
    throw new WireError("a topic is no UTF-8");
  }
}
