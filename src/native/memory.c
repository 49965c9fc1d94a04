#include "core.h"

#include <fcntl.h>
#include <linux/memfd.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

int64_t memory_page_size(void) {
    return RESULT(sysconf(_SC_PAGESIZE));
}

int64_t memory_create_unsealed(size_t size, const char *name) {
    int64_t fd = RESULT(syscall(SYS_memfd_create, name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (fd < 0) return fd;
    int64_t result = memory_truncate((int)fd, size);
    if (result == 0) return fd;
    descriptor_close((int)fd);
    return result;
}

int64_t memory_create(size_t size, const char *name) {
    int64_t fd = memory_create_unsealed(size, name);
    if (fd < 0) return fd;
    // Nobody can cut the file any more, so that touching a map of it is never a SIGBUS.
    int64_t result = memory_seal((int)fd, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
    if (result == 0) return fd;
    descriptor_close((int)fd);
    return result;
}

int64_t memory_seal(int fd, int seals) {
    return RESULT(fcntl(fd, F_ADD_SEALS, seals));
}

int64_t memory_seals(int fd) {
    return RESULT(fcntl(fd, F_GET_SEALS));
}

// What shm_open(3) does, which is in a library of its own before glibc 2.34.
static int64_t shared_path(const char *name, char *out, size_t room) {
    static const char folder[] = "/dev/shm/";
    if (name[0] == '/') name++;
    size_t length = strlen(name);
    if (length == 0 || strchr(name, '/') != NULL || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) return -EINVAL;
    if (length > 255 || sizeof folder + length > room) return -ENAMETOOLONG;
    memcpy(out, folder, sizeof folder - 1);
    memcpy(out + sizeof folder - 1, name, length + 1);
    return 0;
}

int64_t memory_open_shared(const char *name, int flags, unsigned mode) {
    char path[272];
    int64_t result = shared_path(name, path, sizeof path);
    return result < 0 ? result : file_open(path, flags | O_NOFOLLOW, mode);
}

int64_t memory_unlink_shared(const char *name) {
    char path[272];
    int64_t result = shared_path(name, path, sizeof path);
    return result < 0 ? result : file_unlink(path);
}

int64_t memory_truncate(int fd, size_t size) {
    return RESULT_RETRIED(ftruncate(fd, (off_t)size));
}

int64_t memory_allocate(int fd, size_t size) {
    return RESULT_RETRIED(syscall(SYS_fallocate, fd, 0, (off_t)0, (off_t)size));
}

// Beyond the end of the file a map is only SIGBUS. This is a guard against mistakes; against a hostile peer only seals help.
static int64_t check_range(int fd, size_t offset, size_t length) {
    int64_t status[8];
    int64_t result = file_status(fd, status);
    if (result < 0) return result;
    uint64_t size = (uint64_t)status[5];
    return length == 0 || offset > size || length > size - offset ? -EINVAL : 0;
}

int64_t memory_map(int fd, size_t offset, size_t length, bool writable, void **out) {
    int64_t result = check_range(fd, offset, length);
    if (result < 0) return result;
    void *address = mmap(NULL, length, PROT_READ | (writable ? PROT_WRITE : 0), MAP_SHARED, fd, (off_t)offset);
    if (address == MAP_FAILED) return -errno;
    *out = address;
    return 0;
}

int64_t memory_map_ring(int fd, size_t offset, size_t capacity, bool writable, void **out) {
    int64_t result = check_range(fd, offset, capacity);
    if (result < 0) return result;
    size_t page = (size_t)memory_page_size();
    if (capacity % page != 0 || offset % page != 0 || capacity > SIZE_MAX / 2) return -EINVAL;
    // Reserve room for both halves in one piece first, so that no other thread can map something into the second.
    uint8_t *base = mmap(NULL, 2 * capacity, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) return -errno;
    int protection = PROT_READ | (writable ? PROT_WRITE : 0);
    for (int half = 0; half < 2; half++) {
        void *wanted = base + (size_t)half * capacity;
        if (mmap(wanted, capacity, protection, MAP_SHARED | MAP_FIXED, fd, (off_t)offset) == MAP_FAILED) {
            result = -errno;
            munmap(base, 2 * capacity);
            return result;
        }
    }
    *out = base;
    return 0;
}

int64_t memory_unmap(void *address, size_t length) {
    return RESULT(munmap(address, length));
}
