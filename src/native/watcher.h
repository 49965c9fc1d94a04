// Readiness of descriptors where the event loop is not libuv's: a thread sleeps until one of them is ready, and has the loop look.
#ifndef SLUICE_WATCHER_H
#define SLUICE_WATCHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct watcher;

// A descriptor that is ready, by the number it was given.
struct watched {
    uint64_t number;
    int events; // a mask of uv_poll_event; it may name more than was asked for
    bool failed; // in an error state, which a read or write tells; it is not watched any more
};

// `ring` is called in the thread, once until watcher_continue: the loop's thread shall call watcher_take. A negative errno on failure.
int64_t watcher_open(struct watcher **out, void (*ring)(void *data), void *data);
// -EEXIST: it is watched already; -EPERM: a file on disk, which is always ready.
int64_t watcher_add(struct watcher *watcher, int fd);
// From now on these events, a mask of uv_poll_event; 0: none.
int64_t watcher_watch(struct watcher *watcher, int fd, int before, int events, uint64_t number);
// The descriptor may be closed as soon as this returns.
void watcher_remove(struct watcher *watcher, int fd, int events);
// Which descriptors are ready now: how many were written. Does not wait.
int64_t watcher_take(struct watcher *watcher, struct watched *out, int room);
void watcher_continue(struct watcher *watcher);
// Ends the thread and waits for it; `ring` is not called again.
void watcher_close(struct watcher *watcher);

#endif
