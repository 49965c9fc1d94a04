/*
 * The records of the compact wire, byte by byte in docs/wire.md. Each has this header, little-endian:
 *
 *   0  u32  length of the record with its header
 *   4  u8   kind
 *   5  u8   form of the body; the highest bit of a call: its input is a stream
 *   6  u8   length of the method's name, which follows the header
 *   7  u8   0
 *   8  u32  number of the call
 */

export const HEADER = 12;
export const MAX_NAME = 255;
export const VERSION = 1;
export const GREETING = "sluice-rpc";

/** What follows the header and the name. */
export const NOTHING = 0;
export const JSON_TEXT = 1;
export const BYTES = 2;
export const STREAMS = 0x80;

// Kinds to whom is called.
export const CALL = 1;
export const NOTIFY = 2;
export const CANCEL = 3;
export const INPUT_ITEM = 4;
export const INPUT_END = 5;
export const INPUT_ERROR = 6;
export const OUTPUT_CREDIT = 7;
// Kinds to the caller.
export const RESULT = 17;
export const ERROR = 18;
export const OPEN = 19;
export const OUTPUT_ITEM = 20;
export const INPUT_CREDIT = 21;
export const INPUT_STOP = 22;
// To everybody.
export const HELLO = 83;
