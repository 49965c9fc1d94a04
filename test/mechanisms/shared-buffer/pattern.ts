/** Messages whose length and content follow from their number, so that either side can check every byte. */

/** A length from `least` to `most` that jumps about. */
export function lengthOf(sequence: number, least: number, most: number): number {
  return least + ((Math.imul(sequence, 2_654_435_761) >>> 0) % (most - least + 1));
}

/** The message with this number: its number, then bytes that follow from it. */
export function messageOf(sequence: number, length: number): Buffer {
  const message = Buffer.alloc(length, (sequence * 7 + 1) & 0xff);
  if (length >= 4) message.writeUInt32LE(sequence, 0);
  return message;
}

/** Throws unless this is the message with this number, whole. */
export function checkMessage(message: Buffer, sequence: number, length: number): void {
  if (message.length !== length) {
    throw new Error(`message ${sequence} has ${message.length} bytes, not ${length}`);
  }
  if (!message.equals(messageOf(sequence, length))) throw new Error(`message ${sequence} is damaged`);
}
