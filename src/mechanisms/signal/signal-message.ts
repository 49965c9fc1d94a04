import type { Codec } from "../../core/codec.js";
import { describe } from "../../core/wait.js";
import { checkSignal } from "./signal-name.js";
import { type SignalName, signalNumbered } from "./signal-table.js";

/** One signal, sent or received. */
export interface SignalMessage {
  /** Which signal. What is received has the first name of `Signal.table`. */
  readonly signal: SignalName;
  /** A whole number of 32 bits that travels with it by sigqueue(3). Absent: it was sent by kill(2). */
  readonly value?: number;
}

/** Bytes of a packet: the signal's number, then the value, if there is one. */
export const NUMBER_BYTES = 1;
export const PACKET_BYTES = 5;

const MIN_VALUE = -(2 ** 31);
const MAX_VALUE = 2 ** 31 - 1;

/** Throws unless the value can travel with a signal. */
export function checkValue(argument: string, value: unknown): asserts value is number | undefined {
  if (value === undefined) return;
  if (typeof value !== "number") {
    throw new TypeError(`${argument} must be a whole number of 32 bits, received ${describe(value)}`);
  }
  if (!Number.isInteger(value) || value < MIN_VALUE || value > MAX_VALUE) {
    throw new RangeError(
      `${argument} must be a whole number from ${MIN_VALUE} to ${MAX_VALUE}, received ${String(value)}: sigqueue(3) carries an int`,
    );
  }
}

/** A packet for the port. */
export function packetOf(signalNumber: number, value: number | undefined): Buffer {
  const packet = Buffer.allocUnsafe(value === undefined ? NUMBER_BYTES : PACKET_BYTES);
  packet[0] = signalNumber;
  if (value !== undefined) packet.writeInt32LE(value, NUMBER_BYTES);
  return packet;
}

/** The value in a packet of the port. */
export function valueIn(packet: Uint8Array): number | undefined {
  if (packet.length < PACKET_BYTES) return undefined;
  return new DataView(packet.buffer, packet.byteOffset, PACKET_BYTES).getInt32(NUMBER_BYTES, true);
}

/** The message in a packet of the port. */
export function messageIn(packet: Uint8Array): SignalMessage {
  const number = packet[0] ?? 0;
  const signal = signalNumbered(number)?.name;
  if (signal === undefined) throw new Error(`${number} is the number of no signal`);
  const value = valueIn(packet);
  return value === undefined ? { signal } : { signal, value };
}

/** Signals are not bytes: this codec is between the channel and its port only. */
export const signalCodec: Codec<SignalMessage> = Object.freeze({
  name: "signal",
  encode(message: SignalMessage): Uint8Array {
    if (message === null || typeof message !== "object") {
      throw new TypeError(`message must be { signal, value? }, received ${describe(message)}`);
    }
    const { number } = checkSignal("message.signal", message.signal);
    checkValue("message.value", message.value);
    return packetOf(number, message.value);
  },
  decode: messageIn,
});
