// What the C files of the native core offer each other and binding.c. Every function does one system call or one loop of one,
// knows nothing of JavaScript, and returns 0 or more for success, a negative errno for failure.
#ifndef SLUICE_CORE_H
#define SLUICE_CORE_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

// The value of a C library call as a result: its own, or the negative errno.
#define RESULT(call)                                                                                                   \
    ({                                                                                                                 \
        int64_t result_ = (call);                                                                                      \
        result_ < 0 ? -(int64_t)errno : result_;                                                                       \
    })

// The same, for calls that a signal may interrupt before anything was done.
#define RESULT_RETRIED(call)                                                                                           \
    ({                                                                                                                 \
        int64_t result_;                                                                                               \
        do {                                                                                                           \
            result_ = (call);                                                                                          \
        } while (result_ < 0 && errno == EINTR);                                                                       \
        result_ < 0 ? -(int64_t)errno : result_;                                                                       \
    })

// descriptor.c
int64_t descriptor_close(int fd);
int64_t descriptor_read(int fd, void *bytes, size_t length);
int64_t descriptor_write(int fd, const void *bytes, size_t length);
int64_t descriptor_write_vector(int fd, const struct iovec *parts, int count);
int64_t descriptor_duplicate(int fd);
int64_t descriptor_replace(int fd, int replaced);
int64_t descriptor_is_non_blocking(int fd);
int64_t descriptor_set_non_blocking(int fd, bool on);
int64_t descriptor_is_close_on_exec(int fd);
int64_t descriptor_set_close_on_exec(int fd, bool on);
int64_t descriptor_access_mode(int fd);
int64_t descriptor_drain(int fd);
int64_t descriptor_queued_bytes(int fd);
int64_t descriptor_is_hung_up(int fd);

// owned.c: the descriptors that one thread of JavaScript has open.
struct owned {
    uint32_t *entries; // a descriptor plus 1; 0: free
    uint32_t count;
    uint8_t bits; // the table has room for 2 to this power
};
// Room for so many more; false: no memory.
bool owned_reserve(struct owned *set, size_t more);
// There must be room for it.
void owned_add(struct owned *set, int fd);
bool owned_has(const struct owned *set, int fd);
bool owned_remove(struct owned *set, int fd);
void owned_close_all(struct owned *set);

// file.c
int64_t file_open(const char *path, int flags, unsigned mode);
int64_t file_status(int fd, int64_t *out);
int64_t file_status_of(const char *path, int64_t *out);
int64_t file_lock(int fd, bool exclusive);
int64_t file_unlock(int fd);
int64_t file_unlink(const char *path);
int64_t file_set_mode(int fd, unsigned mode);

// pipe.c
int64_t pipe_open(int out[2], size_t capacity);
int64_t pipe_capacity(int fd);
int64_t pipe_set_capacity(int fd, size_t capacity);
int64_t pipe_make_fifo(const char *path, unsigned mode);
int64_t pipe_watcher(void);
int64_t pipe_watch_opens(int watcher, const char *path);
int64_t pipe_unwatch(int watcher, int watch);

// socket.c
int64_t socket_open(int type);
int64_t socket_bind(int fd, const uint8_t *name, size_t length);
int64_t socket_connect(int fd, const uint8_t *name, size_t length);
int64_t socket_disconnect(int fd);
int64_t socket_listen(int fd, int backlog);
int64_t socket_accept(int fd);
int64_t socket_pair(int type, int out[2]);
int64_t socket_shutdown(int fd, int how);
int64_t socket_peer_credentials(int fd, int32_t out[3]);
int64_t socket_peer_groups(int fd, int32_t *out, size_t room);
int64_t socket_peer_pidfd(int fd);
int64_t socket_get_option(int fd, int option);
int64_t socket_set_option(int fd, int option, int value);
int64_t socket_name(int fd, uint8_t *out, size_t room);
int64_t socket_peer_name(int fd, uint8_t *out, size_t room);

// internet.c: TCP and UDP. An endpoint is family (4 or 6), a zero byte, the port (big-endian), 16 bytes of address (of which IPv4 uses 4), and
// the scope id (in the byte order of the host).
enum { ENDPOINT_BYTES = 24 };
int64_t internet_open(int family, int type);
int64_t internet_bind(int fd, const uint8_t *endpoint);
int64_t internet_connect(int fd, const uint8_t *endpoint);
int64_t internet_name(int fd, uint8_t out[ENDPOINT_BYTES]);
int64_t internet_peer_name(int fd, uint8_t out[ENDPOINT_BYTES]);
int64_t internet_send(int fd, const void *bytes, size_t length, const uint8_t *to);
int64_t internet_get_option(int fd, int level, int option);
int64_t internet_set_option(int fd, int level, int option, int value);
int64_t internet_set_membership(int fd, const uint8_t *group, unsigned interface, bool member);
int64_t internet_set_multicast_interface(int fd, int family, unsigned interface);
int64_t internet_unsent_bytes(int fd);
int64_t internet_dropped(int fd);
// 0 when the address is of another family.
size_t internet_endpoint_of(uint8_t out[ENDPOINT_BYTES], const void *address, unsigned length);

// name.c: raw bytes of an AF_UNIX name to and from a sockaddr_un.
struct sockaddr_un;
unsigned name_to_address(struct sockaddr_un *address, const uint8_t *name, size_t length);
size_t name_of_address(const struct sockaddr_un *address, unsigned length);

// packet.c
enum { PACKET_STRIDE = 8, NAME_STRIDE = 112 };
struct packet_sink {
    uint8_t *slab;
    size_t slab_length;
    size_t offset;
    size_t slot; // of the slab for each message of one system call; 0: one message a call, which has all that is left
    uint8_t *scratch;
    size_t scratch_length;
    int32_t *info;
    uint8_t *names;
    size_t limit;
    bool connected;
    int32_t *handles; // NULL: descriptors that come along are closed
    size_t handles_room;
};
int64_t packet_send(int fd, const void *bytes, size_t length, const uint8_t *to, size_t to_length);
int64_t packet_send_many(int fd, const struct iovec *packets, unsigned count, const uint8_t *to, size_t to_length);
int64_t packet_receive_many(int fd, struct packet_sink *sink);

// handle.c: descriptors in messages.
enum { HANDLES_A_MESSAGE = 253 }; // SCM_MAX_FD, unix(7)
int64_t handle_send(int fd, const void *bytes, size_t length, const int32_t *fds, size_t count);
int64_t handle_receive(int fd, void *bytes, size_t length, int32_t *out, size_t room, int32_t info[3]);
struct msghdr;
// How many there were, now in `out`; -1: more than there was room for, here or in the control buffer, and all are closed.
int64_t handle_take_all(struct msghdr *message, int32_t *out, size_t room);
size_t handle_close_all(struct msghdr *message);

// bell.c: waking the other side.
int64_t bell_ring(int fd);
int64_t bell_clear(int fd);
int64_t bell_event_open(void);
int64_t bell_event_signal(int fd);
int64_t bell_event_clear(int fd);

// memory.c
int64_t memory_page_size(void);
int64_t memory_create(size_t size, const char *name);
int64_t memory_create_unsealed(size_t size, const char *name);
int64_t memory_seal(int fd, int seals);
int64_t memory_seals(int fd);
int64_t memory_open_shared(const char *name, int flags, unsigned mode);
int64_t memory_unlink_shared(const char *name);
int64_t memory_truncate(int fd, size_t size);
int64_t memory_allocate(int fd, size_t size);
int64_t memory_map(int fd, size_t offset, size_t length, bool writable, void **out);
int64_t memory_map_ring(int fd, size_t offset, size_t capacity, bool writable, void **out);
int64_t memory_unmap(void *address, size_t length);

// futex.c: sleeping until a word of shared memory changes, and knowing who is still there.
int64_t futex_wait(const int32_t *word, int32_t expected, unsigned milliseconds);
int64_t futex_wake(const int32_t *word, int count);
int64_t futex_claim(int fd, int64_t byte);
int64_t futex_is_claimed(int fd, int64_t byte);

// signal.c
int64_t signal_subscribe(int signo, int fd);
int64_t signal_unsubscribe(int signo, int fd);
void signal_forget(int fd);
int64_t signal_confine(int signo, int tid);
int64_t signal_dropped(int fd);
int64_t signal_disposition(int signo);
int64_t signal_set_disposition(int signo, int disposition);

// What ends the blocking call of a thread of ours, and of no other.
int64_t signal_hold_interruptions(void);
void signal_release_interruptions(void);
void signal_admit_interruptions(void);
int64_t signal_interrupt(int tid);
uint64_t signal_block_all(void);
void signal_restore(uint64_t mask);

// queue.c, sysv.c
enum { MESSAGE_STRIDE = 4, SYSV_STATUS_LENGTH = 8 };
struct message_batch {
    uint8_t *memory;
    size_t length;
    size_t room; // for each message
    int32_t *info;
    size_t limit;
};
// Where a message lies, and its priority or type.
static inline void message_record(struct message_batch *batch, size_t index, size_t offset, size_t length, int64_t grade) {
    int32_t *record = batch->info + index * MESSAGE_STRIDE;
    record[0] = (int32_t)offset;
    record[1] = (int32_t)length;
    record[2] = (int32_t)grade;
    record[3] = (int32_t)(grade >> 32);
}
int64_t queue_open(const char *name, int flags, unsigned mode, size_t most_messages, size_t most_bytes);
int64_t queue_unlink(const char *name);
int64_t queue_attributes(int fd, int64_t out[3]);
int64_t queue_bytes(int fd);
int64_t queue_send_many(int fd, const struct iovec *messages, size_t count, unsigned priority);
int64_t queue_receive_many(int fd, struct message_batch *batch);
int64_t sysv_get(int key, int flags);
int64_t sysv_status(int id, int64_t out[SYSV_STATUS_LENGTH]);
int64_t sysv_set_capacity(int id, size_t bytes);
int64_t sysv_remove(int id);
int64_t sysv_send_many(int id, const struct iovec *messages, size_t count, long type);
int64_t sysv_receive_many(int id, struct message_batch *batch, long type);

// sysv-wait.c: a thread that waits, one wait at a time.
enum { SYSV_WAIT_BUSY, SYSV_WAIT_DONE, SYSV_WAIT_EXITED };
enum { SYSV_TOOK_EMPTY = 1 };
struct sysv_wait;
int64_t sysv_wait_open(int event, struct sysv_wait **out);
int64_t sysv_wait_message(struct sysv_wait *wait, int queue, long type);
int64_t sysv_wait_send(struct sysv_wait *wait, int queue, long type, const void *bytes, size_t length);
int64_t sysv_wait_result(struct sysv_wait *wait, int32_t out[3]);
// Tells the thread to end; 1: it has. The interruption may come a moment before the thread blocks: call again until it has ended.
int64_t sysv_wait_close(struct sysv_wait *wait);
// Ends the thread, waits until it has, and releases.
void sysv_wait_free(struct sysv_wait *wait);

// process.c
int64_t process_signal(int pid, int signo, const int32_t *value);
int64_t process_signal_pidfd(int pidfd, int signo, const int32_t *value);
int64_t process_open(int pid);
int64_t process_yield(void);
int64_t process_ended_child(void);
int64_t process_reap(int pid);
int64_t process_control(int option, unsigned value);
// 0: all threads have it; above 0: the id of a thread that has a seccomp filter of its own.
int64_t process_spread_no_new_privileges(void);
int64_t process_clear_capabilities(void);

#endif
