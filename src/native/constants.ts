/**
 * Numbers of the Linux ABI that mechanisms compare with, as plain constants so that a hot path reads no object.
 * They are the same on x64 and arm64; a test compares each with what the C headers say
 * ({@link NativeCore.constants}). Numbers that differ between CPUs (the `O_*` flags) are only found there.
 */

// errno(3)
export const EPERM = 1;
export const ENOENT = 2;
export const ESRCH = 3;
export const EINTR = 4;
export const EIO = 5;
export const ENXIO = 6;
export const E2BIG = 7;
export const EBADF = 9;
export const EAGAIN = 11;
export const ENOMEM = 12;
export const EACCES = 13;
export const EFAULT = 14;
export const EBUSY = 16;
export const EEXIST = 17;
export const ENODEV = 19;
export const ENOTDIR = 20;
export const EISDIR = 21;
export const EINVAL = 22;
export const EMFILE = 24;
export const ENFILE = 23;
export const EFBIG = 27;
export const ENOSPC = 28;
export const ESPIPE = 29;
export const EROFS = 30;
export const EPIPE = 32;
export const ERANGE = 34;
export const ENAMETOOLONG = 36;
export const ENOSYS = 38;
export const ELOOP = 40;
export const ENOMSG = 42;
export const EIDRM = 43;
export const EPROTO = 71;
export const EOVERFLOW = 75;
export const ENOTSOCK = 88;
export const EDESTADDRREQ = 89;
export const EMSGSIZE = 90;
export const EPROTOTYPE = 91;
export const ENOPROTOOPT = 92;
export const EOPNOTSUPP = 95;
export const EAFNOSUPPORT = 97;
export const EADDRINUSE = 98;
export const EADDRNOTAVAIL = 99;
export const ENETDOWN = 100;
export const ENETUNREACH = 101;
export const ECONNABORTED = 103;
export const ECONNRESET = 104;
export const ENOBUFS = 105;
export const EISCONN = 106;
export const ENOTCONN = 107;
export const ETIMEDOUT = 110;
export const ECONNREFUSED = 111;
export const EHOSTUNREACH = 113;
export const EINPROGRESS = 115;

// What a Poll watches for, and what its callback is told: the values of libuv's uv_poll_event.
export const READABLE = 1;
export const WRITABLE = 2;
/** The peer has shut down its sending side or is gone (EPOLLRDHUP). */
export const DISCONNECT = 4;

// socket(2) and socket(7)
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_SEQPACKET = 5;
export const SHUT_RD = 0;
export const SHUT_WR = 1;
export const SHUT_RDWR = 2;
export const SO_TYPE = 3;
export const SO_ERROR = 4;
export const SO_SNDBUF = 7;
export const SO_RCVBUF = 8;
export const SO_PASSCRED = 16;
export const SO_ACCEPTCONN = 30;
export const SO_SNDBUFFORCE = 32;
export const SO_RCVBUFFORCE = 33;
export const SO_PROTOCOL = 38;
export const SO_DOMAIN = 39;
export const AF_UNIX = 1;

// ip(7), ipv6(7), tcp(7), udp(7)
export const AF_INET = 2;
export const AF_INET6 = 10;
export const SO_REUSEADDR = 2;
export const SO_BROADCAST = 6;
export const SO_KEEPALIVE = 9;
export const IPPROTO_IP = 0;
export const IPPROTO_TCP = 6;
export const IPPROTO_IPV6 = 41;
export const TCP_NODELAY = 1;
export const TCP_KEEPIDLE = 4;
export const TCP_KEEPINTVL = 5;
export const TCP_KEEPCNT = 6;
export const IP_TTL = 2;
export const IP_MULTICAST_TTL = 33;
export const IP_MULTICAST_LOOP = 34;
export const IPV6_UNICAST_HOPS = 16;
export const IPV6_MULTICAST_HOPS = 18;
export const IPV6_MULTICAST_LOOP = 19;
export const IPV6_V6ONLY = 26;

/** Bytes of a socket's path without its ending NUL: `sizeof sun_path - 1`, unix(7). */
export const MAX_PATH_NAME = 107;
/** Bytes of an abstract name, its leading NUL counted: `sizeof sun_path`, unix(7). */
export const MAX_ABSTRACT_NAME = 108;
/** Bytes of an endpoint: family (4 or 6), 0, port (big-endian), 16 of address, scope id (in the byte order of the host). */
export const ENDPOINT_BYTES = 24;
/** Descriptors that one message can carry: SCM_MAX_FD, unix(7). */
export const MAX_HANDLES = 253;
/** Bytes that a write to a pipe does atomically, pipe(7). */
export const PIPE_BUF = 4096;
/** Buffers that one `writev` takes, writev(2). */
export const IOV_MAX = 1024;

// inode(7): the file's type within `status[STATUS_MODE]`
export const S_IFMT = 0o170000;
export const S_IFSOCK = 0o140000;
export const S_IFREG = 0o100000;
export const S_IFDIR = 0o040000;
export const S_IFIFO = 0o010000;

// fcntl(2): seals of a memfd
export const F_SEAL_SEAL = 1;
export const F_SEAL_SHRINK = 2;
export const F_SEAL_GROW = 4;
export const F_SEAL_WRITE = 8;
export const F_SEAL_FUTURE_WRITE = 16;

/** Int32 fields that `receivePackets` writes for each packet. */
export const PACKET_STRIDE = 8;
export const PACKET_OFFSET = 0;
/** Bytes that were stored, at `PACKET_OFFSET` of the slab, or of scratch (`PACKET_OVERFLOWED`). */
export const PACKET_LENGTH = 1;
export const PACKET_FLAGS = 2;
export const PACKET_PID = 3;
export const PACKET_UID = 4;
export const PACKET_GID = 5;
/** Bytes of the sender's name in `names` at `index * NAME_STRIDE`; 0: unnamed. */
export const PACKET_NAME_LENGTH = 6;
/** Where the call has `handles`, and so no names: how many descriptors came with the message. */
export const PACKET_HANDLES = 6;
/** The message's real length where it was cut; for a record with `PACKET_FAILED`, the negative errno. */
export const PACKET_FULL_LENGTH = 7;
/** Bytes between two names in `names`. */
export const NAME_STRIDE = 112;

/** The message was longer than its place in the slab and its share of scratch: its rest is lost. */
export const PACKET_TRUNCATED = 1;
/** Fields pid, uid and gid hold what the kernel said of the sender (SO_PASSCRED). Of somebody connected they are read only where descriptors are taken. */
export const PACKET_HAS_CREDENTIALS = 2;
/** Not a message: the peer has ended its sending side. Nothing follows. */
export const PACKET_END = 4;
/** The message was longer than its place in the slab: all of it lies in scratch, which the next call writes over. */
export const PACKET_OVERFLOWED = 8;
/** Not a message: reading failed after the packets before this record; `PACKET_FULL_LENGTH` has the errno. */
export const PACKET_FAILED = 16;
/** The message carried descriptors that nobody asked for (of somebody connected that is not told), or more than there was room for. They were closed. */
export const PACKET_HAD_HANDLES = 32;

/** `receiveHandles`: descriptors were lost, so all that had come with the message were closed. */
export const HANDLES_LOST = 1;
/** `receiveHandles`: the message was longer than the buffer, its rest is lost. */
export const HANDLES_MESSAGE_TRUNCATED = 2;

/** Int32 fields that `mqReceive` and `msgReceive` write for each message. */
export const MESSAGE_STRIDE = 4;
export const MESSAGE_OFFSET = 0;
export const MESSAGE_LENGTH = 1;
/** The priority; on System V queues the lower half of the type. */
export const MESSAGE_GRADE = 2;
export const MESSAGE_GRADE_HIGH = 3;

/** Int64 fields that `mqAttributes` writes. */
export const MQ_ATTRIBUTES_LENGTH = 3;
export const MQ_MESSAGES = 0;
export const MQ_MOST_MESSAGES = 1;
export const MQ_MESSAGE_SIZE = 2;

/** Int64 fields that `msgStatus` writes. */
export const MSG_STATUS_LENGTH = 8;
export const MSG_MESSAGES = 0;
export const MSG_BYTES = 1;
export const MSG_CAPACITY = 2;
export const MSG_LAST_SENDER = 3;
export const MSG_LAST_RECEIVER = 4;
export const MSG_MODE = 5;
export const MSG_UID = 6;
export const MSG_GID = 7;

/** What `msgWaitResult` says of a wait. */
export const MSG_WAIT_BUSY = 0;
export const MSG_WAIT_DONE = 1;
/** The thread has ended; the object is of no use any more. */
export const MSG_WAIT_EXITED = 2;
/** A wait for a message has taken one that is empty. */
export const MSG_WAIT_TOOK_EMPTY = 1;

/** Int64 fields that `status` and `statusOf` write. */
export const STATUS_LENGTH = 8;
export const STATUS_MODE = 0;
export const STATUS_DEVICE = 1;
export const STATUS_INODE = 2;
export const STATUS_UID = 3;
export const STATUS_GID = 4;
export const STATUS_SIZE = 5;
export const STATUS_LINKS = 6;
export const STATUS_BLOCKS = 7;

/** Bytes of one record that the signal handler writes to a subscriber: eight Int32, in host byte order. */
export const SIGNAL_RECORD_BYTES = 32;
export const SIGNAL_NUMBER = 0;
/** siginfo's si_code: `SI_USER` for kill(2), `SI_QUEUE` for sigqueue(3), positive for the kernel itself. */
export const SIGNAL_CODE = 1;
/** The sender's process id; 0 when the kernel sent it. */
export const SIGNAL_PID = 2;
/** The sender's real user id. */
export const SIGNAL_UID = 3;
/** The integer that came by sigqueue(3); else 0. */
export const SIGNAL_VALUE = 4;
/** Records that did not fit into this subscriber's pipe since the record before this one. */
export const SIGNAL_DROPPED = 5;
export const SI_USER = 0;
export const SI_QUEUE = -1;
export const SI_TKILL = -6;

// prctl(2)
export const PR_SET_KEEPCAPS = 8;
export const PR_SET_NO_NEW_PRIVS = 38;

/** `signalDisposition`: what a signal does, sigaction(2). */
export const DISPOSITION_DEFAULT = 0;
export const DISPOSITION_IGNORE = 1;
/** The handler of this library. */
export const DISPOSITION_OURS = 2;
/** A handler of somebody else: the runtime's (`process.on`) or another addon's. */
export const DISPOSITION_FOREIGN = 3;
