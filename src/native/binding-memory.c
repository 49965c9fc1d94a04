// Memory maps as ArrayBuffers, released exactly once: by unmapMemory, by the garbage collector, or at the end of the thread.

#include "binding.h"

#include <stdlib.h>

static const napi_type_tag mapping_tag = {0x5c1d9e0a7b3f4d26, 0x8e41b7c05a92d3f1};

// Two hold it: the ArrayBuffer object, to be recognised by, and its backing store, which another ArrayBuffer may have taken over (transfer).
struct mapping {
    void *address;
    size_t length;
    int holders;
    bool mapped;
};

static void mapping_leave(struct mapping *mapping) {
    if (--mapping->holders == 0) free(mapping);
}

static void on_object_collected(napi_env env, void *data, void *hint) {
    (void)env, (void)hint;
    mapping_leave(data);
}

static void on_store_released(napi_env env, void *data, void *hint) {
    (void)env, (void)data;
    struct mapping *mapping = hint;
    if (mapping->mapped) memory_unmap(mapping->address, mapping->length);
    mapping->mapped = false;
    mapping_leave(mapping);
}

static napi_value array_buffer_over(struct call *call, void *address, size_t length) {
    struct mapping *mapping = malloc(sizeof *mapping);
    if (mapping == NULL) {
        memory_unmap(address, length);
        return number_of(call->env, -ENOMEM);
    }
    *mapping = (struct mapping){.address = address, .length = length, .holders = 2, .mapped = true};
    napi_value buffer = NULL;
    napi_status status = napi_create_external_arraybuffer(call->env, address, length, on_store_released, mapping, &buffer);
    if (status != napi_ok) {
        // Node may call the finalizer later all the same, so its share of the small record stays.
        memory_unmap(address, length);
        mapping->mapped = false;
        mapping_leave(mapping);
        bool pending = false;
        napi_is_exception_pending(call->env, &pending);
        return pending ? NULL : number_of(call->env, -EOPNOTSUPP);
    }
    if (napi_wrap(call->env, buffer, mapping, on_object_collected, NULL, NULL) != napi_ok) {
        mapping_leave(mapping); // without a wrapper, the store's release alone ends the mapping
        return number_of(call->env, -ENOMEM);
    }
    napi_type_tag_object(call->env, buffer, &mapping_tag);
    return buffer;
}

// More than V8 takes in one ArrayBuffer on every Node that is supported.
#define MOST_MAPPED ((size_t)1 << 32)

napi_value map_memory(struct state *state, struct call *call) {
    (void)state;
    const struct argument *a = call->arguments;
    void *address;
    if (SIZE(2) > MOST_MAPPED) return number_of(call->env, -EFBIG);
    int64_t result = memory_map(FD(0), SIZE(1), SIZE(2), ON(3), &address);
    return result < 0 ? number_of(call->env, result) : array_buffer_over(call, address, SIZE(2));
}

napi_value map_ring(struct state *state, struct call *call) {
    (void)state;
    const struct argument *a = call->arguments;
    void *address;
    if (SIZE(2) > MOST_MAPPED / 2) return number_of(call->env, -EFBIG);
    int64_t result = memory_map_ring(FD(0), SIZE(1), SIZE(2), ON(3), &address);
    return result < 0 ? number_of(call->env, result) : array_buffer_over(call, address, 2 * SIZE(2));
}

napi_value unmap_memory(struct state *state, struct call *call) {
    (void)state;
    napi_env env = call->env;
    napi_value buffer = call->values[0];
    bool detached = false;
    struct mapping *mapping = take_tagged(call, 0, &mapping_tag, "an ArrayBuffer that mapMemory or mapRing has returned");
    if (mapping == NULL) return NULL;
    napi_is_detached_arraybuffer(env, buffer, &detached);
    if (detached || !mapping->mapped) {
        return refuse(call, 0, "a mapping that is not yet unmapped, transferred or detached", false);
    }
    // First no view can reach the memory any more, then it goes.
    mapping->holders++;
    napi_status status = napi_detach_arraybuffer(env, buffer);
    int64_t result = status == napi_ok ? 0 : -EBUSY;
    if (status == napi_ok && mapping->mapped) {
        mapping->mapped = false;
        result = memory_unmap(mapping->address, mapping->length);
    }
    mapping_leave(mapping);
    return number_of(env, result);
}
