#include "watcher.h"

#include "core.h"
#include "thread.h"

#include <linux/futex.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <uv.h>

// The thread does nothing but sleep until the epoll descriptor is readable. What is watched, and what is ready, is only ever looked at by the
// loop's thread: so nothing can be told of a descriptor that was closed meanwhile, and a condition is told as long as it lasts.

enum { WATCHING, RUNG, ENDING };
enum { MOST_AT_ONCE = 64 };

struct watcher {
    pthread_t thread;
    int epoll, end;
    int32_t state; // a futex as well: the thread waits here until the loop has looked
    struct owned watched;
    void (*ring)(void *data);
    void *data;
};

static bool move(struct watcher *watcher, int32_t from, int32_t to) {
    return __atomic_compare_exchange_n(&watcher->state, &from, to, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static void wake(struct watcher *watcher) {
    syscall(SYS_futex, &watcher->state, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void *run(void *argument) {
    struct watcher *watcher = argument;
    syscall(SYS_prctl, PR_SET_NAME, "sluice-watcher", 0, 0, 0);
    for (;;) {
        struct pollfd both[2] = {{.fd = watcher->epoll, .events = POLLIN}, {.fd = watcher->end, .events = POLLIN}};
        if (poll(both, 2, -1) <= 0) continue;
        if (both[1].revents != 0 || !move(watcher, WATCHING, RUNG)) return NULL;
        watcher->ring(watcher->data);
        while (__atomic_load_n(&watcher->state, __ATOMIC_SEQ_CST) == RUNG) {
            syscall(SYS_futex, &watcher->state, FUTEX_WAIT_PRIVATE, RUNG, NULL, NULL, 0);
        }
    }
}

int64_t watcher_open(struct watcher **out, void (*ring)(void *data), void *data) {
    struct watcher *watcher = calloc(1, sizeof *watcher);
    if (watcher == NULL) return -ENOMEM;
    watcher->ring = ring;
    watcher->data = data;
    watcher->epoll = (int)RESULT(epoll_create1(EPOLL_CLOEXEC));
    watcher->end = watcher->epoll < 0 ? watcher->epoll : (int)bell_event_open();
    int64_t result = watcher->end < 0 ? watcher->end : thread_start(&watcher->thread, run, watcher);
    if (result == 0) {
        *out = watcher;
        return 0;
    }
    if (watcher->end >= 0) descriptor_close(watcher->end);
    if (watcher->epoll >= 0) descriptor_close(watcher->epoll);
    free(watcher);
    return result;
}

static int64_t control(struct watcher *watcher, int operation, int fd, uint32_t events, uint64_t number) {
    struct epoll_event event = {.events = events, .data.u64 = number};
    return RESULT(epoll_ctl(watcher->epoll, operation, fd, &event));
}

int64_t watcher_add(struct watcher *watcher, int fd) {
    if (owned_has(&watcher->watched, fd)) return -EEXIST;
    if (!owned_reserve(&watcher->watched, 1)) return -ENOMEM;
    int64_t result = descriptor_set_non_blocking(fd, true);
    if (result < 0) return result;
    // The kernel would tell errors and hang-ups even of a descriptor that is watched for nothing, so it is there only while it is watched.
    result = control(watcher, EPOLL_CTL_ADD, fd, 0, 0);
    if (result < 0) return result;
    control(watcher, EPOLL_CTL_DEL, fd, 0, 0);
    owned_add(&watcher->watched, fd);
    return 0;
}

int64_t watcher_watch(struct watcher *watcher, int fd, int before, int events, uint64_t number) {
    if (events == 0) return before == 0 ? 0 : control(watcher, EPOLL_CTL_DEL, fd, 0, 0);
    uint32_t wanted = 0;
    if ((events & UV_READABLE) != 0) wanted |= EPOLLIN;
    if ((events & UV_WRITABLE) != 0) wanted |= EPOLLOUT;
    if ((events & UV_DISCONNECT) != 0) wanted |= EPOLLRDHUP;
    return control(watcher, before == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, wanted, number);
}

void watcher_remove(struct watcher *watcher, int fd, int events) {
    if (events != 0) control(watcher, EPOLL_CTL_DEL, fd, 0, 0);
    owned_remove(&watcher->watched, fd);
}

int64_t watcher_take(struct watcher *watcher, struct watched *out, int room) {
    struct epoll_event ready[MOST_AT_ONCE];
    int64_t count = RESULT_RETRIED(epoll_wait(watcher->epoll, ready, room < MOST_AT_ONCE ? room : MOST_AT_ONCE, 0));
    for (int64_t i = 0; i < count; i++) {
        uint32_t told = ready[i].events;
        // As libuv has it: who waits for anything shall come and see that the other side is gone.
        bool gone = told == EPOLLHUP;
        out[i].number = ready[i].data.u64;
        out[i].failed = (told & EPOLLERR) != 0;
        out[i].events = ((told & EPOLLIN) != 0 || gone ? UV_READABLE : 0) | ((told & EPOLLOUT) != 0 || gone ? UV_WRITABLE : 0) |
                        ((told & EPOLLRDHUP) != 0 || gone ? UV_DISCONNECT : 0);
    }
    return count;
}

void watcher_continue(struct watcher *watcher) {
    if (move(watcher, RUNG, WATCHING)) wake(watcher);
}

void watcher_close(struct watcher *watcher) {
    __atomic_store_n(&watcher->state, ENDING, __ATOMIC_SEQ_CST);
    wake(watcher);
    bell_event_signal(watcher->end);
    pthread_join(watcher->thread, NULL);
    descriptor_close(watcher->end);
    descriptor_close(watcher->epoll);
    free(watcher->watched.entries);
    free(watcher);
}
