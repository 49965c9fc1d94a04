// Readiness of a descriptor, told by the event loop. Apart from core.h, since only this needs libuv.
#ifndef SLUICE_POLL_H
#define SLUICE_POLL_H

#include <uv.h>

struct poll {
    uv_poll_t handle;
    // Called on the loop's thread. `status` is 0 or a negative errno, `events` a mask of uv_poll_event.
    void (*notify)(struct poll *poll, int status, int events);
    // Called once after poll_close, from the loop: from then on the memory is the caller's again.
    void (*released)(struct poll *poll);
};

// On failure `released` is not called.
int poll_open(uv_loop_t *loop, struct poll *poll, int fd);
// 0 stops.
int poll_watch(struct poll *poll, int events);
void poll_reference(struct poll *poll, int keeps_alive);
// The descriptor may be closed as soon as this returns.
void poll_close(struct poll *poll);

#endif
