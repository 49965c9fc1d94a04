import { ChannelError, type ErrorDetails } from "../../core/errors.js";
import { reached } from "../../core/step.js";
import { EAGAIN, F_SEAL_GROW, F_SEAL_SHRINK, STATUS_LENGTH, STATUS_SIZE } from "../../native/constants.js";
import { fromErrno } from "../../native/errors.js";
import type { NativeCore } from "../../native/native-core.js";
import { hasEnded } from "../has-ended.js";
import { readPeerCredentials } from "../peer-credentials.js";
import { LEAST_CAPACITY, memorySize, MOST_CAPACITY } from "./ring-layout.js";
import { RingMemory } from "./ring-memory.js";

/*
 * One packet, from server to client, as soon as the server has let the client in: four 32-bit numbers in host byte order (both are on one host) and, as a
 * control message, the memory's descriptor.
 */
const HELLO_BYTES = 16;
/** "sluR", so that whoever expected another protocol finds out at once. */
const MAGIC = 0x52756c73;
const VERSION = 1;

/** What the client reads at most: room for a longer packet shows that it is no hello. */
const READ_BYTES = 64;

/** The server's part: makes the memory, sends it to the client, and maps it. Descriptor `socket` stays the caller's. */
export function offerMemory(
  core: NativeCore,
  socket: number,
  capacity: number,
  details: ErrorDetails,
): RingMemory {
  const pageSize = core.pageSize();
  const fd = core.createMemory(memorySize(pageSize, capacity), "sluice-ring");
  if (fd < 0) {
    const action = `make ${memorySize(pageSize, capacity)} bytes of shared memory`;
    throw fromErrno(fd, { ...details, syscall: "memfd_create", action });
  }
  const memory = new RingMemory(core, fd, pageSize, capacity, "server");
  STEP: reached("handshake: memory made");
  const hello = new Uint8Array(HELLO_BYTES);
  new Uint32Array(hello.buffer).set([MAGIC, VERSION, pageSize, capacity]);
  const sent = core.sendHandles(socket, hello, Int32Array.of(fd));
  STEP: reached("handshake: memory offered");
  if (sent === HELLO_BYTES) return memory;
  memory.close();
  throw fromErrno(sent, { ...details, syscall: "sendmsg", action: "send the shared memory to the client" });
}

/**
 * The client's part: takes the memory, and believes nothing that was said of it. Seals keep the server from cutting the memory under our feet (SIGBUS).
 *
 * @returns `undefined` when nothing has come yet
 */
export function acceptMemory(
  core: NativeCore,
  socket: number,
  maxCapacity: number,
  details: ErrorDetails,
): RingMemory | undefined {
  const bytes = new Uint8Array(READ_BYTES);
  const handles = new Int32Array(1);
  const info = new Int32Array(3);
  const got = core.receiveHandles(socket, bytes, handles, info);
  const action = "take the shared memory from the server";
  if (got === -EAGAIN) return undefined;
  if (got < 0) throw fromErrno(got, { ...details, syscall: "recvmsg", action });
  const fd = (info[1] ?? 0) > 0 ? (handles[0] ?? -1) : -1;
  STEP: reached("handshake: memory received");
  const refused = (reason: string): ChannelError =>
    new ChannelError(
      "ERR_INVALID_MESSAGE",
      `Cannot connect to shared-buffer ${JSON.stringify(details.address)}: ${reason}; is it a SharedBuffer.listen() of this version that listens there?`,
      details,
    );
  if (got === 0) {
    throw hungUp(
      core,
      socket,
      `Cannot connect to shared-buffer ${JSON.stringify(details.address)}: the server`,
      "it does not allow this user, or has too few resources",
      details,
    );
  }
  const [magic, version, pageSize = 0, capacity = 0] = new Uint32Array(bytes.buffer, 0, 4);
  let reason: string | undefined;
  if (got !== HELLO_BYTES || magic !== MAGIC) reason = "the server speaks another protocol";
  else if (version !== VERSION)
    reason = `the server speaks version ${version ?? 0} of the protocol, this is version ${VERSION}`;
  else if (fd < 0) reason = "the server has sent no memory";
  else reason = refusal(core, fd, pageSize, capacity, maxCapacity);
  if (reason === undefined) return new RingMemory(core, fd, pageSize, capacity, "client");
  if (fd >= 0) core.close(fd);
  throw refused(reason);
}

/** The error of a connection that has ended before anything came: refused by one who lives, for this reason, or cut by his death. `who`: what cannot be done, and who has hung up. */
export function hungUp(
  core: NativeCore,
  socket: number,
  who: string,
  reason: string,
  details: ErrorDetails,
): ChannelError {
  const peer = readPeerCredentials(core, socket);
  return typeof peer !== "number" && hasEnded(peer.pid)
    ? new ChannelError(
        "ERR_PEER_DIED",
        `${who} (pid ${peer.pid}) ended before it let this process in`,
        details,
      )
    : new ChannelError("ERR_ACCESS_DENIED", `${who} hung up; ${reason}`, details);
}

/** What is wrong with the memory that the server has sent. */
function refusal(
  core: NativeCore,
  fd: number,
  pageSize: number,
  capacity: number,
  maxCapacity: number,
): string | undefined {
  if (pageSize !== core.pageSize()) return `it counts in pages of ${pageSize} bytes`;
  if (
    capacity < Math.max(LEAST_CAPACITY, pageSize) ||
    capacity > MOST_CAPACITY ||
    (capacity & (capacity - 1)) !== 0
  ) {
    return `it offers rings of ${capacity} bytes, which is no power of two from ${Math.max(LEAST_CAPACITY, pageSize)} to ${MOST_CAPACITY}`;
  }
  if (capacity > maxCapacity) {
    return `it offers rings of ${capacity} bytes, over the limit of ${maxCapacity} (options.maxCapacity)`;
  }
  const wanted = F_SEAL_SHRINK | F_SEAL_GROW;
  const seals = core.getSeals(fd);
  if (seals < 0 || (seals & wanted) !== wanted) return "its memory is not sealed against changes of size";
  const status = new BigInt64Array(STATUS_LENGTH);
  if (core.status(fd, status) < 0) return "its memory cannot be examined";
  const size = Number(status[STATUS_SIZE]);
  return size === memorySize(pageSize, capacity)
    ? undefined
    : `its memory has ${size} bytes, not the ${memorySize(pageSize, capacity)} of such rings`;
}
