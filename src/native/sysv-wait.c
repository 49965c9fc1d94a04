#include "core.h"
#include "sysv.h"

#include <linux/futex.h>
#include <linux/msg.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

// A System V queue has no descriptor, so nothing but a blocked thread learns of its messages. Each of these threads does one wait at a time, and tells its
// end through an eventfd. It runs no code but what is here, so it can be ended at any moment; what it waits for decides what it holds then:
//
// - For a message it asks with room for 0 bytes. The kernel answers E2BIG as soon as there is one, and leaves it in the queue: the thread takes nothing that could
//   get lost with it. Only an empty message fits, and is taken; of that its type is all there is.
// - For room it sends the message itself. The kernel decides in one step whether it was sent or the wait interrupted.

enum { IDLE, ARMED, DONE, EXITING, EXITED };

struct sysv_wait {
    _Atomic uint32_t state;
    _Atomic bool closing;
    _Atomic int tid;
    _Atomic int holders;
    int event;
    int queue;
    long type;
    size_t length;
    struct sysv_message *outgoing; // NULL: it waits for a message
    int64_t result;
};

static void state_wait(_Atomic uint32_t *word, uint32_t value, const struct timespec *limit) {
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, limit, NULL, 0);
}

static void state_wake(_Atomic uint32_t *word) {
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
}

static void leave(struct sysv_wait *wait) {
    if (atomic_fetch_sub(&wait->holders, 1) > 1) return;
    free(wait->outgoing);
    free(wait);
}

static int64_t perform(struct sysv_wait *wait) {
    struct sysv_message empty;
    int64_t result;
    // Other signals than the one that ends the wait may interrupt it too.
    do {
        result = wait->outgoing != NULL ? RESULT(syscall(SYS_msgsnd, wait->queue, wait->outgoing, wait->length, 0))
                                        : RESULT(syscall(SYS_msgrcv, wait->queue, &empty, (size_t)0, wait->type, 0));
    } while (result == -EINTR && !atomic_load(&wait->closing));
    if (wait->outgoing != NULL) return result;
    if (result == 0) wait->type = empty.type;
    return result == 0 ? SYSV_TOOK_EMPTY : result == -E2BIG ? 0 : result;
}

static void *run(void *data) {
    struct sysv_wait *wait = data;
    atomic_store(&wait->tid, (int)syscall(SYS_gettid));
    signal_admit_interruptions();
    while (!atomic_load(&wait->closing)) {
        uint32_t state = atomic_load(&wait->state);
        if (state != ARMED) {
            state_wait(&wait->state, state, NULL);
            continue;
        }
        wait->result = perform(wait);
        atomic_store(&wait->state, DONE);
        bell_event_signal(wait->event);
    }
    // The eventfd is closed by whoever sees EXITED: until then it is not another's.
    atomic_store(&wait->state, EXITING);
    bell_event_signal(wait->event);
    atomic_store(&wait->state, EXITED);
    state_wake(&wait->state);
    leave(wait);
    return NULL;
}

int64_t sysv_wait_open(int event, struct sysv_wait **out) {
    struct sysv_wait *wait = calloc(1, sizeof *wait);
    if (wait == NULL) return -ENOMEM;
    wait->event = event;
    wait->holders = 2;
    wait->result = -EINTR;
    int64_t result = signal_hold_interruptions();
    if (result < 0) {
        free(wait);
        return result;
    }
    pthread_t thread;
    uint64_t mask = signal_block_all();
    result = -(int64_t)pthread_create(&thread, NULL, run, wait);
    signal_restore(mask);
    if (result < 0) {
        signal_release_interruptions();
        free(wait);
        return result;
    }
    pthread_detach(thread);
    *out = wait;
    return 0;
}

static int64_t arm(struct sysv_wait *wait, int queue, long type) {
    wait->queue = queue;
    wait->type = type;
    wait->result = -EINTR;
    atomic_store(&wait->state, ARMED);
    state_wake(&wait->state);
    return 0;
}

int64_t sysv_wait_message(struct sysv_wait *wait, int queue, long type) {
    if (atomic_load(&wait->closing) || atomic_load(&wait->state) != IDLE) return -EBUSY;
    return arm(wait, queue, type);
}

int64_t sysv_wait_send(struct sysv_wait *wait, int queue, long type, const void *bytes, size_t length) {
    if (atomic_load(&wait->closing) || atomic_load(&wait->state) != IDLE) return -EBUSY;
    wait->outgoing = sysv_message_of(type, bytes, length);
    if (wait->outgoing == NULL) return -ENOMEM;
    wait->length = length;
    return arm(wait, queue, type);
}

int64_t sysv_wait_result(struct sysv_wait *wait, int32_t out[3]) {
    uint32_t state = atomic_load(&wait->state);
    // The thread is between two of its last instructions.
    for (; state == EXITING; state = atomic_load(&wait->state)) state_wait(&wait->state, EXITING, NULL);
    if (state == IDLE || state == ARMED) return SYSV_WAIT_BUSY;
    out[0] = (int32_t)wait->result;
    out[1] = (int32_t)wait->type;
    out[2] = (int32_t)((int64_t)wait->type >> 32);
    free(wait->outgoing);
    wait->outgoing = NULL;
    wait->result = -EINTR;
    if (state == EXITED) return SYSV_WAIT_EXITED;
    // A thread that is closing changes it at the same time.
    atomic_compare_exchange_strong(&wait->state, &(uint32_t){DONE}, IDLE);
    return SYSV_WAIT_DONE;
}

int64_t sysv_wait_close(struct sysv_wait *wait) {
    atomic_store(&wait->closing, true);
    uint32_t state = atomic_load(&wait->state);
    if (state == EXITED) return 1;
    state_wake(&wait->state);
    int tid = atomic_load(&wait->tid);
    if (tid > 0) signal_interrupt(tid);
    return 0;
}

void sysv_wait_free(struct sysv_wait *wait) {
    const struct timespec pause = {.tv_nsec = 1000000};
    while (sysv_wait_close(wait) == 0) {
        uint32_t state = atomic_load(&wait->state);
        if (state != EXITED) state_wait(&wait->state, state, &pause);
    }
    signal_release_interruptions();
    leave(wait);
}
