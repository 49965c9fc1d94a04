#include "sleeper.h"

#include "core.h"
#include "thread.h"

#include <linux/futex.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FIRST_COUNT = 4 };

// When a worker ends its memory goes first, so nobody could be woken there: this long it may wait for its sleepers.
enum { PIECE_MILLISECONDS = 20 };

// The event loop moves IDLE to ASLEEP, ASLEEP to CANCELLED, DONE to IDLE, and anything to ENDING; the thread moves ASLEEP to DONE and CANCELLED to
// IDLE. Each is one atomic operation, so that both may try at once.
enum { IDLE, ASLEEP, CANCELLED, DONE, ENDING };

struct sleeper {
    pthread_t thread;
    int32_t state; // a futex as well: the thread waits here for its next sleep
    struct sleep sleep;
};

static int32_t state_of(struct sleeper *sleeper) {
    return __atomic_load_n(&sleeper->state, __ATOMIC_SEQ_CST);
}

static bool move(struct sleeper *sleeper, int32_t from, int32_t to) {
    return __atomic_compare_exchange_n(&sleeper->state, &from, to, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

// Every way to be woken ends a sleep: the caller looks again. Only a time-out goes on, while the owner that is watched lives.
static void sleep_once(struct sleeper *sleeper) {
    const struct sleep *sleep = &sleeper->sleep;
    unsigned rest = sleep->milliseconds;
    for (;;) {
        unsigned piece = rest < PIECE_MILLISECONDS ? rest : PIECE_MILLISECONDS;
        int64_t result = futex_wait(sleep->word, sleep->expected, piece);
        bool wanted = state_of(sleeper) == ASLEEP;
        // Who else sleeps there shall have the wake-up of one that nobody wants any more.
        if (result == 0 && !wanted) futex_wake(sleep->word, 1);
        if (result != -ETIMEDOUT || !wanted) return;
        rest -= piece;
        if (rest > 0) continue;
        if (sleep->fd < 0 || futex_is_claimed(sleep->fd, sleep->byte) != 1) return;
        rest = sleep->milliseconds;
    }
}

static void *run(void *argument) {
    struct sleeper *sleeper = argument;
    syscall(SYS_prctl, PR_SET_NAME, "sluice-sleeper", 0, 0, 0);
    for (;;) {
        int32_t state = state_of(sleeper);
        if (state == ENDING) break;
        if (state == CANCELLED) {
            move(sleeper, CANCELLED, IDLE);
            continue;
        }
        if (state != ASLEEP) {
            syscall(SYS_futex, &sleeper->state, FUTEX_WAIT_PRIVATE, state, NULL, NULL, 0);
            continue;
        }
        sleep_once(sleeper);
        // Whoever sees DONE may write the next sleep into its place, so what this one rings is read before.
        int bell = sleeper->sleep.bell;
        if (move(sleeper, ASLEEP, DONE)) bell_event_signal(bell);
    }
    return NULL;
}

// Room for one more; the numbers of those that are there stay.
static bool grow(struct sleepers *sleepers) {
    size_t count = sleepers->count;
    // A power of two: full.
    if (count >= FIRST_COUNT && (count & (count - 1)) != 0) return true;
    struct sleeper **all = realloc(sleepers->all, (count < FIRST_COUNT ? FIRST_COUNT : 2 * count) * sizeof *all);
    if (all == NULL) return false;
    sleepers->all = all;
    return true;
}

static int64_t add(struct sleepers *sleepers, const struct sleep *sleep) {
    struct sleeper *sleeper = grow(sleepers) ? malloc(sizeof *sleeper) : NULL;
    if (sleeper == NULL) return -ENOMEM;
    *sleeper = (struct sleeper){.state = ASLEEP, .sleep = *sleep};
    int64_t result = thread_start(&sleeper->thread, run, sleeper);
    if (result < 0) {
        free(sleeper);
        return result;
    }
    sleepers->all[sleepers->count] = sleeper;
    return (int64_t)sleepers->count++;
}

static void wake(struct sleeper *sleeper) {
    syscall(SYS_futex, &sleeper->state, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

int64_t sleepers_begin(struct sleepers *sleepers, const struct sleep *sleep) {
    for (size_t number = 0; number < sleepers->count; number++) {
        struct sleeper *sleeper = sleepers->all[number];
        if (state_of(sleeper) != IDLE) continue;
        sleeper->sleep = *sleep;
        __atomic_store_n(&sleeper->state, ASLEEP, __ATOMIC_SEQ_CST);
        wake(sleeper);
        return (int64_t)number;
    }
    return add(sleepers, sleep);
}

int64_t sleepers_cancel(struct sleepers *sleepers, size_t number) {
    if (number >= sleepers->count) return -EINVAL;
    struct sleeper *sleeper = sleepers->all[number];
    if (move(sleeper, ASLEEP, CANCELLED)) return 0;
    return move(sleeper, DONE, IDLE) ? 1 : -ENOENT;
}

int64_t sleepers_ended(struct sleepers *sleepers, int32_t *out, size_t room) {
    size_t found = 0;
    for (size_t number = 0; number < sleepers->count && found < room; number++) {
        if (move(sleepers->all[number], DONE, IDLE)) out[found++] = (int32_t)number;
    }
    return (int64_t)found;
}

void sleepers_release(struct sleepers *sleepers) {
    for (size_t number = 0; number < sleepers->count; number++) {
        struct sleeper *sleeper = sleepers->all[number];
        __atomic_store_n(&sleeper->state, ENDING, __ATOMIC_SEQ_CST);
        wake(sleeper);
    }
    for (size_t number = 0; number < sleepers->count; number++) {
        struct sleeper *sleeper = sleepers->all[number];
        pthread_join(sleeper->thread, NULL);
        free(sleeper);
    }
    free(sleepers->all);
    *sleepers = (struct sleepers){0};
}
