#include "core.h"

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int64_t pipe_open(int out[2], size_t capacity) {
    int64_t result = RESULT(pipe2(out, O_CLOEXEC | O_NONBLOCK));
    if (result < 0) return result;
    if (capacity > 0) {
        // Over the user's limit (pipe(7), pipe-user-pages-soft) the pipe works as well, with the capacity returned below.
        int64_t enlarged = pipe_set_capacity(out[1], capacity);
        if (enlarged >= 0) return enlarged;
    }
    result = pipe_capacity(out[1]);
    if (result >= 0) return result;
    descriptor_close(out[0]);
    descriptor_close(out[1]);
    return result;
}

int64_t pipe_capacity(int fd) {
    return RESULT(fcntl(fd, F_GETPIPE_SZ));
}

int64_t pipe_set_capacity(int fd, size_t capacity) {
    if (capacity > INT32_MAX) return -EINVAL;
    return RESULT(fcntl(fd, F_SETPIPE_SZ, (int)capacity));
}

static void descriptor_path(char *out, int fd) {
    static const char folder[] = "/proc/self/fd/";
    for (const char *from = folder; *from != 0; from++) *out++ = *from;
    char digits[12];
    int count = 0;
    do {
        digits[count++] = (char)('0' + fd % 10);
        fd /= 10;
    } while (fd > 0);
    while (count > 0) *out++ = digits[--count];
    *out = 0;
}

int64_t pipe_make_fifo(const char *path, unsigned mode) {
    mode &= 07777;
    int64_t result = RESULT(syscall(SYS_mknodat, AT_FDCWD, path, S_IFIFO | mode, 0));
    if (result < 0) return result;
    // The umask may have taken bits away, and it cannot be read without changing it for all threads. The descriptor makes sure that the
    // bits are given to the FIFO made above, not to what somebody has put into its place.
    int64_t fd = RESULT_RETRIED(open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (fd < 0) {
        unlink(path);
        return fd;
    }
    int64_t status[8];
    result = file_status((int)fd, status);
    bool replaced = result == 0 && (!S_ISFIFO((unsigned)status[0]) || status[3] != geteuid());
    if (result == 0 && !replaced && (status[0] & 07777) != mode) {
        char link[32];
        descriptor_path(link, (int)fd);
        result = RESULT(chmod(link, mode));
    }
    if (result < 0) unlink(path);
    descriptor_close((int)fd);
    return replaced ? -EEXIST : result;
}

int64_t pipe_watcher(void) {
    return RESULT(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
}

int64_t pipe_watch_opens(int watcher, const char *path) {
    // Also what ends the wait: removal and renaming.
    return RESULT(inotify_add_watch(watcher, path, IN_OPEN | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF));
}

int64_t pipe_unwatch(int watcher, int watch) {
    return RESULT(inotify_rm_watch(watcher, watch));
}
