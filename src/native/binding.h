// What the binding*.c files share. They are the only ones that know of JavaScript: binding.c has the table of functions and the module,
// the others what does not fit into a row of it.
#ifndef SLUICE_BINDING_H
#define SLUICE_BINDING_H

#include "core.h"
#include "sleeper.h"

#include <node_api.h>

// ---- what belongs to one thread of JavaScript -----------------------------------------------------------------------

// What the numbers that pollOpen gives out stand for. See binding-poll.c.
struct poll_slot {
    struct handle *handle; // NULL: free
    uint32_t next_free; // slot + 1; 0: none
    uint32_t generation;
};

struct state {
    napi_env env;
    struct owned owned; // descriptors that are closed when the thread ends
    struct sleepers sleepers;
    struct handle *handles; // Polls whose uv handle is not yet released
    struct poll_slot *polls;
    uint32_t poll_room, polls_used;
    uint32_t first_free; // slot + 1; 0: none
    struct waiter *waiters; // threads that wait at System V queues
    napi_async_cleanup_hook_handle cleanup;
    // Where the event loop is not libuv's: see binding-watch.c.
    bool by_thread;
    struct watcher *watcher;
    napi_threadsafe_function bell;
    uint32_t keeping; // Polls for which the process stays alive
    bool ending;
    int holders; // the environment, and each uv handle: the last to leave frees
};

void state_leave(struct state *state);

// ---- arguments ------------------------------------------------------------------------------------------------------

enum { MOST_ARGUMENTS = 10, PATH_ROOM = 4096 };

struct argument {
    int64_t number;
    uint8_t *data; // NULL when an optional argument was not given
    size_t length; // in elements
};

struct call {
    napi_env env;
    const char *name;
    napi_value values[MOST_ARGUMENTS];
    struct argument arguments[MOST_ARGUMENTS];
    char text[PATH_ROOM];
};

// Checks and converts all arguments by the letters of a row (see binding-arguments.c); false: an error was thrown.
bool take_arguments(struct call *call, const char *letters);
bool take_integer(struct call *call, size_t index, double low, double high, const char *must, int64_t *out);
bool take_array_of(napi_env env, napi_value value, napi_typedarray_type wanted, struct argument *out);
// The arguments `buffers, start, end` at 1, 2 and 3; then elements of that array.
bool take_span(struct call *call, uint32_t *start, uint32_t *count);
bool take_buffers(struct call *call, size_t index, uint32_t start, uint32_t count, struct iovec *out);
// What an object of ours wraps; NULL for any other value, of which a wrong cast would misread memory: an error was thrown.
void *take_tagged(struct call *call, size_t index, const napi_type_tag *tag, const char *must);
// Throws "sluice core: read: argument 3 must be …" as a RangeError or TypeError. Always NULL, to be returned.
napi_value refuse(struct call *call, size_t index, const char *must, bool range);
napi_value number_of(napi_env env, int64_t number);

// How an argument reads, where `a` are the arguments. R takes three places and w two, so what follows them counts on from there.
#define FD(i) ((int)a[i].number)
#define INT(i) ((int)a[i].number)
#define SIZE(i) ((size_t)a[i].number)
#define ON(i) (a[i].number != 0)
#define TEXT(i) ((const char *)a[i].data)
#define BYTES(i) a[i].data, a[i].length
#define INTS(i) ((int32_t *)(void *)a[i].data)
#define WORD(i) ((const int32_t *)(const void *)a[i].data)
#define LONGS(i) ((int64_t *)(void *)a[i].data)
#define GIVEN(i) (a[i].length > 0 ? &(int32_t){(int32_t)a[i].number} : NULL)

// ---- functions that are more than a row -----------------------------------------------------------------------------

typedef napi_value special(struct state *state, struct call *call);
special write_buffers, send_packets, receive_packets, receive_handles; // binding-buffers.c
special map_memory, map_ring, unmap_memory;                             // binding-memory.c
special queue_send, queue_receive, sysv_send, sysv_receive;               // binding-queues.c
special wait_open, wait_message, wait_send, wait_result, wait_close;    // binding-waits.c
special poll_open_handle, poll_set_handle, poll_reference_handle, poll_close_handle; // binding-poll.c

// Ends what would still use descriptors of this thread.
void waits_end_all(struct state *state);

// ---- watching by a thread -------------------------------------------------------------------------------------------

struct watched;
// Has a thread for it, from the first call on: 0, or a negative errno.
int64_t watch_begin(struct state *state);
// One Poll more, or one less, keeps the process alive.
void watch_keep(struct state *state, bool more);
// In binding-poll.c: tells the Poll of that number, if it is open still; and closes all that are.
void polls_tell(struct state *state, const struct watched *found);
void polls_close_all(struct state *state);

#endif
