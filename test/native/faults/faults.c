// Faults on demand, for tests only: no build that is shipped has any of this. `node scripts/build-native.mjs --faults` compiles this file into the core and has the
// linker lead every call of CALLS through it (ld(1), --wrap). Rules in a file that SLUICE_FAULTS names, which the process maps, tell which call is to go wrong
// at which of its occurrences, and how. test/support/peers/faults/injector.ts writes them.

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

// Functions of the C library and of libuv, and those that the core calls by number. The build script reads the first list.
// clang-format off
#define CALLS(X)                                                                                                       \
    X(accept4) X(bind) X(calloc) X(chmod) X(close) X(connect) X(eventfd) X(fchmod) X(fcntl) X(flock) X(ftruncate)      \
    X(getpeername) X(getsockname) X(getsockopt) X(inotify_add_watch) X(inotify_init1) X(inotify_rm_watch) X(ioctl)     \
    X(kill) X(listen) X(malloc) X(mmap) X(munmap) X(open) X(pipe2) X(poll) X(pthread_create) X(read) X(realloc)        \
    X(recv) X(recvmmsg) X(recvmsg) X(send) X(sendmmsg) X(sendmsg) X(sendto) X(setsockopt) X(shutdown) X(sigaction)      \
    X(socket) X(socketpair) X(syscall) X(unlink) X(uv_poll_init) X(uv_poll_start) X(uv_thread_create_ex) X(write) X(writev)
#define NUMBERED(X)                                                                                                    \
    X(capset) X(dup3) X(fallocate) X(futex) X(memfd_create) X(mknodat) X(mq_getsetattr) X(mq_open) X(mq_timedreceive)  \
    X(mq_timedsend) X(mq_unlink) X(msgctl) X(msgget) X(msgrcv) X(msgsnd) X(pidfd_open) X(pidfd_send_signal) X(prctl)   \
    X(pread64) X(rt_sigqueueinfo) X(rt_tgsigqueueinfo) X(seccomp) X(statx) X(tgkill) X(waitid)
// clang-format on

#define ENUMERATE(name) CALL_##name,
#define ENUMERATE_NUMBERED(name) CALL_##name,
enum { CALLS(ENUMERATE) NUMBERED(ENUMERATE_NUMBERED) CALL_COUNT };

enum kind { NOTHING, FAIL, SHORT, LATE, FAIL_AFTER };
enum { RULES = 4, NAME_ROOM = 24, CALL_ROOM = 128 };
_Static_assert((int)CALL_COUNT <= (int)CALL_ROOM, "the page has room for so many calls");

// The layout is known to injector.ts.
struct rule {
    uint32_t kind;
    uint32_t call;
    uint32_t nth; // counted from 1 since the page was armed
    uint32_t times; // as many occurrences in a row
    int32_t value; // an errno, a divisor (0: one byte is left), milliseconds
    _Atomic uint32_t fired;
    uint32_t reserved[2];
};
struct page {
    _Atomic uint32_t armed;
    uint32_t call_count;
    uint32_t reserved[6];
    struct rule rules[RULES];
    _Atomic uint32_t counts[CALL_ROOM];
    char names[CALL_ROOM][NAME_ROOM];
};

static struct page unmapped;
static struct page *page = &unmapped;

void *__real_mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset);
int __real_open(const char *path, int flags, ...);
int __real_close(int fd);
long __real_syscall(long number, ...);

__attribute__((constructor)) static void map_page(void) {
    const char *path = getenv("SLUICE_FAULTS");
    int fd = path == NULL ? -1 : __real_open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) return;
    void *address = __real_mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    __real_close(fd);
    if (address == MAP_FAILED) return;
    page = address;
#define NAME(name) strncpy(page->names[CALL_##name], #name, NAME_ROOM - 1);
    CALLS(NAME)
    NUMBERED(NAME)
    page->call_count = CALL_COUNT;
}

static const struct rule none = {.kind = NOTHING};

static void sleep_for(int milliseconds) {
    struct timespec pause = {.tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000L};
    __real_syscall(SYS_nanosleep, &pause, NULL);
}

// What is to happen to this occurrence.
static const struct rule *begin(uint32_t call) {
    if (atomic_load(&page->armed) == 0) return &none;
    uint32_t occurrence = atomic_fetch_add(&page->counts[call], 1) + 1;
    for (int i = 0; i < RULES; i++) {
        struct rule *rule = &page->rules[i];
        if (rule->kind == NOTHING || rule->call != call) continue;
        if (occurrence < rule->nth || occurrence - rule->nth >= rule->times) continue;
        // What a short call is depends on its arguments: see shortened().
        if (rule->kind != SHORT) atomic_fetch_add(&rule->fired, 1);
        if (rule->kind == LATE) sleep_for(rule->value);
        return rule;
    }
    return &none;
}

// Whether the kernel itself might do less than was asked of it: what is small goes and comes in one piece, through pipes (pipe(7)) and streams, and a packet always.
static bool can_be_short(int fd, size_t length) {
    if (length <= PIPE_BUF) return false;
    int type;
    socklen_t size = sizeof type;
    if (__real_syscall(SYS_getsockopt, fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0) return type == SOCK_STREAM;
    struct statx found;
    if (__real_syscall(SYS_statx, fd, "", AT_EMPTY_PATH, STATX_TYPE, &found) < 0) return false;
    return S_ISFIFO(found.stx_mode);
}

static size_t fewer(const struct rule *rule, size_t count) {
    size_t left = rule->value == 0 ? 1 : count / (size_t)rule->value;
    if (left == 0 || left >= count) return count;
    atomic_fetch_add(&((struct rule *)(uintptr_t)rule)->fired, 1);
    return left;
}

static size_t shortened(const struct rule *rule, int fd, size_t length) {
    return rule->kind == SHORT && can_be_short(fd, length) ? fewer(rule, length) : length;
}

static size_t length_of(const struct iovec *parts, size_t count) {
    size_t length = 0;
    for (size_t i = 0; i < count; i++) length += parts[i].iov_len;
    return length;
}

// The first `length` bytes of `parts`, in `out`; how many parts those are.
static size_t cut(struct iovec *out, const struct iovec *parts, size_t count, size_t length) {
    size_t used = 0;
    for (; used < count && length > 0; used++) {
        out[used] = parts[used];
        if (out[used].iov_len > length) out[used].iov_len = length;
        length -= out[used].iov_len;
    }
    return used;
}

// A call that fails does nothing, or (FAIL_AFTER, as close(2) does it) all that it should.
#define WRAP_TYPED(type, failure, name, parameters, arguments)                                                         \
    type __real_##name parameters;                                                                                     \
    type __wrap_##name parameters;                                                                                     \
    type __wrap_##name parameters {                                                                                    \
        const struct rule *rule = begin(CALL_##name);                                                                  \
        if (rule->kind == FAIL) {                                                                                      \
            errno = rule->value;                                                                                       \
            return failure;                                                                                            \
        }                                                                                                              \
        type result = __real_##name arguments;                                                                         \
        if (rule->kind != FAIL_AFTER) return result;                                                                   \
        errno = rule->value;                                                                                           \
        return failure;                                                                                                \
    }
#define WRAP(name, parameters, arguments) WRAP_TYPED(int, -1, name, parameters, arguments)
// These give the errno back themselves, libuv's negative.
#define WRAP_TELLING(sign, name, parameters, arguments)                                                                \
    int __real_##name parameters;                                                                                      \
    int __wrap_##name parameters;                                                                                      \
    int __wrap_##name parameters {                                                                                     \
        const struct rule *rule = begin(CALL_##name);                                                                  \
        return rule->kind == FAIL ? sign rule->value : __real_##name arguments;                                        \
    }

WRAP(accept4, (int fd, struct sockaddr *address, socklen_t *length, int flags), (fd, address, length, flags))
WRAP(bind, (int fd, const struct sockaddr *address, socklen_t length), (fd, address, length))
WRAP(chmod, (const char *path, unsigned mode), (path, mode))
WRAP(close, (int fd), (fd))
WRAP(connect, (int fd, const struct sockaddr *address, socklen_t length), (fd, address, length))
WRAP(eventfd, (unsigned value, int flags), (value, flags))
WRAP(fchmod, (int fd, unsigned mode), (fd, mode))
WRAP(flock, (int fd, int operation), (fd, operation))
WRAP(ftruncate, (int fd, off_t length), (fd, length))
WRAP(getpeername, (int fd, struct sockaddr *address, socklen_t *length), (fd, address, length))
WRAP(getsockname, (int fd, struct sockaddr *address, socklen_t *length), (fd, address, length))
WRAP(getsockopt, (int fd, int level, int option, void *value, socklen_t *length), (fd, level, option, value, length))
WRAP(inotify_add_watch, (int fd, const char *path, uint32_t mask), (fd, path, mask))
WRAP(inotify_init1, (int flags), (flags))
WRAP(inotify_rm_watch, (int fd, int watch), (fd, watch))
WRAP(kill, (pid_t pid, int signo), (pid, signo))
WRAP(listen, (int fd, int backlog), (fd, backlog))
WRAP(munmap, (void *address, size_t length), (address, length))
WRAP(pipe2, (int *out, int flags), (out, flags))
WRAP(poll, (struct pollfd *fds, nfds_t count, int timeout), (fds, count, timeout))
WRAP(setsockopt, (int fd, int level, int option, const void *value, socklen_t length), (fd, level, option, value, length))
WRAP(shutdown, (int fd, int how), (fd, how))
WRAP(sigaction, (int signo, const struct sigaction *wanted, struct sigaction *before), (signo, wanted, before))
WRAP(socket, (int family, int type, int protocol), (family, type, protocol))
WRAP(socketpair, (int family, int type, int protocol, int *out), (family, type, protocol, out))
WRAP(unlink, (const char *path), (path))

WRAP_TYPED(void *, NULL, calloc, (size_t count, size_t size), (count, size))
WRAP_TYPED(void *, NULL, malloc, (size_t size), (size))
WRAP_TYPED(void *, NULL, realloc, (void *memory, size_t size), (memory, size))
WRAP_TYPED(void *, MAP_FAILED, mmap, (void *address, size_t length, int protection, int flags, int fd, off_t offset),
           (address, length, protection, flags, fd, offset))

WRAP_TELLING(+, pthread_create, (pthread_t *thread, const pthread_attr_t *how, void *(*run)(void *), void *data), (thread, how, run, data))
WRAP_TELLING(-, uv_poll_init, (uv_loop_t *loop, uv_poll_t *handle, int fd), (loop, handle, fd))
WRAP_TELLING(-, uv_poll_start, (uv_poll_t *handle, int events, uv_poll_cb callback), (handle, events, callback))
WRAP_TELLING(-, uv_thread_create_ex, (uv_thread_t *thread, const uv_thread_options_t *how, uv_thread_cb run, void *data), (thread, how, run, data))

// Their last argument is optional; on the CPUs that there are builds for, an integer or a pointer is passed in the same way.
WRAP(fcntl, (int fd, int command, long argument), (fd, command, argument))
WRAP(ioctl, (int fd, unsigned long request, long argument), (fd, request, argument))
int __wrap_open(const char *path, int flags, unsigned mode);
int __wrap_open(const char *path, int flags, unsigned mode) {
    const struct rule *rule = begin(CALL_open);
    if (rule->kind != FAIL) return __real_open(path, flags, mode);
    errno = rule->value;
    return -1;
}

// ---- calls that may do less than was asked --------------------------------------------------------------------------

#define WRAP_READ(name, parameters, length, arguments)                                                                 \
    ssize_t __real_##name parameters;                                                                                  \
    ssize_t __wrap_##name parameters;                                                                                  \
    ssize_t __wrap_##name parameters {                                                                                 \
        const struct rule *rule = begin(CALL_##name);                                                                  \
        if (rule->kind == FAIL) {                                                                                      \
            errno = rule->value;                                                                                       \
            return -1;                                                                                                 \
        }                                                                                                              \
        length = shortened(rule, fd, length);                                                                 \
        return __real_##name arguments;                                                                                \
    }
WRAP_READ(read, (int fd, void *bytes, size_t length), length, (fd, bytes, length))
WRAP_READ(recv, (int fd, void *bytes, size_t length, int flags), length, (fd, bytes, length, flags))
WRAP_READ(write, (int fd, const void *bytes, size_t length), length, (fd, bytes, length))
WRAP_READ(send, (int fd, const void *bytes, size_t length, int flags), length, (fd, bytes, length, flags))
WRAP_READ(sendto, (int fd, const void *bytes, size_t length, int flags, const struct sockaddr *to, socklen_t to_length), length,
          (fd, bytes, length, flags, to, to_length))

ssize_t __real_writev(int fd, const struct iovec *parts, int count);
ssize_t __wrap_writev(int fd, const struct iovec *parts, int count);
ssize_t __wrap_writev(int fd, const struct iovec *parts, int count) {
    const struct rule *rule = begin(CALL_writev);
    if (rule->kind == FAIL) {
        errno = rule->value;
        return -1;
    }
    struct iovec some[IOV_MAX];
    size_t used = cut(some, parts, (size_t)count, shortened(rule, fd, length_of(parts, (size_t)count)));
    return __real_writev(fd, some, (int)used);
}

#define WRAP_MESSAGE(name, constant)                                                                                   \
    ssize_t __real_##name(int fd, constant struct msghdr *message, int flags);                                         \
    ssize_t __wrap_##name(int fd, constant struct msghdr *message, int flags);                                         \
    ssize_t __wrap_##name(int fd, constant struct msghdr *message, int flags) {                                        \
        const struct rule *rule = begin(CALL_##name);                                                                  \
        if (rule->kind == FAIL) {                                                                                      \
            errno = rule->value;                                                                                       \
            return -1;                                                                                                 \
        }                                                                                                              \
        if (rule->kind != SHORT) return __real_##name(fd, message, flags);                                             \
        struct iovec some[IOV_MAX];                                                                                    \
        struct msghdr less = *message;                                                                                 \
        size_t length = length_of(message->msg_iov, message->msg_iovlen);                                              \
        less.msg_iovlen = cut(some, message->msg_iov, message->msg_iovlen, shortened(rule, fd, length));      \
        less.msg_iov = some;                                                                                           \
        ssize_t result = __real_##name(fd, &less, flags);                                                              \
        give_back(message, &less);                                                                                     \
        return result;                                                                                                 \
    }
// What recvmsg has written beside the bytes.
static void give_back(const struct msghdr *message, const struct msghdr *from) {
    struct msghdr *to = (struct msghdr *)(uintptr_t)message;
    to->msg_flags = from->msg_flags;
    to->msg_controllen = from->msg_controllen;
    to->msg_namelen = from->msg_namelen;
}
WRAP_MESSAGE(recvmsg, )
WRAP_MESSAGE(sendmsg, const)

int __real_sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags);
int __wrap_sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags);
int __wrap_sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags) {
    const struct rule *rule = begin(CALL_sendmmsg);
    if (rule->kind == FAIL) {
        errno = rule->value;
        return -1;
    }
    // Of several messages it may always send the first ones only.
    if (rule->kind == SHORT) count = (unsigned)fewer(rule, count);
    return __real_sendmmsg(fd, messages, count, flags);
}

int __real_recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags, struct timespec *timeout);
int __wrap_recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags, struct timespec *timeout);
int __wrap_recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags, struct timespec *timeout) {
    const struct rule *rule = begin(CALL_recvmmsg);
    if (rule->kind == FAIL) {
        errno = rule->value;
        return -1;
    }
    if (rule->kind == SHORT) count = (unsigned)fewer(rule, count);
    return __real_recvmmsg(fd, messages, count, flags, timeout);
}

// ---- calls by number ------------------------------------------------------------------------------------------------

// Not in the list, because a failure would say nothing: gettid, nanosleep, rt_sigprocmask and sched_yield cannot fail as they are called.
static uint32_t call_of(long number) {
    switch (number) {
#define CASE(name)                                                                                                     \
    case SYS_##name:                                                                                                   \
        return CALL_##name;
        NUMBERED(CASE)
    default:
        return CALL_syscall;
    }
}

long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f);
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f) {
    // Only who waits on a futex may be refused or interrupted: waking somebody cannot fail.
    bool fails = number != SYS_futex || (b & FUTEX_CMD_MASK) == FUTEX_WAIT;
    const struct rule *rule = fails ? begin(call_of(number)) : &none;
    if (rule->kind == FAIL) {
        errno = rule->value;
        return -1;
    }
    return __real_syscall(number, a, b, c, d, e, f);
}
