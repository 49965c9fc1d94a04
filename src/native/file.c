#include "core.h"

#include <fcntl.h>
#include <linux/stat.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

int chmod(const char *path, unsigned mode);
int fchmod(int fd, unsigned mode);

int64_t file_open(const char *path, int flags, unsigned mode) {
    // Without O_NONBLOCK the open of a FIFO waits for the other side, and the whole event loop with it. O_NOCTTY: a path that turns out to
    // be a terminal must not become the controlling one.
    return RESULT_RETRIED(open(path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, mode));
}

// The syscall, since `fstat` without a symbol version is an ABI of its own in old C libraries.
static int64_t status(int fd, const char *path, int flags, int64_t *out) {
    struct statx found = {0};
    int64_t result = RESULT_RETRIED(syscall(SYS_statx, fd, path, flags, STATX_BASIC_STATS, &found));
    if (result < 0) return result;
    uint64_t major = found.stx_dev_major, minor = found.stx_dev_minor;
    // The packing of makedev(3), so that the number equals that of Node's fs.Stats.
    uint64_t device = (major & 0xfff) << 8 | (major & ~UINT64_C(0xfff)) << 32 | (minor & 0xff) | (minor & ~UINT64_C(0xff)) << 12;
    out[0] = found.stx_mode;
    out[1] = (int64_t)device;
    out[2] = (int64_t)found.stx_ino;
    out[3] = found.stx_uid;
    out[4] = found.stx_gid;
    out[5] = (int64_t)found.stx_size;
    out[6] = found.stx_nlink;
    out[7] = (int64_t)found.stx_blocks;
    return 0;
}

int64_t file_status(int fd, int64_t *out) {
    return status(fd, "", AT_EMPTY_PATH, out);
}

int64_t file_status_of(const char *path, int64_t *out) {
    return status(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, out);
}

int64_t file_lock(int fd, bool exclusive) {
    return RESULT_RETRIED(flock(fd, (exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB));
}

int64_t file_unlock(int fd) {
    return RESULT_RETRIED(flock(fd, LOCK_UN));
}

int64_t file_unlink(const char *path) {
    return RESULT(unlink(path));
}

int64_t file_set_mode(int fd, unsigned mode) {
    return RESULT(fchmod(fd, mode));
}
