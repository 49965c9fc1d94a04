// The numbers that the core tells JavaScript: X(name). constants.ts repeats those that are equal on all CPUs, and a test compares.
#define SLUICE_CONSTANTS(X)                                                                                            \
    X(EPERM) X(ENOENT) X(ESRCH) X(EINTR) X(EIO) X(ENXIO) X(EBADF) X(EAGAIN) X(ENOMEM) X(EACCES) X(EFAULT) X(EEXIST)    \
    X(ENODEV) X(ENOTDIR) X(EISDIR) X(EINVAL) X(EMFILE) X(ENFILE) X(ENOSPC) X(ESPIPE) X(EROFS) X(EPIPE) X(ENAMETOOLONG) \
    X(ENOSYS) X(ELOOP) X(EPROTO) X(EOVERFLOW) X(ENOTSOCK) X(EDESTADDRREQ) X(EMSGSIZE) X(EPROTOTYPE) X(ENOPROTOOPT)     \
    X(EOPNOTSUPP) X(EADDRINUSE) X(EADDRNOTAVAIL) X(ECONNABORTED) X(ECONNRESET) X(ENOBUFS) X(EISCONN) X(ENOTCONN)       \
    X(ETIMEDOUT) X(ECONNREFUSED) X(EINPROGRESS) X(EBUSY) X(EFBIG) X(E2BIG) X(ENOMSG) X(EIDRM) X(ERANGE)                                                  \
    X(O_RDONLY) X(O_WRONLY) X(O_RDWR) X(O_CREAT) X(O_EXCL) X(O_TRUNC) X(O_APPEND) X(O_NONBLOCK) X(O_NOFOLLOW)          \
    X(O_DIRECTORY) X(O_PATH)                                                                                           \
    X(AF_UNIX) X(SOCK_STREAM) X(SOCK_DGRAM) X(SOCK_SEQPACKET) X(SHUT_RD) X(SHUT_WR) X(SHUT_RDWR)                       \
    X(SO_TYPE) X(SO_ERROR) X(SO_SNDBUF) X(SO_RCVBUF) X(SO_PASSCRED) X(SO_ACCEPTCONN) X(SO_SNDBUFFORCE)                 \
    X(AF_INET) X(AF_INET6) X(SO_REUSEADDR) X(SO_BROADCAST) X(SO_KEEPALIVE) X(IPPROTO_IP) X(IPPROTO_TCP) X(IPPROTO_IPV6) \
    X(TCP_NODELAY) X(TCP_KEEPIDLE) X(TCP_KEEPINTVL) X(TCP_KEEPCNT) X(IP_TTL) X(IP_MULTICAST_TTL) X(IP_MULTICAST_LOOP)              \
    X(IPV6_UNICAST_HOPS) X(IPV6_MULTICAST_HOPS) X(IPV6_MULTICAST_LOOP) X(IPV6_V6ONLY)                                  \
    X(EAFNOSUPPORT) X(ENETDOWN) X(ENETUNREACH) X(EHOSTUNREACH) X(ENDPOINT_BYTES)                                       \
    X(SO_RCVBUFFORCE) X(SO_PROTOCOL) X(SO_DOMAIN) X(PIPE_BUF) X(IOV_MAX)                                               \
    X(S_IFMT) X(S_IFSOCK) X(S_IFREG) X(S_IFDIR) X(S_IFIFO)                                                             \
    X(IPC_CREAT) X(IPC_EXCL)                                                                                           \
    X(F_SEAL_SEAL) X(F_SEAL_SHRINK) X(F_SEAL_GROW) X(F_SEAL_WRITE) X(F_SEAL_FUTURE_WRITE)                              \
    X(SI_USER) X(SI_QUEUE) X(SI_TKILL) X(SIGRTMIN) X(SIGRTMAX) X(PACKET_STRIDE) X(NAME_STRIDE) X(MESSAGE_STRIDE)        \
    X(PR_SET_KEEPCAPS) X(PR_SET_NO_NEW_PRIVS)
