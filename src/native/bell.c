#include "core.h"

#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CLEAR_BYTES = 4096, CLEAR_ROUNDS = 64 };

// The bell goes over a socket with MSG_DONTWAIT at each call, not over an eventfd: an eventfd's O_NONBLOCK is shared with the peer, who could
// clear it and so hang this process in a read.
int64_t bell_ring(int fd) {
    static const char stroke = 1;
    int64_t result = RESULT_RETRIED(send(fd, &stroke, 1, MSG_DONTWAIT | MSG_NOSIGNAL));
    // A full socket has many strokes in it that nobody has heard yet.
    return result == -EAGAIN || result > 0 ? 0 : result;
}

int64_t bell_clear(int fd) {
    char waste[CLEAR_BYTES];
    int64_t total = 0;
    for (int round = 0; round < CLEAR_ROUNDS; round++) {
        int64_t got = RESULT_RETRIED(recv(fd, waste, sizeof waste, MSG_DONTWAIT));
        if (got <= 0) return total > 0 ? total : got;
        total += got;
        // A short read has emptied a stream socket; asking again would cost a call. The end, if it came, is told by the next.
        if (got < CLEAR_BYTES) break;
    }
    return total;
}

int64_t bell_event_open(void) {
    return RESULT(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
}

int64_t bell_event_signal(int fd) {
    uint64_t one = 1;
    int64_t result = RESULT_RETRIED(write(fd, &one, sizeof one));
    return result == -EAGAIN || result > 0 ? 0 : result;
}

int64_t bell_event_clear(int fd) {
    uint64_t held = 0;
    int64_t result = RESULT_RETRIED(read(fd, &held, sizeof held));
    if (result < 0) return result;
    return held > INT32_MAX ? INT32_MAX : (int64_t)held;
}
