#include "poll.h"

#include <errno.h>

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

int poll_open_watched(struct watcher *watcher, struct poll *poll, int fd) {
    poll->watcher = watcher;
    poll->watched.fd = fd;
    poll->watched.events = 0;
    return (int)watcher_add(watcher, fd);
}

// Errors end the watching, as they do in libuv.
void poll_tell(struct poll *poll, const struct watched *found) {
    int events = found->events & poll->watched.events;
    if (found->failed) {
        poll_watch(poll, 0, 0);
        poll->notify(poll, -EBADF, 0);
    } else if (events != 0) {
        poll->notify(poll, 0, events);
    }
}

int poll_watch(struct poll *poll, int events, uint64_t number) {
    if (poll->watcher != NULL) {
        int64_t result = watcher_watch(poll->watcher, poll->watched.fd, poll->watched.events, events, number);
        if (result >= 0) poll->watched.events = events;
        return (int)result;
    }
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
    if (poll->watcher != NULL) {
        watcher_remove(poll->watcher, poll->watched.fd, poll->watched.events);
        poll->released(poll);
        return;
    }
    uv_close((uv_handle_t *)&poll->handle, on_close);
}
