#include "core.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

// Not FUTEX_PRIVATE: who waits and who wakes have the word at different addresses.
int64_t futex_wait(const int32_t *word, int32_t expected, unsigned milliseconds) {
    struct timespec most = {.tv_sec = milliseconds / 1000, .tv_nsec = (long)(milliseconds % 1000) * 1000000};
    return RESULT(syscall(SYS_futex, word, FUTEX_WAIT, expected, &most, NULL, 0));
}

int64_t futex_wake(const int32_t *word, int count) {
    return RESULT(syscall(SYS_futex, word, FUTEX_WAKE, count, NULL, NULL, 0));
}

// Locks of an open file description (F_OFD_SETLK), which the kernel drops when the last descriptor of it is closed, in whatever way its
// process ends. The byte need not exist in the file.
int64_t futex_claim(int fd, int64_t byte) {
    struct flock range = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
    return RESULT(fcntl(fd, F_OFD_SETLK, &range));
}

int64_t futex_is_claimed(int fd, int64_t byte) {
    struct flock range = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
    int64_t result = RESULT(fcntl(fd, F_OFD_GETLK, &range));
    return result < 0 ? result : range.l_type != F_UNLCK;
}
