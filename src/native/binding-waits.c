// Threads that wait at System V queues, as objects: ended by their owner, with their thread of JavaScript, or at last by the garbage collector.

#include "binding.h"

#include <stdlib.h>

static const napi_type_tag waiter_tag = {0x71e4b2a95d0c4f38, 0xa60f3d7c8be25194};

#define SAFE_INTEGER 9007199254740991.0

struct waiter {
    struct sysv_wait *wait; // NULL once it has ended
    struct waiter *next, **link;
};

static void waiter_end(struct waiter *waiter) {
    if (waiter->wait == NULL) return;
    sysv_wait_free(waiter->wait);
    waiter->wait = NULL;
    *waiter->link = waiter->next;
    if (waiter->next != NULL) waiter->next->link = waiter->link;
}

void waits_end_all(struct state *state) {
    // All at once, then one after another until each has ended.
    for (struct waiter *waiter = state->waiters; waiter != NULL; waiter = waiter->next) sysv_wait_close(waiter->wait);
    while (state->waiters != NULL) waiter_end(state->waiters);
}

static void on_waiter_collected(napi_env env, void *data, void *hint) {
    (void)env, (void)hint;
    waiter_end(data);
    free(data);
}

napi_value wait_open(struct state *state, struct call *call) {
    napi_env env = call->env;
    const struct argument *a = call->arguments;
    struct waiter *waiter = calloc(1, sizeof *waiter);
    if (waiter == NULL) return number_of(env, -ENOMEM);
    int64_t result = sysv_wait_open(FD(0), &waiter->wait);
    napi_value object;
    if (result < 0) {
        free(waiter);
        return number_of(env, result);
    }
    waiter->next = state->waiters;
    waiter->link = &state->waiters;
    if (waiter->next != NULL) waiter->next->link = &waiter->next;
    state->waiters = waiter;
    if (napi_create_object(env, &object) != napi_ok || napi_wrap(env, object, waiter, on_waiter_collected, NULL, NULL) != napi_ok) {
        on_waiter_collected(env, waiter, NULL);
        return number_of(env, -ENOMEM);
    }
    napi_type_tag_object(env, object, &waiter_tag);
    return object;
}

static struct waiter *take_waiter(struct call *call) {
    struct waiter *waiter = take_tagged(call, 0, &waiter_tag, "what msgWaitOpen has returned");
    if (waiter == NULL || waiter->wait != NULL) return waiter;
    refuse(call, 0, "a wait that has not ended", false);
    return NULL;
}

napi_value wait_message(struct state *state, struct call *call) {
    (void)state;
    const struct argument *a = call->arguments;
    struct waiter *waiter = take_waiter(call);
    int64_t type;
    if (waiter == NULL || !take_integer(call, 2, -SAFE_INTEGER, SAFE_INTEGER, "an integer within 2 ** 53", &type)) return NULL;
    return number_of(call->env, sysv_wait_message(waiter->wait, INT(1), (long)type));
}

napi_value wait_send(struct state *state, struct call *call) {
    (void)state;
    const struct argument *a = call->arguments;
    struct waiter *waiter = take_waiter(call);
    if (waiter == NULL) return NULL;
    return number_of(call->env, sysv_wait_send(waiter->wait, INT(1), (long)a[2].number, BYTES(3)));
}

napi_value wait_result(struct state *state, struct call *call) {
    (void)state;
    const struct argument *a = call->arguments;
    struct waiter *waiter = take_waiter(call);
    if (waiter == NULL) return NULL;
    int64_t result = sysv_wait_result(waiter->wait, INTS(1));
    if (result == SYSV_WAIT_EXITED) waiter_end(waiter);
    return number_of(call->env, result);
}

napi_value wait_close(struct state *state, struct call *call) {
    (void)state;
    struct waiter *waiter = take_waiter(call);
    return waiter == NULL ? NULL : number_of(call->env, sysv_wait_close(waiter->wait));
}
