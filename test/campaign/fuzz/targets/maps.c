// memory.c: names of named memory, and which parts of a file may be mapped. No name leads out of /dev/shm, no map reaches beyond the file.
#include "input.h"

#include <fcntl.h>
#include <sys/mman.h>

static void *kernel_mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset);
#define mmap kernel_mmap
#define munmap(address, length) ((void)(address), (void)(length), 0)
#include "memory.c"
#undef munmap

enum { PAGE = 4096 };
static uint64_t file_size;
static bool mapped;

int64_t descriptor_close(int fd) {
    (void)fd;
    return 0;
}

static void check_path(const char *path) {
    REQUIRE(strncmp(path, "/dev/shm/", 9) == 0);
    const char *name = path + 9;
    REQUIRE(strchr(name, '/') == NULL && strlen(name) >= 1 && strlen(name) <= 255);
    REQUIRE(strcmp(name, ".") != 0 && strcmp(name, "..") != 0);
}

int64_t file_open(const char *path, int flags, unsigned mode) {
    (void)mode;
    REQUIRE((flags & O_NOFOLLOW) != 0);
    check_path(path);
    return 3;
}

int64_t file_unlink(const char *path) {
    check_path(path);
    return 0;
}

int64_t file_status(int fd, int64_t *out) {
    (void)fd;
    if (take_byte() % 8 == 0) return -EBADF;
    for (int i = 0; i < 8; i++) out[i] = i == 5 ? (int64_t)file_size : 0;
    return 0;
}

static void *kernel_mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset) {
    (void)protection;
    static uint8_t somewhere[1];
    if (take_byte() % 8 == 0) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    if (fd == -1) {
        REQUIRE((flags & MAP_FIXED) == 0 && length % (2 * PAGE) == 0);
        return somewhere;
    }
    (void)address;
    REQUIRE(length > 0 && (uint64_t)offset <= file_size && length <= file_size - (uint64_t)offset);
    mapped = true;
    return somewhere;
}

static size_t take_size(void) {
    uint64_t any;
    switch (take_byte() % 4) {
    case 0:
        return take_below(8) * PAGE;
    case 1:
        return take_word();
    case 2:
        return SIZE_MAX - take_below(3 * PAGE);
    default:
        take_bytes(&any, sizeof any);
        return (size_t)any;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
    input_begin(bytes, length);
    if (take_byte() % 2 == 0) {
        // The binding gives a text without NUL of 1 byte or more.
        char *name = exactly(input_left + 1);
        size_t used = input_left;
        take_bytes(name, used);
        name[used] = 0;
        memory_open_shared(name, 0, 0600);
        memory_unlink_shared(name);
        free(name);
        return 0;
    }
    file_size = take_size() & INT64_MAX;
    void *out = NULL;
    mapped = false;
    bool ring = take_byte() % 2 == 0;
    size_t offset = take_size(), extent = take_size();
    int64_t result = ring ? memory_map_ring(1, offset, extent, true, &out) : memory_map(1, offset, extent, false, &out);
    REQUIRE(result < 0 ? out == NULL : mapped && out != NULL);
    return 0;
}
