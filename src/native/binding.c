// The table of functions, and the module. A function that only converts, calls one C function and returns its result is a row of FUNCTIONS.

#include "binding.h"
#include "constants.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/ipc.h>
#include <linux/limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

// What becomes of the result: a number; a new descriptor, owned by this thread; a pair of them in the Int32Array that is the argument of that index.
enum outcome { NUMBER, DESCRIPTOR, PAIR };

// What sleepBegin is told.
#define SLEEP                                                                                                          \
    (struct sleep) {                                                                                                   \
        .word = WORD(0), .expected = INT(2), .milliseconds = (unsigned)a[3].number, .fd = INT(4), .byte = a[5].number, \
        .bell = FD(6)                                                                                                  \
    }

#define FUNCTIONS(F)                                                                                                   \
    F(close, "f", NUMBER, (owned_remove(&state->owned, FD(0)), descriptor_close(FD(0))))                               \
    F(disown, "f", NUMBER, owned_remove(&state->owned, FD(0)) ? 0 : -EBADF)                                            \
    F(adopt, "f", NUMBER, owned_reserve(&state->owned, 1) ? (owned_add(&state->owned, FD(0)), 0) : -ENOMEM)            \
    F(read, "fR", NUMBER, descriptor_read(FD(0), BYTES(1)))                                                            \
    F(write, "fR", NUMBER, descriptor_write(FD(0), BYTES(1)))                                                          \
    F(duplicate, "f", DESCRIPTOR, descriptor_duplicate(FD(0)))                                                         \
    F(replace, "ff", NUMBER, descriptor_replace(FD(0), FD(1)))                                                         \
    F(isNonBlocking, "f", NUMBER, descriptor_is_non_blocking(FD(0)))                                                   \
    F(setNonBlocking, "fb", NUMBER, descriptor_set_non_blocking(FD(0), ON(1)))                                         \
    F(isCloseOnExec, "f", NUMBER, descriptor_is_close_on_exec(FD(0)))                                                  \
    F(setCloseOnExec, "fb", NUMBER, descriptor_set_close_on_exec(FD(0), ON(1)))                                        \
    F(accessMode, "f", NUMBER, descriptor_access_mode(FD(0)))                                                          \
    F(drain, "f", NUMBER, descriptor_drain(FD(0)))                                                                     \
    F(queuedBytes, "f", NUMBER, descriptor_queued_bytes(FD(0)))                                                        \
    F(isHungUp, "f", NUMBER, descriptor_is_hung_up(FD(0)))                                                             \
    F(open, "siu", DESCRIPTOR, file_open(TEXT(0), INT(1), (unsigned)a[2].number))                                      \
    F(status, "fL8", NUMBER, file_status(FD(0), LONGS(1)))                                                             \
    F(statusOf, "sL8", NUMBER, file_status_of(TEXT(0), LONGS(1)))                                                      \
    F(lock, "fk", NUMBER, file_lock(FD(0), ON(1)))                                                                     \
    F(unlock, "f", NUMBER, file_unlock(FD(0)))                                                                         \
    F(unlink, "s", NUMBER, file_unlink(TEXT(0)))                                                                       \
    F(setMode, "fu", NUMBER, file_set_mode(FD(0), (unsigned)a[1].number))                                              \
    F(pipe, "I2n", PAIR, pipe_open(INTS(0), SIZE(1)))                                                                  \
    F(pipeCapacity, "f", NUMBER, pipe_capacity(FD(0)))                                                                 \
    F(setPipeCapacity, "fn", NUMBER, pipe_set_capacity(FD(0), SIZE(1)))                                                \
    F(makeFifo, "su", NUMBER, pipe_make_fifo(TEXT(0), (unsigned)a[1].number))                                          \
    F(createWatcher, "", DESCRIPTOR, pipe_watcher())                                                                   \
    F(watchOpens, "fs", NUMBER, pipe_watch_opens(FD(0), TEXT(1)))                                                      \
    F(unwatch, "fi", NUMBER, pipe_unwatch(FD(0), INT(1)))                                                              \
    F(socket, "i", DESCRIPTOR, socket_open(INT(0)))                                                                    \
    F(bindSocket, "fa", NUMBER, socket_bind(FD(0), BYTES(1)))                                                          \
    F(connectSocket, "fa", NUMBER, socket_connect(FD(0), BYTES(1)))                                                    \
    F(disconnectSocket, "f", NUMBER, socket_disconnect(FD(0)))                                                         \
    F(listenSocket, "fi", NUMBER, socket_listen(FD(0), INT(1)))                                                        \
    F(acceptSocket, "f", DESCRIPTOR, socket_accept(FD(0)))                                                             \
    F(socketPair, "iI2", PAIR, socket_pair(INT(0), INTS(1)))                                                           \
    F(shutdownSocket, "fi", NUMBER, socket_shutdown(FD(0), INT(1)))                                                    \
    F(peerCredentials, "fI3", NUMBER, socket_peer_credentials(FD(0), INTS(1)))                                         \
    F(peerGroups, "fI", NUMBER, socket_peer_groups(FD(0), INTS(1), a[1].length))                                       \
    F(peerPidfd, "f", DESCRIPTOR, socket_peer_pidfd(FD(0)))                                                            \
    F(getOption, "fi", NUMBER, socket_get_option(FD(0), INT(1)))                                                       \
    F(setOption, "fii", NUMBER, socket_set_option(FD(0), INT(1), INT(2)))                                              \
    F(socketName, "fB", NUMBER, socket_name(FD(0), BYTES(1)))                                                          \
    F(peerName, "fB", NUMBER, socket_peer_name(FD(0), BYTES(1)))                                                       \
    F(internetSocket, "ii", DESCRIPTOR, internet_open(INT(0), INT(1)))                                                 \
    F(bindInternet, "fe", NUMBER, internet_bind(FD(0), a[1].data))                                                     \
    F(connectInternet, "fe", NUMBER, internet_connect(FD(0), a[1].data))                                               \
    F(internetName, "fE", NUMBER, internet_name(FD(0), a[1].data))                                                     \
    F(internetPeerName, "fE", NUMBER, internet_peer_name(FD(0), a[1].data))                                            \
    F(sendInternet, "fRe", NUMBER, internet_send(FD(0), BYTES(1), a[4].data))                                          \
    F(getOptionAt, "fii", NUMBER, internet_get_option(FD(0), INT(1), INT(2)))                                          \
    F(setOptionAt, "fiii", NUMBER, internet_set_option(FD(0), INT(1), INT(2), INT(3)))                                 \
    F(setMembership, "feub", NUMBER, internet_set_membership(FD(0), a[1].data, (unsigned)a[2].number, ON(3)))          \
    F(setMulticastInterface, "fiu", NUMBER, internet_set_multicast_interface(FD(0), INT(1), (unsigned)a[2].number))    \
    F(unsentBytes, "f", NUMBER, internet_unsent_bytes(FD(0)))                                                          \
    F(droppedPackets, "f", NUMBER, internet_dropped(FD(0)))                                                            \
    F(sendPacket, "fRA", NUMBER, packet_send(FD(0), BYTES(1), BYTES(4)))                                               \
    F(sendHandles, "fBI", NUMBER, handle_send(FD(0), BYTES(1), INTS(2), a[2].length))                                  \
    F(ringBell, "f", NUMBER, bell_ring(FD(0)))                                                                         \
    F(clearBell, "f", NUMBER, bell_clear(FD(0)))                                                                       \
    F(eventfd, "", DESCRIPTOR, bell_event_open())                                                                      \
    F(signalEvent, "f", NUMBER, bell_event_signal(FD(0)))                                                              \
    F(clearEvent, "f", NUMBER, bell_event_clear(FD(0)))                                                                \
    F(pageSize, "", NUMBER, memory_page_size())                                                                        \
    F(createMemory, "ns", DESCRIPTOR, memory_create(SIZE(0), TEXT(1)))                                                 \
    F(createUnsealed, "ns", DESCRIPTOR, memory_create_unsealed(SIZE(0), TEXT(1)))                                      \
    F(seal, "fi", NUMBER, memory_seal(FD(0), INT(1)))                                                                  \
    F(getSeals, "f", NUMBER, memory_seals(FD(0)))                                                                      \
    F(openShared, "siu", DESCRIPTOR, memory_open_shared(TEXT(0), INT(1), (unsigned)a[2].number))                       \
    F(unlinkShared, "s", NUMBER, memory_unlink_shared(TEXT(0)))                                                        \
    F(truncate, "fn", NUMBER, memory_truncate(FD(0), SIZE(1)))                                                         \
    F(allocate, "fn", NUMBER, memory_allocate(FD(0), SIZE(1)))                                                         \
    F(mqOpen, "siunn", DESCRIPTOR, queue_open(TEXT(0), INT(1), (unsigned)a[2].number, SIZE(3), SIZE(4)))                \
    F(mqUnlink, "s", NUMBER, queue_unlink(TEXT(0)))                                                                    \
    F(mqAttributes, "fL3", NUMBER, queue_attributes(FD(0), LONGS(1)))                                                  \
    F(mqBytes, "f", NUMBER, queue_bytes(FD(0)))                                                                        \
    F(msgGet, "ii", NUMBER, sysv_get(INT(0), INT(1)))                                                                  \
    F(msgStatus, "iL8", NUMBER, sysv_status(INT(0), LONGS(1)))                                                         \
    F(msgSetCapacity, "in", NUMBER, sysv_set_capacity(INT(0), SIZE(1)))                                                \
    F(msgRemove, "i", NUMBER, sysv_remove(INT(0)))                                                                     \
    F(futexWait, "wiu", NUMBER, futex_wait(WORD(0), INT(2), (unsigned)a[3].number))                                    \
    F(futexWake, "wi", NUMBER, futex_wake(WORD(0), INT(2)))                                                            \
    F(claimByte, "fn", NUMBER, futex_claim(FD(0), a[1].number))                                                        \
    F(isByteClaimed, "fn", NUMBER, futex_is_claimed(FD(0), a[1].number))                                               \
    F(sleepBegin, "wiuinf", NUMBER, sleepers_begin(&state->sleepers, &SLEEP))                                          \
    F(sleepCancel, "u", NUMBER, sleepers_cancel(&state->sleepers, SIZE(0)))                                            \
    F(sleepsEnded, "I", NUMBER, sleepers_ended(&state->sleepers, INTS(0), a[0].length))                                \
    F(signalOpen, "if", NUMBER, signal_subscribe(INT(0), FD(1)))                                                       \
    F(signalClose, "if", NUMBER, signal_unsubscribe(INT(0), FD(1)))                                                    \
    F(signalConfine, "ii", NUMBER, signal_confine(INT(0), INT(1)))                                                     \
    F(signalDropped, "f", NUMBER, signal_dropped(FD(0)))                                                               \
    F(signalSend, "iiV", NUMBER, process_signal(INT(0), INT(1), GIVEN(2)))                                             \
    F(pidfdSend, "fiV", NUMBER, process_signal_pidfd(FD(0), INT(1), GIVEN(2)))                                         \
    F(pidfdOpen, "i", DESCRIPTOR, process_open(INT(0)))                                                                \
    F(pollByThread, "", NUMBER, (state->by_thread = true, 0))                                                          \
    F(yieldProcessor, "", NUMBER, process_yield())                                                                     \
    F(endedChild, "", NUMBER, process_ended_child())                                                                   \
    F(reapChild, "i", NUMBER, process_reap(INT(0)))                                                                    \
    F(processControl, "iu", NUMBER, process_control(INT(0), (unsigned)a[1].number))                                    \
    F(spreadNoNewPrivileges, "", NUMBER, process_spread_no_new_privileges())                                           \
    F(clearCapabilities, "", NUMBER, process_clear_capabilities())                                                     \
    F(signalDisposition, "i", NUMBER, signal_disposition(INT(0)))                                                      \
    F(setSignalDisposition, "ii", NUMBER, signal_set_disposition(INT(0), INT(1)))

#define DEFINE(name, letters, outcome, expression)                                                                     \
    static int64_t call_##name(struct state *state, const struct argument *a) {                                        \
        (void)state;                                                                                                   \
        (void)a;                                                                                                       \
        return expression;                                                                                             \
    }
FUNCTIONS(DEFINE)
#undef DEFINE

struct function {
    const char *name;
    const char *letters;
    enum outcome outcome;
    int64_t (*simple)(struct state *state, const struct argument *arguments);
    special *special;
};

// A function as one environment has it: what the trampoline is given as `data`.
struct bound {
    struct state *state;
    const struct function *function;
};

void state_leave(struct state *state) {
    if (--state->holders > 0) return;
    free(state->polls);
    free(state);
}

static napi_value trampoline(napi_env env, napi_callback_info info) {
    struct call call;
    void *data = NULL;
    size_t count = MOST_ARGUMENTS;
    if (napi_get_cb_info(env, info, &count, call.values, NULL, &data) != napi_ok) return NULL;
    const struct bound *bound = data;
    const struct function *function = bound->function;
    call.env = env;
    call.name = function->name;
    memset(call.arguments, 0, sizeof call.arguments);
    if (!take_arguments(&call, function->letters)) return NULL;
    if (function->special != NULL) return function->special(bound->state, &call);

    struct owned *owned = &bound->state->owned;
    if (function->outcome != NUMBER && !owned_reserve(owned, 2)) return number_of(env, -ENOMEM);
    int64_t result = function->simple(bound->state, call.arguments);
    if (function->outcome == DESCRIPTOR && result >= 0) owned_add(owned, (int)result);
    if (function->outcome == PAIR && result >= 0) {
        // The array is the first argument or the second: the one that was given.
        const struct argument *a = call.arguments;
        int32_t *pair = a[0].data != NULL ? INTS(0) : INTS(1);
        owned_add(owned, pair[0]);
        owned_add(owned, pair[1]);
    }
    return number_of(env, result);
}

// ---- the module -----------------------------------------------------------------------------------------------------

#define ROW(name, letters, outcome, expression) {#name, letters, outcome, call_##name, NULL},
static const struct function functions[] = {
    FUNCTIONS(ROW)
    {"writev", "f---", NUMBER, NULL, write_buffers},
    {"sendPackets", "f---A", NUMBER, NULL, send_packets},
    {"receivePackets", "fBnnBnIObJ", NUMBER, NULL, receive_packets},
    {"receiveHandles", "fBII3", NUMBER, NULL, receive_handles},
    {"mqSend", "f---u", NUMBER, NULL, queue_send},
    {"mqReceive", "fBnnI", NUMBER, NULL, queue_receive},
    {"msgSend", "i---n", NUMBER, NULL, sysv_send},
    {"msgReceive", "iBnnI-", NUMBER, NULL, sysv_receive},
    {"msgWaitOpen", "f", NUMBER, NULL, wait_open},
    {"msgWaitMessage", "-i-", NUMBER, NULL, wait_message},
    {"msgWaitSend", "-inB", NUMBER, NULL, wait_send},
    {"msgWaitResult", "-I3", NUMBER, NULL, wait_result},
    {"msgWaitClose", "-", NUMBER, NULL, wait_close},
    {"mapMemory", "fnnb", NUMBER, NULL, map_memory},
    {"mapRing", "fnnb", NUMBER, NULL, map_ring},
    {"unmapMemory", "-", NUMBER, NULL, unmap_memory},
    {"pollOpen", "f-", NUMBER, NULL, poll_open_handle},
    {"pollSet", "ni", NUMBER, NULL, poll_set_handle},
    {"pollReference", "nb", NUMBER, NULL, poll_reference_handle},
    {"pollClose", "n", NUMBER, NULL, poll_close_handle},
};
enum { FUNCTION_COUNT = sizeof functions / sizeof functions[0] };

// Before the finalizers of the environment, while the descriptors are still known.
static void on_environment_ending(void *data) {
    struct state *state = data;
    waits_end_all(state);
    // First those threads, which ring bells that are about to be closed.
    sleepers_release(&state->sleepers);
    owned_close_all(&state->owned);
}

static void on_state_released(napi_env env, void *data, void *hint) {
    (void)env;
    free(hint);
    state_leave(data);
}

static bool define_functions(napi_env env, napi_value exports, struct bound *bound, struct state *state) {
    for (size_t i = 0; i < FUNCTION_COUNT; i++) {
        bound[i] = (struct bound){.state = state, .function = &functions[i]};
        napi_value function;
        if (napi_create_function(env, functions[i].name, NAPI_AUTO_LENGTH, trampoline, &bound[i], &function) != napi_ok ||
            napi_set_named_property(env, exports, functions[i].name, function) != napi_ok) {
            return false;
        }
    }
    return true;
}

static bool define_constants(napi_env env, napi_value exports) {
#define CONSTANT(name) {#name, name},
    const struct {
        const char *name;
        int64_t value;
    } constants[] = {SLUICE_CONSTANTS(CONSTANT)};
    napi_value object;
    if (napi_create_object(env, &object) != napi_ok) return false;
    for (size_t i = 0; i < sizeof constants / sizeof constants[0]; i++) {
        if (napi_set_named_property(env, object, constants[i].name, number_of(env, constants[i].value)) != napi_ok) return false;
    }
    return napi_object_freeze(env, object) == napi_ok && napi_set_named_property(env, exports, "constants", object) == napi_ok;
}

NAPI_MODULE_INIT() {
    struct state *state = calloc(1, sizeof *state);
    struct bound *bound = calloc(FUNCTION_COUNT, sizeof *bound);
    if (state == NULL || bound == NULL) {
        free(state);
        free(bound);
        napi_throw_error(env, NULL, "sluice core: out of memory");
        return NULL;
    }
    state->env = env;
    state->holders = 1;
    if (napi_set_instance_data(env, state, on_state_released, bound) != napi_ok) {
        free(state);
        free(bound);
        napi_throw_error(env, NULL, "sluice core: the environment takes no instance data");
        return NULL;
    }
    if (!define_functions(env, exports, bound, state) || !define_constants(env, exports) ||
        napi_add_env_cleanup_hook(env, on_environment_ending, state) != napi_ok) {
        napi_throw_error(env, NULL, "sluice core: the environment refuses its functions");
        return NULL;
    }
    return exports;
}
