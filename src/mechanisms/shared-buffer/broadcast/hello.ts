import { ChannelError, type ErrorDetails } from "../../../core/errors.js";
import { EAGAIN, F_SEAL_SHRINK, STATUS_LENGTH, STATUS_SIZE } from "../../../native/constants.js";
import { fromErrno } from "../../../native/errors.js";
import type { NativeCore } from "../../../native/native-core.js";
import { hungUp } from "../handshake.js";
import { LEAST_CAPACITY, MOST_CAPACITY } from "../ring-layout.js";
import type { Place } from "./broadcast-layout.js";
import { type BroadcastWriter, SEALS } from "./broadcast-writer.js";

/*
 * One packet, from writer to follower, as soon as the writer has let the follower in; in host byte order:
 *
 *   0  magic, version, pageSize, capacity       u32 each
 *  16  position and sequence of the next message, position and sequence of the oldest    u64 each
 *
 * and as control message two descriptors: of the broadcast's memory, and of a page for the follower alone. Nothing else travels on the socket but bells, from
 * writer to follower.
 */
const HELLO_BYTES = 48;
/** "sluB". */
const MAGIC = 0x42756c73;
const VERSION = 1;
/** Room for more than a hello, to see what is none. */
const READ_BYTES = 64;

/** What a follower was given. Both descriptors belong to whoever has it. */
export interface Hello {
  readonly ringFd: number;
  readonly pageFd: number;
  readonly pageSize: number;
  readonly capacity: number;
  readonly now: Place;
  readonly oldest: Place;
}

/** The writer's part. Returns bytes sent, or a negative errno. */
export function sendHello(
  core: NativeCore,
  socket: number,
  pageFd: number,
  pageSize: number,
  writer: BroadcastWriter,
): number {
  const hello = new ArrayBuffer(HELLO_BYTES);
  const { end, oldest } = writer;
  new Uint32Array(hello, 0, 4).set([MAGIC, VERSION, pageSize, writer.capacity]);
  const places = [end.position, end.sequence, oldest.position, oldest.sequence];
  new BigUint64Array(hello, 16, 4).set(places.map(BigInt));
  const sent = core.sendHandles(socket, new Uint8Array(hello), Int32Array.of(writer.fd, pageFd));
  return sent;
}

/** The follower's part: takes the memory, and believes nothing that was said of it. `undefined` when nothing has come yet. */
export function receiveHello(
  core: NativeCore,
  socket: number,
  maxCapacity: number,
  details: ErrorDetails,
): Hello | undefined {
  const bytes = new Uint8Array(READ_BYTES);
  const handles = new Int32Array(2);
  const info = new Int32Array(3);
  const got = core.receiveHandles(socket, bytes, handles, info);
  const where = `Cannot follow ${JSON.stringify(details.address)}`;
  if (got === -EAGAIN) return undefined;
  if (got < 0)
    throw fromErrno(got, { ...details, syscall: "recvmsg", action: "take the memory of a broadcast" });
  if (got === 0) {
    const reason = "it does not allow this user, or has enough followers";
    throw hungUp(core, socket, `${where}: the writer`, reason, details);
  }
  const count = info[1] ?? 0;
  const [ringFd = -1, pageFd = -1] = handles.subarray(0, count);
  const [magic, version, pageSize = 0, capacity = 0] = new Uint32Array(bytes.buffer, 0, 4);
  const [position = 0, sequence = 0, oldestPosition = 0, oldestSequence = 0] = Array.from(
    new BigUint64Array(bytes.buffer, 16, 4),
    Number,
  );
  const now = { position, sequence };
  const oldest = { position: oldestPosition, sequence: oldestSequence };
  const hello = { ringFd, pageFd, pageSize, capacity, now, oldest };
  let reason: string | undefined;
  if (got !== HELLO_BYTES || magic !== MAGIC) reason = "the server there speaks another protocol";
  else if (version !== VERSION)
    reason = `the writer speaks version ${version ?? 0} of the protocol, this is version ${VERSION}`;
  else if (count !== 2) reason = "the writer has sent no memory";
  else reason = refusal(core, hello, maxCapacity);
  if (reason === undefined) return hello;
  for (const fd of handles.subarray(0, count)) core.close(fd);
  const text = `${where}: ${reason}; is it a SharedBuffer.broadcast() of this version that listens there?`;
  throw new ChannelError("ERR_INVALID_MESSAGE", text, details);
}

/** What is wrong with what the writer has sent. */
function refusal(core: NativeCore, hello: Hello, maxCapacity: number): string | undefined {
  const { pageSize, capacity, now, oldest } = hello;
  const ownPageSize = core.pageSize();
  if (pageSize !== ownPageSize) return `it counts in pages of ${pageSize} bytes`;
  const least = Math.max(LEAST_CAPACITY, pageSize);
  if (capacity < least || capacity > MOST_CAPACITY || (capacity & (capacity - 1)) !== 0)
    return `it offers a ring of ${capacity} bytes, which is no power of two from ${least} to ${MOST_CAPACITY}`;
  if (capacity > maxCapacity)
    return `it offers a ring of ${capacity} bytes, over the limit of ${maxCapacity} (options.maxCapacity)`;
  const isPossible =
    Number.isSafeInteger(now.position) &&
    Number.isSafeInteger(now.sequence) &&
    now.position % 8 === 0 &&
    oldest.position % 8 === 0 &&
    oldest.position <= now.position &&
    now.position - oldest.position <= capacity &&
    oldest.sequence <= now.sequence;
  if (!isPossible) return `it says that its messages are from ${oldest.position} to ${now.position}`;
  const seals = core.getSeals(hello.ringFd);
  if (seals < 0 || (seals & SEALS) !== SEALS)
    return "its memory is not sealed against changes of size and the writing of others";
  const pageSeals = core.getSeals(hello.pageFd);
  if (pageSeals < 0 || (pageSeals & F_SEAL_SHRINK) === 0)
    return "the page for this follower is not sealed against changes of size";
  const size = sizeOf(core, hello.ringFd);
  if (size !== pageSize + capacity) return `its memory has ${size} bytes, not ${pageSize + capacity}`;
  return sizeOf(core, hello.pageFd) === pageSize ? undefined : "the page for this follower is none";
}

function sizeOf(core: NativeCore, fd: number): number {
  const status = new BigInt64Array(STATUS_LENGTH);
  return core.status(fd, status) < 0 ? -1 : Number(status[STATUS_SIZE]);
}
