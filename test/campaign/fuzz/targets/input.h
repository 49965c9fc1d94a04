// What the fuzz targets share: an input that is read piece by piece, and rules whose breach ends the process with a report.
#ifndef SLUICE_FUZZ_INPUT_H
#define SLUICE_FUZZ_INPUT_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

// The input of this run. At its end there are only zeros.
static const uint8_t *input;
static size_t input_left;

static inline void input_begin(const uint8_t *bytes, size_t length) {
    input = bytes;
    input_left = length;
}

static inline void take_bytes(void *out, size_t length) {
    size_t there = length < input_left ? length : input_left;
    if (there > 0) memcpy(out, input, there);
    if (length > there) memset((uint8_t *)out + there, 0, length - there);
    input += there;
    input_left -= there;
}

static inline uint8_t take_byte(void) {
    uint8_t value;
    take_bytes(&value, sizeof value);
    return value;
}

static inline uint32_t take_word(void) {
    uint32_t value;
    take_bytes(&value, sizeof value);
    return value;
}

// A number below `limit`, of which small ones are as likely as large ones.
static inline size_t take_below(size_t limit) {
    if (limit == 0) return 0;
    return (take_byte() & 1) != 0 ? take_byte() % limit : take_word() % limit;
}

// Memory of exactly this length, so that one byte beyond it is a report. Also of length 0.
static inline void *exactly(size_t length) {
    void *memory = malloc(length);
    if (memory == NULL && length > 0) abort();
    if (length > 0) memset(memory, 0xa5, length);
    return memory;
}

// What a system call fails with in these targets: what the man pages name, and a number that nobody expects.
static inline int take_errno(void) {
    static const int known[] = {EAGAIN, EINTR, EBADF, ECONNRESET, ECONNREFUSED, EMSGSIZE, ENOMEM, ENOBUFS, E2BIG, EIDRM, ENOTCONN, 1234};
    return known[take_byte() % (sizeof known / sizeof *known)];
}

#define REQUIRE(rule)                                                        \
    do {                                                                     \
        if (!(rule)) {                                                       \
            fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #rule); \
            abort();                                                         \
        }                                                                    \
    } while (0)

#endif
