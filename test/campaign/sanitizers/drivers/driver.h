// Programs that work the files of the native core hard, by threads, without JavaScript: so that ASan, UBSan, TSan and valgrind see every instruction of it.
#ifndef SLUICE_DRIVER_H
#define SLUICE_DRIVER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { THREADS = 4 };

// What each thread of a driver has.
struct thread {
    pthread_t id;
    int number;
    uint64_t random;
    uint64_t rounds; // how many it has made
};

// Numbers that the seed determines (xorshift64*), below `limit`.
unsigned pick(struct thread *self, unsigned limit);

// Whether the thread has another round to make: one at least, however slow it is, and then until the time is over.
bool going_on(const struct thread *self);

// Runs `work` in all threads until each returns, and gives the sum of their rounds.
uint64_t in_threads(void *(*work)(void *), uint64_t seed);

// Unlike assert(3) it is there in every build, and tells the values.
#define EXPECT(condition, ...)                                                                                         \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #condition);                                           \
            fprintf(stderr, __VA_ARGS__);                                                                              \
            fputc('\n', stderr);                                                                                       \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

uint64_t drive_sysv_waits(uint64_t seed);
uint64_t drive_sleepers(uint64_t seed);
uint64_t drive_signals(uint64_t seed);
uint64_t drive_packets(uint64_t seed);

#endif
