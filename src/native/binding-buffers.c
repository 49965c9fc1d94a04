// Functions that read or write several buffers, packets or descriptors in one call.

#include "binding.h"

#include <limits.h>

enum { BATCH = 64 };

// Elements `start` to `end` of a JavaScript array of Uint8Arrays. False when one is something else.
bool take_buffers(struct call *call, size_t index, uint32_t start, uint32_t count, struct iovec *out) {
    napi_handle_scope scope;
    if (napi_open_handle_scope(call->env, &scope) != napi_ok) return false;
    bool fine = true;
    for (uint32_t i = 0; i < count && fine; i++) {
        napi_value element;
        struct argument bytes;
        fine = napi_get_element(call->env, call->values[index], start + i, &element) == napi_ok &&
               take_array_of(call->env, element, napi_uint8_array, &bytes);
        if (fine) out[i] = (struct iovec){.iov_base = bytes.data, .iov_len = bytes.length};
    }
    napi_close_handle_scope(call->env, scope);
    return fine;
}

bool take_span(struct call *call, uint32_t *start, uint32_t *count) {
    uint32_t length;
    int64_t first, last;
    if (napi_get_array_length(call->env, call->values[1], &length) != napi_ok) {
        refuse(call, 1, "an array of Uint8Array", false);
        return false;
    }
    if (!take_integer(call, 2, 0, length, "an index within the array", &first)) return false;
    if (!take_integer(call, 3, (double)first, length, "an index from start to the array's length", &last)) return false;
    *start = (uint32_t)first;
    *count = (uint32_t)(last - first);
    return true;
}

napi_value write_buffers(struct state *state, struct call *call) {
    (void)state;
    struct iovec parts[IOV_MAX];
    uint32_t start, count;
    if (!take_span(call, &start, &count)) return NULL;
    if (count > IOV_MAX) count = IOV_MAX;
    if (!take_buffers(call, 1, start, count, parts)) {
        return refuse(call, 1, "an array of Uint8Array", false);
    }
    return number_of(call->env, descriptor_write_vector((int)call->arguments[0].number, parts, (int)count));
}

napi_value send_packets(struct state *state, struct call *call) {
    (void)state;
    struct iovec packets[BATCH];
    const struct argument *a = call->arguments;
    uint32_t start, count, sent = 0;
    if (!take_span(call, &start, &count)) return NULL;
    while (sent < count) {
        uint32_t batch = count - sent < BATCH ? count - sent : BATCH;
        if (!take_buffers(call, 1, start + sent, batch, packets)) {
            // What was sent is sent: the next call starts with the batch that is wrong, and says so.
            if (sent == 0) refuse(call, 1, "an array of Uint8Array", false);
            break;
        }
        int64_t taken = packet_send_many(FD(0), packets, batch, BYTES(4));
        if (taken < 0 && sent == 0) return number_of(call->env, taken);
        if (taken > 0) sent += (uint32_t)taken;
        if (taken < batch) break;
    }
    return number_of(call->env, sent);
}

// Room for the descriptors of one message, as many as the caller takes.
static bool reserve_handles(struct state *state, size_t most) {
    return owned_reserve(&state->owned, most < HANDLES_A_MESSAGE ? most : HANDLES_A_MESSAGE);
}

napi_value receive_packets(struct state *state, struct call *call) {
    const struct argument *a = call->arguments;
    struct packet_sink sink = {
        .slab = a[1].data,
        .slab_length = a[1].length,
        .offset = SIZE(2),
        .slot = SIZE(3),
        .scratch = a[4].data,
        .scratch_length = a[4].length,
        .limit = SIZE(5),
        .info = INTS(6),
        .names = a[7].data,
        .connected = ON(8),
        .handles = a[9].data == NULL ? NULL : INTS(9),
        .handles_room = a[9].length,
    };
    // Offsets are told as int32.
    if (a[1].length > INT32_MAX || SIZE(2) > a[1].length) return refuse(call, 2, "an offset within a slab below 2 GiB", true);
    if (a[4].length > INT32_MAX - a[1].length) return refuse(call, 4, "below 2 GiB together with the slab", true);
    if (a[6].length / PACKET_STRIDE < sink.limit) sink.limit = a[6].length / PACKET_STRIDE;
    if (sink.names != NULL && a[7].length / NAME_STRIDE < sink.limit) sink.limit = a[7].length / NAME_STRIDE;
    if (sink.limit == 0) return refuse(call, 5, "1 or more, with room for a record and a name", true);
    if (sink.handles != NULL && sink.names != NULL) return refuse(call, 9, "undefined where names are wanted", false);
    if (sink.handles != NULL && !reserve_handles(state, sink.handles_room)) return number_of(call->env, -ENOMEM);
    int64_t result = packet_receive_many(FD(0), &sink);
    // They are those of the last message.
    int32_t handles = sink.handles != NULL && result > 0 ? sink.info[(result - 1) * PACKET_STRIDE + 6] : 0;
    for (int32_t i = 0; i < handles; i++) owned_add(&state->owned, sink.handles[i]);
    return number_of(call->env, result);
}

napi_value receive_handles(struct state *state, struct call *call) {
    const struct argument *a = call->arguments;
    int32_t *out = INTS(2), *info = INTS(3);
    if (!reserve_handles(state, a[2].length)) return number_of(call->env, -ENOMEM);
    int64_t result = handle_receive(FD(0), BYTES(1), out, a[2].length, info);
    for (int32_t i = 0; i < info[1]; i++) owned_add(&state->owned, out[i]);
    return number_of(call->env, result);
}
