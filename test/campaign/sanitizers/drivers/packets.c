// Each thread sends packets through a socket of its own, with and without descriptors, larger and smaller than the room for them, and receives them by many at a time. Every
// byte must be right, and no descriptor may stay open.
#include "../../../../src/native/core.h"
#include "driver.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { LARGEST = 3000, MANY = 8, HANDLES = 4, TRUNCATED = 1, CREDENTIALS = 2, OVERFLOWED = 8, HAD_HANDLES = 32 };

// What a packet of this length holds.
static uint8_t byte_at(size_t length, size_t index) {
    return (uint8_t)(length * 7 + index);
}

static void send_one(struct thread *self, int fd, bool with_handles, struct owned *owned) {
    size_t length = 1 + pick(self, LARGEST);
    // Of exact size, so that a byte too many is noticed.
    uint8_t *bytes = malloc(length);
    for (size_t i = 0; i < length; i++) bytes[i] = byte_at(length, i);
    int64_t sent;
    if (with_handles && pick(self, 2) == 0) {
        int32_t handles[HANDLES];
        size_t count = 1 + pick(self, HANDLES);
        for (size_t i = 0; i < count; i++) {
            handles[i] = (int32_t)bell_event_open();
            EXPECT(handles[i] >= 0 && owned_reserve(owned, 1), "an eventfd");
            owned_add(owned, handles[i]);
        }
        sent = handle_send(fd, bytes, length, handles, count);
        for (size_t i = 0; i < count; i++) {
            EXPECT(owned_remove(owned, handles[i]) && !owned_remove(owned, handles[i]), "it is owned once");
            descriptor_close(handles[i]);
        }
    } else {
        sent = packet_send(fd, bytes, length, NULL, 0);
    }
    EXPECT(sent == (int64_t)length || sent == -EAGAIN || sent == -ETOOMANYREFS, "send: %lld", (long long)sent);
    free(bytes);
}

static void check(const struct packet_sink *sink, const int32_t *record) {
    size_t offset = (size_t)record[0], stored = (size_t)record[1], full = (size_t)record[7];
    EXPECT(stored <= full && full <= LARGEST, "%zu of %zu bytes", stored, full);
    EXPECT((record[2] & ~(TRUNCATED | CREDENTIALS | OVERFLOWED | HAD_HANDLES)) == 0, "flags %d", record[2]);
    EXPECT(((record[2] & TRUNCATED) != 0) == (stored < full), "cut in silence: %zu of %zu", stored, full);
    const uint8_t *bytes = (record[2] & OVERFLOWED) != 0 ? sink->scratch : sink->slab;
    for (size_t i = 0; i < stored; i++) {
        EXPECT(bytes[offset + i] == byte_at(full, i), "byte %zu of %zu is %u", i, full, bytes[offset + i]);
    }
}

static void receive(struct thread *self, int fd, bool with_handles) {
    // Everything of exact size again.
    size_t room = 8 + pick(self, 2 * LARGEST), spare = pick(self, 3 * LARGEST), handles_room = pick(self, HANDLES + 1);
    struct packet_sink sink = {
        .slab = malloc(room),
        .slab_length = room,
        .slot = pick(self, 2) == 0 ? 0 : pick(self, LARGEST),
        .scratch = malloc(spare + 1),
        .scratch_length = spare,
        .info = malloc(MANY * PACKET_STRIDE * sizeof(int32_t)),
        .limit = 1 + pick(self, MANY),
        .connected = true,
        .handles = with_handles ? malloc((handles_room + 1) * sizeof(int32_t)) : NULL,
        .handles_room = handles_room,
    };
    int64_t count = packet_receive_many(fd, &sink);
    EXPECT(count == -EAGAIN || (count > 0 && count <= (int64_t)sink.limit), "receive: %lld", (long long)count);
    for (int64_t i = 0; i < count; i++) {
        const int32_t *record = sink.info + i * PACKET_STRIDE;
        check(&sink, record);
        for (int32_t handle = 0; sink.handles != NULL && handle < record[6]; handle++) {
            EXPECT(descriptor_is_close_on_exec(sink.handles[handle]) == 1, "a descriptor that children would inherit");
            descriptor_close(sink.handles[handle]);
        }
    }
    free(sink.slab);
    free(sink.scratch);
    free(sink.info);
    free(sink.handles);
}

// A ring of two maps beside each other, with the same bytes; and a bell.
static void map_ring(struct thread *self, int32_t *fds) {
    size_t page = (size_t)memory_page_size(), capacity = page * (1 + pick(self, 4));
    int fd = (int)memory_create(capacity, "driver");
    void *ring;
    EXPECT(fd >= 0 && memory_map_ring(fd, 0, capacity, true, &ring) == 0, "a ring");
    EXPECT(memory_map_ring(fd, page, capacity, true, &ring) == -EINVAL, "beyond the end of the file");
    uint8_t *bytes = ring;
    memset(bytes + capacity - 8, 0x5a, 16);
    EXPECT(bytes[0] == 0x5a && bytes[2 * capacity - 1] == 0x5a, "both halves are the same");
    EXPECT(memory_unmap(ring, 2 * capacity) == 0, "unmap");
    EXPECT(memory_truncate(fd, page / 2) == -EPERM, "a sealed file was cut");
    descriptor_close(fd);
    for (unsigned strokes = pick(self, 4); strokes > 0; strokes--) EXPECT(bell_ring(fds[0]) == 0, "ring");
    EXPECT(bell_clear(fds[1]) >= -EAGAIN, "clear");
}

static void *work(void *data) {
    struct thread *self = data;
    const int types[] = {SOCK_SEQPACKET, SOCK_DGRAM};
    while (going_on(self)) {
        int32_t fds[2], bell[2];
        bool with_handles = pick(self, 2) == 0;
        struct owned owned = {0};
        EXPECT(socket_pair(types[pick(self, 2)], fds) == 0 && socket_pair(SOCK_STREAM, bell) == 0, "a pair");
        if (pick(self, 2) == 0) EXPECT(socket_set_option(fds[1], SO_PASSCRED, 1) == 0, "credentials");
        for (unsigned steps = 10 + pick(self, 30); steps > 0; steps--) {
            if (pick(self, 2) == 0) send_one(self, fds[0], true, &owned);
            else receive(self, fds[1], with_handles);
        }
        map_ring(self, bell);
        // What nobody has closed the set does; one that is not in it it leaves alone.
        int forgotten = (int)bell_event_open();
        EXPECT(owned_reserve(&owned, 2), "room");
        owned_add(&owned, forgotten);
        owned_add(&owned, fds[0]);
        EXPECT(owned_remove(&owned, fds[0]), "owned");
        // Numbers of a process that has thousands open, as many as make the set grow.
        int high = 1024 + (int)pick(self, 20000), many = (int)pick(self, 100);
        EXPECT(!owned_remove(&owned, high) && owned_reserve(&owned, (size_t)many), "number %d", high);
        for (int i = 0; i < many; i++) owned_add(&owned, high + i);
        for (int i = 0; i < many; i++) EXPECT(owned_remove(&owned, high + i), "number %d", high + i);
        owned_close_all(&owned);
        EXPECT(descriptor_close(fds[0]) == 0 && descriptor_close(fds[1]) == 0, "close");
        descriptor_close(bell[0]);
        descriptor_close(bell[1]);
        self->rounds++;
    }
    return NULL;
}

uint64_t drive_packets(uint64_t seed) {
    int before = dup(0), after;
    descriptor_close(before);
    uint64_t rounds = in_threads(work, seed);
    // The kernel gives the lowest number that is free: were one left open, it would be another.
    after = dup(0);
    EXPECT(after == before, "descriptors were left open: the lowest free one is %d, not %d", after, before);
    descriptor_close(after);
    return rounds;
}
