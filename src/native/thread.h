// Threads of the core: each waits for one thing on behalf of an event loop that must not, and runs no JavaScript.
#ifndef SLUICE_THREAD_H
#define SLUICE_THREAD_H

#include <pthread.h>
#include <stdint.h>

// Starts a thread with a small stack that takes none of the process's signals: 0, or a negative errno. To be joined by its owner.
int64_t thread_start(pthread_t *out, void *(*run)(void *argument), void *argument);

#endif
