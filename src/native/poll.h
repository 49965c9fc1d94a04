// Readiness of a descriptor, told by the event loop: by libuv, or with the help of a thread where the loop is not libuv's.
#ifndef SLUICE_POLL_H
#define SLUICE_POLL_H

#include "watcher.h"

#include <uv.h>

struct poll {
    union {
        uv_poll_t handle;
        struct {
            int fd, events;
        } watched;
    };
    struct watcher *watcher; // NULL: libuv watches
    // Called on the loop's thread. `status` is 0 or a negative errno, `events` a mask of uv_poll_event.
    void (*notify)(struct poll *poll, int status, int events);
    // Called once after poll_close, by it or from the loop: from then on the memory is the caller's again.
    void (*released)(struct poll *poll);
};

// On failure `released` is not called.
int poll_open(uv_loop_t *loop, struct poll *poll, int fd);
// The same where a thread watches. What it finds is handed to poll_tell.
int poll_open_watched(struct watcher *watcher, struct poll *poll, int fd);
void poll_tell(struct poll *poll, const struct watched *found);
// 0 stops. `number` stands for the poll in what a watcher finds.
int poll_watch(struct poll *poll, int events, uint64_t number);
// Only of libuv's.
void poll_reference(struct poll *poll, int keeps_alive);
// The descriptor may be closed as soon as this returns.
void poll_close(struct poll *poll);

#endif
