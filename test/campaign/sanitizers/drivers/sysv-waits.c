// Each thread has a queue and one wait after another at it: for a message, or for room. Its neighbour sends, and takes. A wait ends because of that, or is ended at any moment.
// No message may get lost, none may come twice, and no thread may stay.
#include "../../../../src/native/core.h"
#include "driver.h"

#include <poll.h>
#include <string.h>
#include <sys/ipc.h>
#include <unistd.h>

enum { ROOM = 64, WAIT_MILLISECONDS = 20000 };

static void await_end(int event) {
    struct pollfd told = {.fd = event, .events = POLLIN};
    EXPECT(poll(&told, 1, WAIT_MILLISECONDS) == 1, "the end of a wait was not told");
    EXPECT(bell_event_clear(event) > 0, "the event was told and is not there");
}

static int64_t await_result(struct sysv_wait *wait, int event) {
    int32_t out[3];
    for (;;) {
        int64_t result = sysv_wait_result(wait, out);
        if (result == SYSV_WAIT_DONE) return out[0];
        EXPECT(result == SYSV_WAIT_BUSY, "the thread ended unasked: %lld", (long long)result);
        await_end(event);
    }
}

static size_t take_all(int queue) {
    _Alignas(8) uint8_t memory[1024];
    int32_t info[8 * MESSAGE_STRIDE];
    struct message_batch batch = {.memory = memory, .length = sizeof memory, .room = ROOM, .info = info, .limit = 8};
    size_t taken = 0;
    for (;;) {
        int64_t count = sysv_receive_many(queue, &batch, 0);
        if (count == -ENOMSG) return taken;
        EXPECT(count > 0, "msgrcv: %lld", (long long)count);
        for (int64_t i = 0; i < count; i++) {
            const int32_t *record = info + i * MESSAGE_STRIDE;
            EXPECT(record[1] == 8 && memcmp(memory + record[0], "12345678", 8) == 0, "a torn message of %d bytes", record[1]);
        }
        taken += (size_t)count;
    }
}

struct sending {
    int queue;
    size_t count;
};

static void *send_messages(void *data) {
    const struct sending *sending = data;
    struct iovec text = {.iov_base = "12345678", .iov_len = 8};
    for (size_t i = 0; i < sending->count; i++) {
        int64_t sent = sysv_send_many(sending->queue, &text, 1, (long)i + 1);
        EXPECT(sent == 1, "msgsnd: %lld", (long long)sent);
    }
    return NULL;
}

// The thread is told to end until it has, as the event loop does.
static void end(struct sysv_wait *wait, int event, bool politely) {
    int32_t out[3];
    while (politely && sysv_wait_close(wait) == 0) {
        struct pollfd told = {.fd = event, .events = POLLIN};
        poll(&told, 1, 1);
        if (sysv_wait_result(wait, out) == SYSV_WAIT_EXITED) break;
    }
    sysv_wait_free(wait);
}

static void wait_for_messages(struct thread *self, int queue, int event) {
    struct sysv_wait *wait;
    EXPECT(sysv_wait_open(event, &wait) == 0, "a wait");
    struct sending sending = {.queue = queue, .count = 1 + pick(self, 5)};
    bool cut = pick(self, 3) == 0;
    pthread_t sender;
    EXPECT(sysv_wait_message(wait, queue, 0) == 0, "arm");
    EXPECT(pthread_create(&sender, NULL, send_messages, &sending) == 0, "sender");
    size_t taken = 0;
    while (!cut && taken < sending.count) {
        int64_t result = await_result(wait, event);
        EXPECT(result == 0, "the wait gave %lld", (long long)result);
        taken += take_all(queue);
        if (taken < sending.count) EXPECT(sysv_wait_message(wait, queue, 0) == 0, "arm again");
    }
    end(wait, event, pick(self, 2) == 0);
    pthread_join(sender, NULL);
    taken += take_all(queue);
    EXPECT(taken == sending.count, "%zu of %zu messages came", taken, sending.count);
}

static void wait_for_room(struct thread *self, int queue, int event) {
    struct iovec text = {.iov_base = "12345678", .iov_len = 8};
    size_t full = 0;
    while (sysv_send_many(queue, &text, 1, 1) == 1) full++;
    struct sysv_wait *wait;
    EXPECT(sysv_wait_open(event, &wait) == 0, "a wait");
    EXPECT(sysv_wait_send(wait, queue, 7, "12345678", 8) == 0, "arm");
    EXPECT(sysv_wait_send(wait, queue, 7, "12345678", 8) == -EBUSY, "one wait at a time");
    bool cut = pick(self, 2) == 0;
    size_t taken = cut && pick(self, 2) == 0 ? 0 : take_all(queue);
    bool sent = !cut && await_result(wait, event) == 0;
    EXPECT(cut || sent, "there was room, and nothing was sent");
    end(wait, event, pick(self, 2) == 0);
    taken += take_all(queue);
    // One that was cut off was sent whole or not at all.
    EXPECT(taken == full + 1 || (cut && taken == full), "%zu messages of %zu", taken, full);
}

static void *work(void *data) {
    struct thread *self = data;
    int queue = (int)sysv_get(IPC_PRIVATE, 0600);
    EXPECT(queue >= 0, "msgget: %d", queue);
    int64_t capacity = sysv_set_capacity(queue, 512);
    EXPECT(capacity == 0, "msgctl: %lld", (long long)capacity);
    int event = (int)bell_event_open();
    while (going_on(self)) {
        if (pick(self, 2) == 0) wait_for_messages(self, queue, event);
        else wait_for_room(self, queue, event);
        bell_event_clear(event);
        self->rounds++;
    }
    struct sysv_wait *wait;
    EXPECT(sysv_wait_open(event, &wait) == 0 && sysv_wait_message(wait, queue, 0) == 0, "a last wait");
    EXPECT(sysv_remove(queue) == 0, "msgctl");
    int64_t result = await_result(wait, event);
    EXPECT(result == -EIDRM || result == -EINVAL, "the queue is gone: %lld", (long long)result);
    sysv_wait_free(wait);
    descriptor_close(event);
    return NULL;
}

uint64_t drive_sysv_waits(uint64_t seed) {
    return in_threads(work, seed);
}
