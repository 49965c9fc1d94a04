#include "core.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { DRAIN_BYTES = 4096, DRAIN_ROUNDS = 64 };

int64_t descriptor_close(int fd) {
    // A signal handler that still held this number would write into whatever opens next.
    signal_forget(fd);
    int64_t result = RESULT(close(fd));
    // On Linux the descriptor is gone even when close was interrupted; a second close could hit a stranger's.
    return result == -EINTR ? 0 : result;
}

int64_t descriptor_read(int fd, void *bytes, size_t length) {
    return RESULT_RETRIED(read(fd, bytes, length));
}

int64_t descriptor_write(int fd, const void *bytes, size_t length) {
    return RESULT_RETRIED(write(fd, bytes, length));
}

int64_t descriptor_write_vector(int fd, const struct iovec *parts, int count) {
    return RESULT_RETRIED(writev(fd, parts, count));
}

int64_t descriptor_duplicate(int fd) {
    return RESULT(fcntl(fd, F_DUPFD_CLOEXEC, 0));
}

int64_t descriptor_replace(int fd, int replaced) {
    return RESULT_RETRIED(syscall(SYS_dup3, fd, replaced, 0));
}

int64_t descriptor_is_non_blocking(int fd) {
    int64_t flags = RESULT(fcntl(fd, F_GETFL));
    return flags < 0 ? flags : (flags & O_NONBLOCK) != 0;
}

int64_t descriptor_set_non_blocking(int fd, bool on) {
    int64_t flags = RESULT(fcntl(fd, F_GETFL));
    if (flags < 0) return flags;
    int wanted = on ? (int)flags | O_NONBLOCK : (int)flags & ~O_NONBLOCK;
    return wanted == flags ? 0 : RESULT(fcntl(fd, F_SETFL, wanted));
}

int64_t descriptor_is_close_on_exec(int fd) {
    int64_t flags = RESULT(fcntl(fd, F_GETFD));
    return flags < 0 ? flags : (flags & FD_CLOEXEC) != 0;
}

int64_t descriptor_set_close_on_exec(int fd, bool on) {
    return RESULT(fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0));
}

int64_t descriptor_access_mode(int fd) {
    int64_t flags = RESULT(fcntl(fd, F_GETFL));
    return flags < 0 ? flags : flags & O_ACCMODE;
}

int64_t descriptor_drain(int fd) {
    char waste[DRAIN_BYTES];
    int64_t total = 0;
    // Bounded, so that a peer who writes without a pause cannot hold the event loop here.
    for (int round = 0; round < DRAIN_ROUNDS; round++) {
        int64_t got = descriptor_read(fd, waste, sizeof waste);
        if (got == -EAGAIN || got == 0) break;
        if (got < 0) return total > 0 ? total : got;
        total += got;
    }
    return total;
}

int64_t descriptor_is_hung_up(int fd) {
    struct pollfd asked = {.fd = fd};
    int64_t result = RESULT_RETRIED(poll(&asked, 1, 0));
    if (result < 0) return result;
    if ((asked.revents & POLLNVAL) != 0) return -EBADF;
    return (asked.revents & (POLLHUP | POLLERR)) != 0;
}

int64_t descriptor_queued_bytes(int fd) {
    int queued = 0;
    int64_t result = RESULT(ioctl(fd, FIONREAD, &queued));
    return result < 0 ? result : queued;
}
