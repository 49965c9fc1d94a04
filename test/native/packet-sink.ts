import { expect } from "vitest";
import {
  EAGAIN,
  NAME_STRIDE,
  PACKET_FLAGS,
  PACKET_LENGTH,
  PACKET_NAME_LENGTH,
  PACKET_OFFSET,
  PACKET_OVERFLOWED,
  PACKET_STRIDE,
  SO_PASSCRED,
  SOCK_SEQPACKET,
} from "../../src/native/binding.js";
import { bytes, core, type Descriptors } from "./kernel.js";

/** Room for received packets, and how they read. */
export class Sink {
  readonly slot: number;
  readonly slab: Uint8Array;
  readonly scratch: Uint8Array;
  readonly info: Int32Array;
  readonly names: Uint8Array;

  constructor(slabLength = 4096, scratchLength = 4096, records = 16, slot = 0) {
    this.slot = slot;
    this.slab = new Uint8Array(slabLength);
    this.scratch = new Uint8Array(scratchLength);
    this.info = new Int32Array(records * PACKET_STRIDE);
    this.names = new Uint8Array(records * NAME_STRIDE);
  }

  receive(fd: number, maxPackets = 16, connected = true, offset = 0): number {
    this.info.fill(-7);
    return core.receivePackets(
      fd,
      this.slab,
      offset,
      this.slot,
      this.scratch,
      maxPackets,
      this.info,
      this.names,
      connected,
    );
  }

  field(index: number, field: number): number {
    return this.info[index * PACKET_STRIDE + field]!;
  }

  text(index: number): string {
    const start = this.field(index, PACKET_OFFSET);
    const memory = this.field(index, PACKET_FLAGS) & PACKET_OVERFLOWED ? this.scratch : this.slab;
    return Buffer.from(memory.subarray(start, start + this.field(index, PACKET_LENGTH))).toString("latin1");
  }

  name(index: number): Uint8Array {
    const start = index * NAME_STRIDE;
    return this.names.slice(start, start + this.field(index, PACKET_NAME_LENGTH));
  }
}

export function seqpacketPair(fds: Descriptors): [number, number] {
  const pair = fds.pair(SOCK_SEQPACKET);
  for (const fd of pair) expect(core.setOption(fd, SO_PASSCRED, 1)).toBe(0);
  return pair;
}

export function send(fd: number, text: string): number {
  const message = bytes(text);
  return core.sendPacket(fd, message, 0, message.length, undefined);
}

/** The first result that is not EAGAIN. */
export async function until(call: () => number): Promise<number> {
  for (;;) {
    const result = call();
    if (result !== -EAGAIN) return result;
    await new Promise(setImmediate);
  }
}
