/** A thread that waits at System V queues, as the addon keeps it. Opaque: only functions of the core take it. */
export interface NativeMessageWait {
  readonly nativeMessageWait: unique symbol;
}

/** Raw bytes of an AF_UNIX name: a path without NUL, or an abstract name whose first byte is 0. See unix(7). */
export type SocketName = Uint8Array;

/** Address and port of the network, `ENDPOINT_BYTES` long (see there). */
export type Endpoint = Uint8Array;

/**
 * The functions of the native core: one system call, or one loop of one, each.
 *
 * Results are numbers: 0 or more for success, a **negative errno** for what the kernel refused (`-EAGAIN`, …);
 * {@link fromErrno} makes an error of it. A wrong argument (type, range, a length beyond the array's end) throws a
 * `TypeError` or `RangeError` that names the function and the argument.
 *
 * Nothing here blocks: descriptors that the core makes are non-blocking and close-on-exec. Each belongs to the thread that made it
 * until {@link NativeCore.close} or {@link NativeCore.disown}; when a worker ends, also by `terminate()`, the core closes those left.
 * Lengths and offsets are in bytes. Calls interrupted by a signal are repeated.
 */
export interface NativeCore {
  /** Numbers as the C headers of the build have them: errno, `O_*`, and what constants.ts repeats. */
  readonly constants: Readonly<Record<string, number>>;

  // ---- descriptors -------------------------------------------------------------------------------------------

  /** close(2). Ends the descriptor's signal subscriptions first. Close a Poll on it before. */
  close(fd: number): number;
  /**
   * From now on the descriptor belongs to somebody else (a `net.Socket({ fd })`, a user, another thread), who closes it:
   * the end of this thread must not close that number. Returns 0, or `-EBADF` when this thread did not own it.
   */
  disown(fd: number): number;
  /** The opposite of {@link NativeCore.disown}: close this descriptor when this thread ends. */
  adopt(fd: number): number;
  /** read(2): bytes read, 0 at the end. */
  read(fd: number, buffer: Uint8Array, offset: number, length: number): number;
  /** write(2): bytes written, possibly fewer than asked. SIGPIPE is ignored by Node; a closed reader gives `-EPIPE`. */
  write(fd: number, buffer: Uint8Array, offset: number, length: number): number;
  /** writev(2) over `buffers[start]` to `buffers[end - 1]`, at most 1,024 of them: bytes written, possibly fewer. */
  writev(fd: number, buffers: readonly Uint8Array[], start: number, end: number): number;
  /** F_DUPFD_CLOEXEC, fcntl(2): a new descriptor of the same open file. */
  duplicate(fd: number): number;
  /** dup3(2): `replaced` is closed and becomes another number of what `fd` is, open across exec. They must differ. */
  replace(fd: number, replaced: number): number;
  /** 1 when O_NONBLOCK is set, else 0. */
  isNonBlocking(fd: number): number;
  setNonBlocking(fd: number, on: boolean): number;
  /** 1 when FD_CLOEXEC is set, else 0. */
  isCloseOnExec(fd: number): number;
  setCloseOnExec(fd: number, on: boolean): number;
  /** The access mode: 0 read, 1 write, 2 both (O_ACCMODE of F_GETFL). */
  accessMode(fd: number): number;
  /** Reads and discards until nothing is there (at most 64 rounds of 4 KiB): bytes read. */
  drain(fd: number): number;
  /** FIONREAD: bytes that wait to be read (of the next packet on packet sockets). */
  queuedBytes(fd: number): number;
  /** poll(2): 1 when the other side is gone altogether (POLLHUP on a socket, POLLERR on the writing end of a pipe), 0 when it has ended one direction at most. */
  isHungUp(fd: number): number;

  // ---- files -------------------------------------------------------------------------------------------------

  /** open(2). `O_CLOEXEC | O_NONBLOCK | O_NOCTTY` are always added, so that a FIFO never blocks the event loop. */
  open(path: string, flags: number, mode: number): number;
  /** What statx(2) says of a descriptor, as `STATUS_*` fields. */
  status(fd: number, out: BigInt64Array): number;
  /** What statx(2) says of a path; a symbolic link is not followed. */
  statusOf(path: string, out: BigInt64Array): number;
  /** flock(2) without waiting: `-EAGAIN` while another open file holds the lock. Ends with the descriptor. */
  lock(fd: number, kind: "exclusive" | "shared"): number;
  unlock(fd: number): number;
  unlink(path: string): number;
  /** fchmod(2); on a socket before `bindSocket` it sets the mode of the file to be, with no race. */
  setMode(fd: number, mode: number): number;

  // ---- pipes -------------------------------------------------------------------------------------------------

  /**
   * pipe2(2): `out[0]` reads, `out[1]` writes. With a `capacity` other than 0 the kernel is asked for as many bytes (F_SETPIPE_SZ);
   * a capacity over the user's limit leaves the pipe as it is. Returns the capacity the pipe has.
   */
  pipe(out: Int32Array, capacity: number): number;
  /** F_GETPIPE_SZ. */
  pipeCapacity(fd: number): number;
  /** F_SETPIPE_SZ: the capacity that was set. */
  setPipeCapacity(fd: number, capacity: number): number;
  /** mkfifo(3) with exactly this mode, whatever the umask; never wider, not for a moment. */
  makeFifo(path: string, mode: number): number;
  /** inotify_init1(2): a descriptor that becomes readable when something has happened to what it watches. */
  createWatcher(): number;
  /**
   * inotify_add_watch(2): has the watcher tell when somebody opens, changes, moves or removes `path`. A blocking open of a FIFO is only
   * reported when it *returns*: `cat < fifo` that waits for a writer is not. Returns the number of the watch, which is one for each file.
   */
  watchOpens(watcher: number, path: string): number;
  /** inotify_rm_watch(2). */
  unwatch(watcher: number, watch: number): number;

  // ---- the event loop ----------------------------------------------------------------------------------------

  /**
   * From now on a thread of the core watches descriptors, instead of the event loop itself: for loops that are not libuv's. Say so before the first
   * {@link NativeCore.pollOpen}. Returns 0.
   */
  pollByThread(): number;
  /** uv_poll_init_socket; use class {@link Poll}. Returns a number that stands for the poll until it is closed, or a negative errno when libuv refuses. */
  pollOpen(fd: number, callback: (status: number, events: number) => void): number;
  pollSet(poll: number, events: number): number;
  pollReference(poll: number, keepsAlive: boolean): number;
  pollClose(poll: number): number;

  // ---- Unix sockets ------------------------------------------------------------------------------------------

  /** socket(2) of AF_UNIX, non-blocking and close-on-exec. */
  socket(type: number): number;
  /** bind(2) to exactly these bytes. A path is at most 107 bytes, an abstract name 108; else RangeError. */
  bindSocket(fd: number, name: SocketName): number;
  /** connect(2). `-EAGAIN`: the listener's backlog is full. For datagrams: the default peer, changeable. */
  connectSocket(fd: number, name: SocketName): number;
  /** connect(2) with AF_UNSPEC: a datagram socket has no default peer any more. */
  disconnectSocket(fd: number): number;
  listenSocket(fd: number, backlog: number): number;
  /** accept4(2): a new descriptor, or `-EAGAIN`. */
  acceptSocket(fd: number): number;
  /** socketpair(2). */
  socketPair(type: number, out: Int32Array): number;
  /** shutdown(2) with SHUT_RD, SHUT_WR or SHUT_RDWR. */
  shutdownSocket(fd: number, how: number): number;
  /** SO_PEERCRED: pid, uid and gid of the peer as they were at connect or listen. */
  peerCredentials(fd: number, out: Int32Array): number;
  /** SO_PEERGROUPS (Linux 4.13): the supplementary groups of the peer as they were at connect or listen, and how many; `-ERANGE`: more than `out` holds. */
  peerGroups(fd: number, out: Int32Array): number;
  /** SO_PEERPIDFD (Linux 6.5): a pidfd of the peer; `-ENOPROTOOPT` on older kernels. */
  peerPidfd(fd: number): number;
  /** getsockopt(2) of an int at level SOL_SOCKET. */
  getOption(fd: number, option: number): number;
  /** setsockopt(2) of an int at level SOL_SOCKET. */
  setOption(fd: number, option: number, value: number): number;
  /** getsockname(2) into `out` (108 bytes at least): the name's length, 0 when unnamed. */
  socketName(fd: number, out: Uint8Array): number;
  /** getpeername(2) likewise. */
  peerName(fd: number, out: Uint8Array): number;

  // ---- sockets of the network ----------------------------------------------------------------------------------

  /** socket(2) of AF_INET or AF_INET6, non-blocking and close-on-exec. */
  internetSocket(family: number, type: number): number;
  /** bind(2). Port 0: a free one, which {@link NativeCore.internetName} tells. */
  bindInternet(fd: number, endpoint: Endpoint): number;
  /** connect(2). `-EINPROGRESS` on a stream: wait until it is writable, then SO_ERROR tells. For datagrams: the default peer. */
  connectInternet(fd: number, endpoint: Endpoint): number;
  /** getsockname(2) into `out`. */
  internetName(fd: number, out: Endpoint): number;
  /** getpeername(2) into `out`; `-ENOTCONN` when the peer is gone already. */
  internetPeerName(fd: number, out: Endpoint): number;
  /** sendto(2) with MSG_DONTWAIT and MSG_NOSIGNAL, on an unconnected datagram socket: bytes sent. */
  sendInternet(fd: number, bytes: Uint8Array, offset: number, length: number, to: Endpoint): number;
  /** getsockopt(2) of an int at this level (`IPPROTO_*`). */
  getOptionAt(fd: number, level: number, option: number): number;
  /** setsockopt(2) of an int at this level. */
  setOptionAt(fd: number, level: number, option: number, value: number): number;
  /** MCAST_JOIN_GROUP or MCAST_LEAVE_GROUP, ip(7), on the interface of this index (0: the kernel chooses). The endpoint's port does not matter. */
  setMembership(fd: number, group: Endpoint, interfaceIndex: number, member: boolean): number;
  /** IP_MULTICAST_IF or IPV6_MULTICAST_IF: the interface of this index that multicasts leave by. */
  setMulticastInterface(fd: number, family: number, interfaceIndex: number): number;
  /** SIOCOUTQ, tcp(7): bytes that were written and that the peer's kernel has not acknowledged. */
  unsentBytes(fd: number): number;
  /** SO_MEMINFO: packets that came and were dropped because the receive buffer was full, modulo 2 ** 32. */
  droppedPackets(fd: number): number;

  // ---- packets -----------------------------------------------------------------------------------------------

  /** sendto(2) with MSG_DONTWAIT and MSG_NOSIGNAL: bytes sent. `to` only on unconnected datagram sockets. */
  sendPacket(
    fd: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
    to: SocketName | undefined,
  ): number;
  /**
   * sendmmsg(2) over `packets[start]` to `packets[end - 1]`: how many the kernel took, in order. A negative errno only
   * when it took none of them; when some were taken, the next call tells why the rest was not.
   */
  sendPackets(
    fd: number,
    packets: readonly Uint8Array[],
    start: number,
    end: number,
    to: SocketName | undefined,
  ): number;
  /**
   * recvmmsg(2) with MSG_DONTWAIT until nothing is there, `maxPackets` were read, or slab and records are full. Messages are laid one after
   * another into `slab` from `offset`, each at a multiple of 8 counted from the array's start. With a `slot` up to 16 of them are read by one system call, each into so many
   * bytes of the slab before they are moved together; with 0 each is read by a call of its own, into all that is left of the slab.
   *
   * What is longer than its slot lies whole in `scratch`, marked `PACKET_OVERFLOWED`, and ends the batch after the messages of the same system call, among which scratch is
   * divided in equal shares. So scratch should be as long as the largest message allowed, and 16 times as long where there is a `slot`; what is longer than both
   * is marked `PACKET_TRUNCATED`.
   *
   * For each packet one record of `PACKET_STRIDE` is written to `info`, and the sender's name (on sockets of the network: endpoint) to `names` unless that is undefined. Descriptors
   * that come along are closed, unless there are `handles` (and no `names`): then they belong to this thread, a message with some is the last that is read, and
   * its record says in `PACKET_HANDLES` how many. Where they are more than there is room for, all are closed and `PACKET_HAD_HANDLES` says so.
   *
   * `connected` says that the socket is SOCK_SEQPACKET: then 0 bytes with nothing beside them, twice in a row, are the end (`PACKET_END`): at the first, the kernel may
   * hold back what the peer sent just before it closed. Set SO_PASSCRED *before* bind, connect or listen, or an empty message cannot be told from the end. Unless there
   * are `handles`, what is beside a message is only noticed (MSG_CTRUNC), not read: records have no credentials and say nothing of descriptors.
   *
   * @returns records written; a negative errno when the first read failed. `-ECONNRESET` is told once, *before* messages that still wait: go on reading.
   */
  receivePackets(
    fd: number,
    slab: Uint8Array,
    offset: number,
    slot: number,
    scratch: Uint8Array,
    maxPackets: number,
    info: Int32Array,
    names: Uint8Array | undefined,
    connected: boolean,
    handles?: Int32Array,
  ): number;
  /** sendmsg(2) with SCM_RIGHTS: bytes sent. At least one byte, at most 253 descriptors. They stay open here. */
  sendHandles(fd: number, bytes: Uint8Array, fds: Int32Array): number;
  /**
   * recvmsg(2) with room for descriptors, close-on-exec, which then belong to the caller. `info[0]` bytes, `info[1]` descriptors
   * written to `out`, `info[2]` flags (`HANDLES_LOST`, `HANDLES_MESSAGE_TRUNCATED`). When one was lost (MSG_CTRUNC, or
   * `out` is too short) all of this message are closed. Returns bytes; 0: the end.
   */
  receiveHandles(fd: number, buffer: Uint8Array, out: Int32Array, info: Int32Array): number;

  // ---- doorbells ---------------------------------------------------------------------------------------------

  /** Sends one byte with MSG_DONTWAIT; a full socket counts as success, since the bell already rings. */
  ringBell(fd: number): number;
  /**
   * Takes all bytes from a stream socket with MSG_DONTWAIT, in at most 64 rounds: bytes read; 0: the peer has ended;
   * `-EAGAIN`: nothing there.
   */
  clearBell(fd: number): number;
  /** eventfd(2), non-blocking. */
  eventfd(): number;
  /** Adds 1 to an eventfd; a counter at its limit counts as success. */
  signalEvent(fd: number): number;
  /** Reads an eventfd back to 0: what it held, or `-EAGAIN`. */
  clearEvent(fd: number): number;

  // ---- memory ------------------------------------------------------------------------------------------------

  /** Bytes of a page, sysconf(3). */
  pageSize(): number;
  /**
   * memfd_create(2) of `size` zero bytes, sealed against growing, shrinking and further seals. `name` shows in /proc/PID/maps.
   */
  createMemory(size: number, name: string): number;
  /** The same without seals: for memory that is to be sealed against writing once its one writer has mapped it. */
  createUnsealed(size: number, name: string): number;
  /** F_ADD_SEALS: a mask of `F_SEAL_*`. `-EINVAL`: the kernel does not know one of them; `-EPERM`: it is sealed against further seals. */
  seal(fd: number, seals: number): number;
  /** F_GET_SEALS: a mask of `F_SEAL_*`; `-EINVAL` when the file has none. */
  getSeals(fd: number): number;
  /** What shm_open(3) does: opens /dev/shm/`name` (one leading slash allowed, no other), O_NOFOLLOW. */
  openShared(name: string, flags: number, mode: number): number;
  unlinkShared(name: string): number;
  /** ftruncate(2): sets the size; memory is taken when it is touched. */
  truncate(fd: number, size: number): number;
  /** fallocate(2): grows to `size` if needed and takes the memory now, so that `-ENOSPC` shows here and not as SIGBUS later. */
  allocate(fd: number, size: number): number;
  /**
   * mmap(2), MAP_SHARED. The memory is released by {@link NativeCore.unmapMemory} or when the ArrayBuffer is collected. `offset` must be a multiple
   * of the page size, offset + length within the file (`-EINVAL` otherwise). JS cannot write-protect: writing through a map that
   * is not `writable` is a SIGSEGV.
   */
  mapMemory(fd: number, offset: number, length: number, writable: boolean): ArrayBuffer | number;
  /**
   * Maps `capacity` bytes twice in a row, so that byte `capacity + i` is byte `i` and no message has to wrap. The ArrayBuffer is 2 * capacity
   * long. `offset` and `capacity` must be multiples of the page size.
   */
  mapRing(fd: number, offset: number, capacity: number, writable: boolean): ArrayBuffer | number;
  /**
   * Detaches the buffer, so that every view of it has length 0, then munmap(2). Throws a TypeError for a buffer that
   * the core did not map, and for one that is detached already.
   */
  unmapMemory(buffer: ArrayBuffer): number;

  // ---- message queues ----------------------------------------------------------------------------------------

  /**
   * mq_open(3) by its system call, non-blocking. `mode` and the two limits count when the queue is made; `mostMessages` 0: the system's default
   * limits. The descriptor can be watched by a Poll.
   */
  mqOpen(name: string, flags: number, mode: number, mostMessages: number, messageSize: number): number;
  mqUnlink(name: string): number;
  /** mq_getattr(3), as `MQ_*` fields. */
  mqAttributes(fd: number, out: BigInt64Array): number;
  /** Bytes of all messages that wait, as the queue's file tells; `-EBADF` when it is open for writing only. */
  mqBytes(fd: number): number;
  /** mq_send(3) for `messages[start]` to `messages[end - 1]`: how many the queue took. A negative errno only when it took none of them. */
  mqSend(fd: number, messages: readonly Uint8Array[], start: number, end: number, priority: number): number;
  /**
   * mq_receive(3) until nothing is there, `limit` were received, or less than `room` is left in `memory`. `room` is what each message may take, at least
   * the queue's message size (`-EMSGSIZE`). One `MESSAGE_*` record for each is written to `info`. Returns how many; a negative errno when it was none.
   */
  mqReceive(fd: number, memory: Uint8Array, room: number, limit: number, info: Int32Array): number;

  /** msgget(2): the id of a System V queue. */
  msgGet(key: number, flags: number): number;
  /** IPC_STAT of msgctl(2), as `MSG_*` fields. */
  msgStatus(id: number, out: BigInt64Array): number;
  /** IPC_SET of msgctl(2): how many bytes the queue holds (`msg_qbytes`). `-EPERM` over kernel.msgmnb. */
  msgSetCapacity(id: number, bytes: number): number;
  /** IPC_RMID of msgctl(2). Whoever waits at the queue is told `-EIDRM`. */
  msgRemove(id: number): number;
  /** msgsnd(2) with IPC_NOWAIT for `messages[start]` to `messages[end - 1]`: how many the queue took. A negative errno only when it took none of them. */
  msgSend(id: number, messages: readonly Uint8Array[], start: number, end: number, type: number): number;
  /**
   * msgrcv(2) with IPC_NOWAIT and MSG_NOERROR, otherwise as {@link NativeCore.mqReceive}. A message that is longer than `room` is cut to it; one that
   * fills `room` is the last of its call. `memory` must begin
   * at a multiple of 8; each message takes 8 bytes besides its own.
   */
  msgReceive(
    id: number,
    memory: Uint8Array,
    room: number,
    limit: number,
    info: Int32Array,
    type: number,
  ): number;
  /**
   * Starts a thread that waits at System V queues, one wait at a time, with all signals blocked but SIGURG, by which it is interrupted. It adds 1 to the
   * eventfd at the end of each wait, and when it has ended itself. The eventfd must stay open until then.
   */
  msgWaitOpen(eventfd: number): NativeMessageWait | number;
  /**
   * Waits until there is a message of this type (as for msgrcv(2)), without taking it. Only an empty message is taken: `MSG_WAIT_TOOK_EMPTY`. `-EBUSY` while the
   * thread waits for something else.
   */
  msgWaitMessage(wait: NativeMessageWait, id: number, type: number): number;
  /** Sends a message, of which it makes a copy, as soon as there is room. */
  msgWaitSend(wait: NativeMessageWait, id: number, type: number, bytes: Uint8Array): number;
  /**
   * What became of the wait, one of `MSG_WAIT_*`: told once, then the thread is free for the next. `out[0]` has the result, 0 or more or a negative errno (`-EINTR`:
   * interrupted, nothing was done), `out[1]` and `out[2]` the halves of the type.
   */
  msgWaitResult(wait: NativeMessageWait, out: Int32Array): number;
  /**
   * Tells the thread to end, and interrupts its wait. 1: it has ended. The interruption can come a moment before the thread blocks: call again until
   * {@link NativeCore.msgWaitResult} says that it has ended.
   */
  msgWaitClose(wait: NativeMessageWait): number;
  // ---- waiting in shared memory ------------------------------------------------------------------------------

  /**
   * FUTEX_WAIT, futex(2), on a word that other processes see, for at most so many milliseconds. **Blocks the thread.** 0: woken; `-EAGAIN`: the
   * word is not `expected`; `-ETIMEDOUT`; `-EINTR`: a signal came.
   */
  futexWait(words: Int32Array, index: number, expected: number, milliseconds: number): number;
  /** FUTEX_WAKE: how many were woken, of all processes. */
  futexWake(words: Int32Array, index: number, count: number): number;
  /**
   * F_OFD_SETLK, fcntl(2): claims one byte of a file, which need not have it, for this open file; `-EAGAIN` when another open file has. The kernel
   * takes the claim back when the last descriptor of the open file is closed, or the process dies.
   */
  claimByte(fd: number, byte: number): number;
  /** F_OFD_GETLK: 1 when another open file has claimed the byte, else 0. */
  isByteClaimed(fd: number, byte: number): number;
  /**
   * What `futexWait` does, by a thread of the core, which adds 1 to the eventfd `bell` when the sleep is over. A sleep whose `milliseconds` are over
   * goes on while `byte` of `fd` is claimed by somebody else; with an `fd` of -1 it ends. The memory may be unmapped meanwhile.
   *
   * @returns the number of the sleep, to be told by {@link NativeCore.sleepsEnded}; `-EAGAIN` or `-ENOMEM` when no thread can be made
   */
  sleepBegin(
    words: Int32Array,
    index: number,
    expected: number,
    milliseconds: number,
    fd: number,
    byte: number,
    bell: number,
  ): number;
  /**
   * A sleep that nobody waits for any more; its end is not told. 1 when it was over already, `-ENOENT` when that is told too. A wake-up that still
   * comes for it goes to somebody else who sleeps on the word.
   */
  sleepCancel(sleep: number): number;
  /** Writes the numbers of sleeps that are over and were not told: how many. The numbers are used again. */
  sleepsEnded(out: Int32Array): number;

  // ---- signals -----------------------------------------------------------------------------------------------

  /**
   * Writes a record (`SIGNAL_*`, 32 bytes) to the pipe `fd` for each signal `signo` that arrives in this process, whichever
   * thread takes it. Calling it again for the same pair is fine and puts the handler back, should somebody have replaced it.
   *
   * The first subscriber of a signal installs the handler (SA_RESTART) and remembers what was there; a handler that was there, libuv's for
   * `process.on(signo)` included, is called after the records are written. The last to leave puts back what was there, unless
   * somebody has installed another handler since. `-EINVAL`: the signal cannot be handled (SIGKILL, SIGSTOP), belongs to the runtime
   * (SIGCHLD) or means a fault at the current instruction, to which a handler would return for ever (SIGSEGV, SIGBUS, SIGFPE, SIGILL).
   * `-EAGAIN`: all 256 places for subscribing descriptors are taken.
   */
  signalOpen(signo: number, fd: number): number;
  /** Ends a subscription. `-ENOENT` when there is none. */
  signalClose(signo: number, fd: number): number;
  /**
   * Makes one thread of this process block a real-time signal that is subscribed, so that only the main thread takes it: else two that
   * run at a time could tell two signals in the wrong order. Call it for threads that do not block it yet (`SigBlk` of proc(5)), never for the main thread.
   * Returns 0, `-ESRCH` for a thread that has ended, `-ENOENT` for a signal that nobody subscribed, `-ETIMEDOUT` for a thread that is
   * held (by a debugger) for over a second.
   */
  signalConfine(signo: number, tid: number): number;
  /** Records in all that did not fit into the pipe of this subscriber; `-ENOENT` when it is none. */
  signalDropped(fd: number): number;
  /**
   * sigqueue(3) when `value` (int32) is given, else kill(2), to a process id of 1 or more. `signo` 0 only checks that the process is there.
   */
  signalSend(pid: number, signo: number, value: number | undefined): number;
  /** The same through a pidfd: the pid cannot have been reused by another process. */
  pidfdSend(pidfd: number, signo: number, value: number | undefined): number;
  /** pidfd_open(2), close-on-exec: readable once the process has ended. `-ESRCH`, or `-ENOSYS` before Linux 5.3. */
  pidfdOpen(pid: number): number;
  /** sched_yield(2): lets whoever else can run on this processor do so; at once back when there is nobody. */
  yieldProcessor(): number;
  /**
   * waitid(2) with WNOWAIT: the pid of a child of this thread that has ended and that nobody has waited for, an adopted one included. It is left as it is. 0: none has
   * ended; `-ECHILD`: there are no children.
   */
  endedChild(): number;
  /** waitid(2): takes notice of the end of one child of this thread. Returns its pid; 0: it has not ended; `-ECHILD`: it is none. */
  reapChild(pid: number): number;
  /** prctl(2) with one number, for the calling thread: the options `PR_*` of constants.ts. */
  processControl(option: number, value: number): number;
  /**
   * Gives no_new_privs, which the calling thread must have, to all threads, by a seccomp(2) filter that allows everything. Above 0: the id of a
   * thread that cannot take it over.
   */
  spreadNoNewPrivileges(): number;
  /** capset(2): the calling thread has no capabilities any more, inheritable ones included. */
  clearCapabilities(): number;
  /** One of `DISPOSITION_*`. */
  signalDisposition(signo: number): number;
  /** Sets `DISPOSITION_DEFAULT` or `DISPOSITION_IGNORE`. `-EBUSY` while this library has subscribers; `-EINVAL` as for signalOpen. */
  setSignalDisposition(signo: number, disposition: number): number;
}
