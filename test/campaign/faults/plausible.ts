// Which errors a call may meet, from its man page: those that depend on the system or the other side, not on wrong arguments.
import { constants } from "node:os";
import type { Rule } from "../../support/peers/faults/injector.js";

type Errno = keyof typeof constants.errno;
type Fault = Pick<Rule, "kind" | "value" | "times">;

const memory: readonly Errno[] = ["ENOMEM"];
const tables: readonly Errno[] = ["EMFILE", "ENFILE", "ENOMEM"];
const writing: readonly Errno[] = ["EINTR", "EAGAIN", "EPIPE", "EIO"];
const sending: readonly Errno[] = ["EINTR", "EAGAIN", "ECONNRESET", "EPIPE", "ENOBUFS", "ENOMEM"];
// Not EAGAIN: the kernel does not say that nothing is there when something is.
const receiving: readonly Errno[] = ["EINTR", "ECONNRESET", "ENOMEM"];

const errnos: Readonly<Record<string, readonly Errno[]>> = {
  accept4: ["EINTR", "EAGAIN", "ECONNABORTED", "EMFILE", "ENOBUFS", "ENOMEM", "EPERM"],
  bind: ["EACCES", "EADDRINUSE", "ENOMEM", "ENOSPC", "EROFS"],
  calloc: memory,
  chmod: ["EPERM", "EIO", "EROFS", "ENOMEM"],
  connect: ["EINTR", "EAGAIN", "ECONNREFUSED", "EACCES", "ENOENT"],
  eventfd: tables,
  fchmod: ["EPERM", "EIO", "EROFS"],
  fcntl: ["EAGAIN", "EMFILE", "ENOLCK", "EPERM", "EBUSY"],
  flock: ["EINTR", "EAGAIN", "ENOLCK"],
  ftruncate: ["EINTR", "EIO", "EFBIG", "EPERM"],
  getpeername: ["ENOTCONN", "ENOBUFS"],
  getsockname: ["ENOBUFS"],
  getsockopt: ["ENOPROTOOPT", "ENOBUFS"],
  inotify_add_watch: ["ENOSPC", "ENOMEM", "ENOENT"],
  inotify_init1: tables,
  inotify_rm_watch: ["EINVAL"],
  ioctl: ["ENOTTY", "EINVAL"],
  kill: ["EPERM", "ESRCH"],
  listen: ["EADDRINUSE", "ENOBUFS"],
  malloc: memory,
  mmap: ["ENOMEM", "EAGAIN", "EPERM"],
  open: ["EINTR", "EACCES", "EMFILE", "ENFILE", "ENOMEM", "ENOSPC", "EROFS"],
  pipe2: ["EMFILE", "ENFILE"],
  poll: ["EINTR", "ENOMEM"],
  pthread_create: ["EAGAIN", "EPERM"],
  read: ["EINTR", "EIO"],
  realloc: memory,
  recv: receiving,
  recvmmsg: receiving,
  recvmsg: receiving,
  send: sending,
  sendmmsg: sending,
  sendmsg: sending,
  sendto: sending,
  setsockopt: ["EPERM", "ENOBUFS", "ENOPROTOOPT"],
  shutdown: ["ENOTCONN", "ENOBUFS"],
  sigaction: ["EINVAL"],
  socket: ["EACCES", "EAFNOSUPPORT", "EMFILE", "ENFILE", "ENOBUFS"],
  socketpair: ["EAFNOSUPPORT", "EMFILE", "ENFILE", "EOPNOTSUPP"],
  unlink: ["EACCES", "EBUSY", "EIO", "EROFS"],
  uv_poll_init: ["ENOMEM", "ENOSPC"],
  // It only notes what is wanted: what epoll_ctl(2) refuses later aborts the process, in libuv.
  uv_poll_start: [],
  uv_thread_create_ex: ["EAGAIN", "ENOMEM"],
  write: writing,
  writev: writing,
  fallocate: ["EINTR", "ENOSPC", "EIO", "EFBIG"],
  futex: ["EINTR", "EAGAIN"],
  memfd_create: tables,
  mknodat: ["EACCES", "EEXIST", "ENOSPC", "EROFS"],
  mq_getsetattr: [],
  mq_open: ["EINTR", "EACCES", "EEXIST", "EMFILE", "ENFILE", "ENOMEM", "ENOSPC"],
  mq_timedreceive: ["EINTR"],
  mq_timedsend: ["EINTR", "EAGAIN"],
  mq_unlink: [],
  msgctl: ["EACCES", "EIDRM", "EPERM"],
  msgget: ["EACCES", "EEXIST", "ENOMEM", "ENOSPC"],
  msgrcv: ["EINTR", "EIDRM"],
  msgsnd: ["EINTR", "EAGAIN", "EIDRM", "ENOMEM"],
  pidfd_open: ["EMFILE", "ENFILE", "ENOMEM", "ENOSYS", "ESRCH"],
  pidfd_send_signal: ["EPERM", "ESRCH", "ENOSYS"],
  prctl: ["EINVAL"],
  pread64: ["EINTR", "EIO"],
  rt_sigqueueinfo: ["EAGAIN", "EPERM", "ESRCH"],
  rt_tgsigqueueinfo: ["EAGAIN", "EPERM"],
  statx: ["EACCES", "EIO", "ENOMEM"],
  tgkill: ["EAGAIN", "ESRCH"],
};

const shortCalls = new Set([
  "read",
  "recv",
  "recvmmsg",
  "recvmsg",
  "send",
  "sendmmsg",
  "sendmsg",
  "sendto",
  "write",
  "writev",
]);

const LATE_MS = 3;

/** Every way in which a call is made to go wrong. */
export function faultsOf(call: string): Fault[] {
  const known = errnos[call];
  const late: Fault = { kind: "late", value: LATE_MS };
  // Its descriptor is gone whatever close(2) says; memory that munmap(2) refuses to give up would stay.
  if (call === "close") {
    return (["EINTR", "EIO"] as const).map((name) => ({ kind: "fail-after", value: constants.errno[name] }));
  }
  if (known === undefined) return [late];
  const failures = known.map((name): Fault => ({ kind: "fail", value: constants.errno[name] }));
  const short: Fault[] = shortCalls.has(call) ? [0, 2].map((value) => ({ kind: "short", value })) : [];
  return [...failures, ...short, late];
}

const INTERRUPTED: number = constants.errno.EINTR;

/** Whether an operation has to succeed nevertheless: interrupted, short and late calls are everyday events. */
export function isHarmless({ kind, value }: Rule): boolean {
  return kind === "short" || kind === "late" || value === INTERRUPTED || kind === "fail-after";
}

/** The fault in words: `the 3rd sendmsg fails with EPIPE`. */
export function inWords({ call, nth, kind, value, times = 1 }: Rule): string {
  const which = `${call} number ${nth}${times > 1 ? ` and ${times - 1} more` : ""}`;
  if (kind === "short") return `${which} does ${value === 0 ? "one byte" : `1/${value}`} of its work`;
  if (kind === "late") return `${which} is ${value} ms late`;
  const name = Object.entries(constants.errno).find(([, number]) => number === value)?.[0] ?? String(value);
  return `${which} ${kind === "fail" ? "fails" : "is done and fails"} with ${name}`;
}
