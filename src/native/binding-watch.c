// Polls where the event loop is not libuv's: a thread of the core tells when a descriptor is ready, through a function of Node-API that any thread may call.

#include "binding.h"
#include "watcher.h"

enum { MOST_AT_ONCE = 64 };

// In the watcher's thread.
static void ring(void *data) {
    struct state *state = data;
    napi_call_threadsafe_function(state->bell, NULL, napi_tsfn_nonblocking);
}

// In the loop's thread.
static void on_ring(napi_env env, napi_value function, void *context, void *data) {
    (void)function, (void)data;
    struct state *state = context;
    // Without an environment the queue is only emptied.
    if (env == NULL || state->watcher == NULL) return;
    struct watched found[MOST_AT_ONCE];
    int64_t count = watcher_take(state->watcher, found, MOST_AT_ONCE);
    // A callback may close any Poll, those that were found here too.
    for (int64_t i = 0; i < count; i++) polls_tell(state, &found[i]);
    if (state->watcher != NULL) watcher_continue(state->watcher);
}

static void on_environment_ending(void *data) {
    struct state *state = data;
    polls_close_all(state);
    watcher_close(state->watcher);
    state->watcher = NULL;
    napi_release_threadsafe_function(state->bell, napi_tsfn_abort);
    state->bell = NULL;
}

int64_t watch_begin(struct state *state) {
    if (state->watcher != NULL) return 0;
    napi_env env = state->env;
    napi_value name;
    if (napi_create_string_utf8(env, "sluice", NAPI_AUTO_LENGTH, &name) != napi_ok ||
        napi_create_threadsafe_function(env, NULL, NULL, name, 0, 1, NULL, NULL, state, on_ring, &state->bell) != napi_ok) {
        return -ENOMEM;
    }
    napi_unref_threadsafe_function(env, state->bell);
    int64_t result = watcher_open(&state->watcher, ring, state);
    if (result == 0 && napi_add_env_cleanup_hook(env, on_environment_ending, state) == napi_ok) return 0;
    if (result == 0) watcher_close(state->watcher);
    state->watcher = NULL;
    napi_release_threadsafe_function(state->bell, napi_tsfn_abort);
    state->bell = NULL;
    return result < 0 ? result : -ENOMEM;
}

void watch_keep(struct state *state, bool more) {
    if (more && state->keeping++ == 0) napi_ref_threadsafe_function(state->env, state->bell);
    if (!more && --state->keeping == 0) napi_unref_threadsafe_function(state->env, state->bell);
}
