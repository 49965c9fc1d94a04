// Threads that sleep on futexes for an event loop that must not.
#ifndef SLUICE_SLEEPER_H
#define SLUICE_SLEEPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// What one of the threads waits for.
struct sleep {
    const int32_t *word; // only ever given to the kernel, so it may be unmapped meanwhile
    int32_t expected;
    unsigned milliseconds; // how long; a change of the word that nobody has told of is noticed within 20 ms all the same
    int fd;                // then the sleep goes on while somebody has a claim on `byte` of this file; -1: it ends
    int64_t byte;
    int bell; // an eventfd that rings when a sleep has ended
};

// All threads of one event loop. Zeroed: none.
struct sleepers {
    struct sleeper **all;
    size_t count;
};

// A number for the sleep, or a negative errno. A thread that has nothing to do is used again; else one is made.
int64_t sleepers_begin(struct sleepers *sleepers, const struct sleep *sleep);
// The end of this sleep will not be told: 0, or 1 when it has ended already. A wake-up that still comes for it goes to somebody else.
int64_t sleepers_cancel(struct sleepers *sleepers, size_t number);
// Writes the numbers of sleeps that have ended and were not told before, as many as there is room for: how many.
int64_t sleepers_ended(struct sleepers *sleepers, int32_t *out, size_t room);
// Ends all threads and waits for them.
void sleepers_release(struct sleepers *sleepers);

#endif
