#include "thread.h"

#include "core.h"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

int __libc_current_sigrtmin(void);

// A thread that waits costs its stack; this much is enough for it, with sanitizers too.
enum { STACK_BYTES = 128 * 1024 };

// The process's signals are for its other threads. Those below SIGRTMIN that have no name belong to the C library.
static uint64_t all_signals(void) {
    uint64_t named = UINT64_C(0x7fffffff);
    return named | ~UINT64_C(0) << (__libc_current_sigrtmin() - 1);
}

// By the C library itself: libuv's functions for threads are not the same on every runtime (Deno has no uv_thread_create_ex, Bun none at all).
int64_t thread_start(pthread_t *out, void *(*run)(void *argument), void *argument) {
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes) != 0) return -ENOMEM;
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    uint64_t blocked = all_signals(), before = 0;
    // A thread begins with the mask of the one that makes it.
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &blocked, &before, sizeof blocked);
    int result = pthread_create(out, &attributes, run, argument);
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof before);
    return -result;
}
