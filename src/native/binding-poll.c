// Readiness of descriptors, told to a JavaScript function by the event loop of its thread.

#include "binding.h"
#include "poll.h"

#include <stdlib.h>

struct handle {
    struct poll poll; // first: poll_close and the callbacks are given its address
    struct state *state;
    struct handle *next, **link;
    napi_ref callback; // NULL once closed
    uint32_t slot;
    bool unreferenced, keeps; // where a thread watches
};

// JavaScript knows a Poll by a number: its slot in a table, and the generation of that slot, so that the number of a closed Poll is not taken for
// the next one in its slot. An object that wraps the handle would survive every minor garbage collection, which takes weak references for strong ones.
enum { SLOT_BITS = 24, MOST_POLLS = 1 << SLOT_BITS, GENERATIONS = 128, FIRST_ROOM = 64, NO_SLOT = UINT32_MAX };

static bool slot_make_room(struct state *state) {
    if (state->polls_used < state->poll_room) return true;
    uint32_t room = state->poll_room == 0 ? FIRST_ROOM : state->poll_room * 2;
    if (room > MOST_POLLS) return false;
    struct poll_slot *grown = realloc(state->polls, room * sizeof *grown);
    if (grown == NULL) return false;
    state->polls = grown;
    state->poll_room = room;
    return true;
}

static uint32_t slot_take(struct state *state, struct handle *handle) {
    uint32_t slot;
    if (state->first_free != 0) {
        slot = state->first_free - 1;
        state->first_free = state->polls[slot].next_free;
    } else {
        if (!slot_make_room(state)) return NO_SLOT;
        slot = state->polls_used++;
        state->polls[slot].generation = 0;
    }
    state->polls[slot].handle = handle;
    return slot;
}

static void slot_leave(struct state *state, uint32_t slot) {
    struct poll_slot *left = &state->polls[slot];
    left->handle = NULL;
    left->generation = (left->generation + 1) % GENERATIONS;
    left->next_free = state->first_free;
    state->first_free = slot + 1;
}

static int64_t number_of_handle(const struct handle *handle) {
    return (int64_t)handle->state->polls[handle->slot].generation << SLOT_BITS | handle->slot;
}

static void on_notify(struct poll *poll, int status, int events) {
    struct handle *handle = (struct handle *)poll;
    napi_env env = handle->state->env;
    napi_handle_scope scope;
    if (handle->callback == NULL || napi_open_handle_scope(env, &scope) != napi_ok) return;
    napi_value callback, global, arguments[2], result;
    if (napi_get_reference_value(env, handle->callback, &callback) == napi_ok && callback != NULL &&
        napi_get_global(env, &global) == napi_ok && napi_create_int32(env, status, &arguments[0]) == napi_ok &&
        napi_create_int32(env, events, &arguments[1]) == napi_ok) {
        // Runs the microtasks and process.nextTick afterwards, as for events of Node itself. `handle` may be closed when it returns.
        // Deno writes the result without asking whether it is wanted.
        napi_make_callback(env, NULL, global, callback, 2, arguments, &result);
    }
    bool pending = false;
    napi_is_exception_pending(env, &pending);
    if (pending) {
        napi_value error;
        if (napi_get_and_clear_last_exception(env, &error) == napi_ok) napi_fatal_exception(env, error);
    }
    napi_close_handle_scope(env, scope);
}

static void on_released(struct poll *poll) {
    struct handle *handle = (struct handle *)poll;
    struct state *state = handle->state;
    *handle->link = handle->next;
    if (handle->next != NULL) handle->next->link = handle->link;
    if (state->ending && state->handles == NULL && state->cleanup != NULL) {
        napi_remove_async_cleanup_hook(state->cleanup);
        state->cleanup = NULL;
    }
    free(handle);
    state_leave(state);
}

// As libuv does it: what is watched keeps the process alive, unless it is unreferenced.
static void handle_keep(struct handle *handle, bool open) {
    if (handle->poll.watcher == NULL) return;
    bool keeps = open && handle->poll.watched.events != 0 && !handle->unreferenced;
    if (keeps != handle->keeps) watch_keep(handle->state, keeps);
    handle->keeps = keeps;
}

// May free it.
static void handle_close(struct handle *handle) {
    if (handle->callback == NULL) return;
    napi_delete_reference(handle->state->env, handle->callback);
    handle->callback = NULL;
    slot_leave(handle->state, handle->slot);
    handle_keep(handle, false);
    poll_close(&handle->poll);
}

void polls_close_all(struct state *state) {
    for (struct handle *handle = state->handles, *next; handle != NULL; handle = next) {
        next = handle->next;
        handle_close(handle);
    }
}

// The loop of a worker must be empty when it ends, or the process aborts; so the end waits here for the uv handles to close.
static void on_loop_ending(napi_async_cleanup_hook_handle hook, void *data) {
    struct state *state = data;
    state->ending = true;
    polls_close_all(state);
    if (state->handles == NULL) {
        napi_remove_async_cleanup_hook(hook);
        state->cleanup = NULL;
    }
}

static int64_t loop_begin(struct state *state, uv_loop_t **out) {
    if (napi_get_uv_event_loop(state->env, out) != napi_ok) return -EOPNOTSUPP;
    if (state->cleanup != NULL) return 0;
    return napi_add_async_cleanup_hook(state->env, on_loop_ending, state, &state->cleanup) == napi_ok ? 0 : -ENOMEM;
}

napi_value poll_open_handle(struct state *state, struct call *call) {
    napi_env env = call->env;
    napi_valuetype type;
    if (napi_typeof(env, call->values[1], &type) != napi_ok || type != napi_function) {
        return refuse(call, 1, "a function", false);
    }
    uv_loop_t *loop = NULL;
    int64_t begun = state->by_thread ? watch_begin(state) : loop_begin(state, &loop);
    if (begun < 0) return number_of(env, begun);
    struct handle *handle = calloc(1, sizeof *handle);
    if (handle == NULL) return number_of(env, -ENOMEM);
    handle->slot = slot_take(state, handle);
    if (handle->slot == NO_SLOT) {
        free(handle);
        return number_of(env, -ENOMEM);
    }
    handle->poll.notify = on_notify;
    handle->poll.released = on_released;
    handle->state = state;
    int fd = (int)call->arguments[0].number;
    int result = loop == NULL ? poll_open_watched(state->watcher, &handle->poll, fd) : poll_open(loop, &handle->poll, fd);
    if (result < 0) {
        slot_leave(state, handle->slot);
        free(handle);
        return number_of(env, result);
    }
    handle->next = state->handles;
    handle->link = &state->handles;
    if (handle->next != NULL) handle->next->link = &handle->next;
    state->handles = handle;
    state->holders++;
    if (napi_create_reference(env, call->values[1], 1, &handle->callback) != napi_ok) {
        slot_leave(state, handle->slot);
        poll_close(&handle->poll);
        return number_of(env, -ENOMEM);
    }
    return number_of(env, number_of_handle(handle));
}

static struct handle *find_handle(const struct state *state, int64_t number) {
    uint32_t slot = (uint32_t)(number & (MOST_POLLS - 1));
    if (number < 0 || slot >= state->polls_used) return NULL;
    const struct poll_slot *found = &state->polls[slot];
    return found->generation == (uint64_t)number >> SLOT_BITS ? found->handle : NULL;
}

void polls_tell(struct state *state, const struct watched *found) {
    struct handle *handle = find_handle(state, (int64_t)found->number);
    if (handle == NULL) return;
    if (found->failed) handle_keep(handle, false);
    poll_tell(&handle->poll, found);
}

static struct handle *take_handle(struct state *state, struct call *call) {
    struct handle *handle = find_handle(state, call->arguments[0].number);
    if (handle != NULL) return handle;
    refuse(call, 0, "the number of a poll that is open", true);
    return NULL;
}

napi_value poll_set_handle(struct state *state, struct call *call) {
    struct handle *handle = take_handle(state, call);
    if (handle == NULL) return NULL;
    int64_t events = call->arguments[1].number;
    if ((events & ~(int64_t)(UV_READABLE | UV_WRITABLE | UV_DISCONNECT)) != 0) {
        return refuse(call, 1, "a mask of READABLE, WRITABLE and DISCONNECT", true);
    }
    int result = poll_watch(&handle->poll, (int)events, (uint64_t)number_of_handle(handle));
    handle_keep(handle, true);
    return number_of(call->env, result);
}

napi_value poll_reference_handle(struct state *state, struct call *call) {
    struct handle *handle = take_handle(state, call);
    if (handle == NULL) return NULL;
    handle->unreferenced = call->arguments[1].number == 0;
    handle_keep(handle, true);
    if (handle->poll.watcher == NULL) poll_reference(&handle->poll, !handle->unreferenced);
    return number_of(call->env, 0);
}

napi_value poll_close_handle(struct state *state, struct call *call) {
    struct handle *handle = take_handle(state, call);
    if (handle == NULL) return NULL;
    handle_close(handle);
    return number_of(call->env, 0);
}
