#include "poll.h"

static void on_event(uv_poll_t *handle, int status, int events) {
    struct poll *poll = (struct poll *)handle;
    poll->notify(poll, status, events);
}

static void on_close(uv_handle_t *handle) {
    struct poll *poll = (struct poll *)handle;
    poll->released(poll);
}

int poll_open(uv_loop_t *loop, struct poll *poll, int fd) {
    return uv_poll_init(loop, &poll->handle, fd);
}

int poll_watch(struct poll *poll, int events) {
    return events == 0 ? uv_poll_stop(&poll->handle) : uv_poll_start(&poll->handle, events, on_event);
}

void poll_reference(struct poll *poll, int keeps_alive) {
    uv_handle_t *handle = (uv_handle_t *)&poll->handle;
    if (keeps_alive) {
        uv_ref(handle);
    } else {
        uv_unref(handle);
    }
}

void poll_close(struct poll *poll) {
    uv_close((uv_handle_t *)&poll->handle, on_close);
}
