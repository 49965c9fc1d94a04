// Readiness of descriptors, told to a JavaScript function by the event loop of its thread.

#include "binding.h"
#include "poll.h"

#include <stdlib.h>

static const napi_type_tag handle_tag = {0x2b7f60c4e9d1483a, 0x93a5d80e1f6cb742};

// Two hold it: the JavaScript object and the uv handle.
struct handle {
    struct poll poll; // first: poll_close and the callbacks are given its address
    struct state *state;
    struct handle *next, **link;
    napi_ref callback; // strong while open, so that an open Poll is not collected
    int holders;
};

static void handle_leave(struct handle *handle) {
    if (--handle->holders == 0) free(handle);
}

static void on_notify(struct poll *poll, int status, int events) {
    struct handle *handle = (struct handle *)poll;
    napi_env env = handle->state->env;
    napi_handle_scope scope;
    if (handle->callback == NULL || napi_open_handle_scope(env, &scope) != napi_ok) return;
    napi_value callback, global, arguments[2];
    if (napi_get_reference_value(env, handle->callback, &callback) == napi_ok && callback != NULL &&
        napi_get_global(env, &global) == napi_ok && napi_create_int32(env, status, &arguments[0]) == napi_ok &&
        napi_create_int32(env, events, &arguments[1]) == napi_ok) {
        // Runs the microtasks and process.nextTick afterwards, as for events of Node itself. `handle` may be closed when it returns.
        napi_make_callback(env, NULL, global, callback, 2, arguments, NULL);
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
    handle_leave(handle);
    state_leave(state);
}

static void handle_close(struct handle *handle) {
    if (handle->callback == NULL) return;
    napi_delete_reference(handle->state->env, handle->callback);
    handle->callback = NULL;
    poll_close(&handle->poll);
}

static void on_handle_collected(napi_env env, void *data, void *hint) {
    (void)env, (void)hint;
    handle_leave(data);
}

// The loop of a worker must be empty when it ends, or the process aborts; so the end waits here for the uv handles to close.
static void on_loop_ending(napi_async_cleanup_hook_handle hook, void *data) {
    struct state *state = data;
    state->ending = true;
    for (struct handle *handle = state->handles; handle != NULL; handle = handle->next) handle_close(handle);
    if (state->handles == NULL) {
        napi_remove_async_cleanup_hook(hook);
        state->cleanup = NULL;
    }
}

napi_value poll_open_handle(struct state *state, struct call *call) {
    napi_env env = call->env;
    napi_valuetype type;
    if (napi_typeof(env, call->values[1], &type) != napi_ok || type != napi_function) {
        return refuse(call, 1, "a function", false);
    }
    uv_loop_t *loop;
    if (napi_get_uv_event_loop(env, &loop) != napi_ok) return number_of(env, -EOPNOTSUPP);
    if (state->cleanup == NULL && napi_add_async_cleanup_hook(env, on_loop_ending, state, &state->cleanup) != napi_ok) {
        return number_of(env, -ENOMEM);
    }
    struct handle *handle = calloc(1, sizeof *handle);
    if (handle == NULL) return number_of(env, -ENOMEM);
    napi_value object;
    if (napi_create_object(env, &object) != napi_ok ||
        napi_create_reference(env, call->values[1], 1, &handle->callback) != napi_ok) {
        free(handle);
        return number_of(env, -ENOMEM);
    }
    handle->poll.notify = on_notify;
    handle->poll.released = on_released;
    handle->state = state;
    int result = poll_open(loop, &handle->poll, (int)call->arguments[0].number);
    if (result < 0) {
        napi_delete_reference(env, handle->callback);
        free(handle);
        return number_of(env, result);
    }
    handle->holders = 1;
    handle->next = state->handles;
    handle->link = &state->handles;
    if (handle->next != NULL) handle->next->link = &handle->next;
    state->handles = handle;
    state->holders++;
    if (napi_wrap(env, object, handle, on_handle_collected, NULL, NULL) != napi_ok) {
        handle_close(handle);
        return number_of(env, -ENOMEM);
    }
    handle->holders++;
    napi_type_tag_object(env, object, &handle_tag);
    return object;
}

static struct handle *take_handle(struct call *call) {
    struct handle *handle = take_tagged(call, 0, &handle_tag, "what pollOpen has returned");
    if (handle == NULL) return NULL;
    if (handle->callback != NULL) return handle;
    refuse(call, 0, "a poll that is open", false);
    return NULL;
}

napi_value poll_set_handle(struct state *state, struct call *call) {
    (void)state;
    struct handle *handle = take_handle(call);
    if (handle == NULL) return NULL;
    int64_t events = call->arguments[1].number;
    if ((events & ~(int64_t)(UV_READABLE | UV_WRITABLE | UV_DISCONNECT)) != 0) {
        return refuse(call, 1, "a mask of READABLE, WRITABLE and DISCONNECT", true);
    }
    return number_of(call->env, poll_watch(&handle->poll, (int)events));
}

napi_value poll_reference_handle(struct state *state, struct call *call) {
    (void)state;
    struct handle *handle = take_handle(call);
    if (handle == NULL) return NULL;
    poll_reference(&handle->poll, call->arguments[1].number != 0);
    return number_of(call->env, 0);
}

napi_value poll_close_handle(struct state *state, struct call *call) {
    (void)state;
    struct handle *handle = take_handle(call);
    if (handle == NULL) return NULL;
    handle_close(handle);
    return number_of(call->env, 0);
}
