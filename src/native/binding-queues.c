// Functions that send or receive several messages of a queue in one call.

#include "binding.h"

#include <limits.h>

enum { BATCH = 64 };

// What may be the type of a message, or select one: any whole number that JavaScript knows exactly.
#define SAFE_INTEGER 9007199254740991.0

typedef int64_t send_batch(const struct call *call, const struct iovec *messages, size_t count);

static napi_value send_all(struct call *call, send_batch *send) {
    struct iovec messages[BATCH];
    uint32_t start, count, sent = 0;
    if (!take_span(call, &start, &count)) return NULL;
    while (sent < count) {
        uint32_t batch = count - sent < BATCH ? count - sent : BATCH;
        if (!take_buffers(call, 1, start + sent, batch, messages)) {
            if (sent == 0) refuse(call, 1, "an array of Uint8Array", false);
            break;
        }
        int64_t taken = send(call, messages, batch);
        if (taken < 0 && sent == 0) return number_of(call->env, taken);
        if (taken > 0) sent += (uint32_t)taken;
        if (taken < batch) break;
    }
    return number_of(call->env, sent);
}

static int64_t send_queue(const struct call *call, const struct iovec *messages, size_t count) {
    const struct argument *a = call->arguments;
    return queue_send_many(FD(0), messages, count, (unsigned)a[4].number);
}

static int64_t send_sysv(const struct call *call, const struct iovec *messages, size_t count) {
    const struct argument *a = call->arguments;
    return sysv_send_many(INT(0), messages, count, (long)a[4].number);
}

napi_value queue_send(struct state *state, struct call *call) {
    (void)state;
    return send_all(call, send_queue);
}

napi_value sysv_send(struct state *state, struct call *call) {
    (void)state;
    return send_all(call, send_sysv);
}

// The arguments `memory, room, limit, info` at 1 to 4; `header`: bytes beside its own that a message takes.
static bool take_batch(struct call *call, size_t header, struct message_batch *out) {
    const struct argument *a = call->arguments;
    *out = (struct message_batch){.memory = a[1].data, .length = a[1].length, .room = SIZE(2), .info = INTS(4), .limit = SIZE(3)};
    if (a[4].length / MESSAGE_STRIDE < out->limit) out->limit = a[4].length / MESSAGE_STRIDE;
    // Offsets are told as int32.
    if (out->length > INT32_MAX || ((uintptr_t)out->memory & 7) != 0) return refuse(call, 1, "below 2 GiB, at a multiple of 8", true) != NULL;
    if (out->room > out->length || out->length - out->room < header) return refuse(call, 2, "less than the memory is long", true) != NULL;
    if (out->limit == 0) return refuse(call, 3, "1 or more, with room for a record", true) != NULL;
    return true;
}

napi_value queue_receive(struct state *state, struct call *call) {
    (void)state;
    const struct argument *a = call->arguments;
    struct message_batch batch;
    if (!take_batch(call, 0, &batch)) return NULL;
    return number_of(call->env, queue_receive_many(FD(0), &batch));
}

napi_value sysv_receive(struct state *state, struct call *call) {
    (void)state;
    const struct argument *a = call->arguments;
    struct message_batch batch;
    int64_t type;
    if (!take_batch(call, sizeof(long), &batch)) return NULL;
    if (!take_integer(call, 5, -SAFE_INTEGER, SAFE_INTEGER, "an integer within 2 ** 53", &type)) return NULL;
    return number_of(call->env, sysv_receive_many(INT(0), &batch, (long)type));
}
