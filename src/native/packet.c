#include "control.h"
#include "core.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { TRUNCATED = 1, HAS_CREDENTIALS = 2, END = 4, OVERFLOWED = 8, FAILED = 16, HAD_HANDLES = 32 };
enum { BATCH = 64, SLOTS = 16 };

static size_t align(size_t offset) {
    return (offset + 7) & ~(size_t)7;
}

// Every call says MSG_DONTWAIT itself: O_NONBLOCK belongs to the open file, which a peer that shares it could change.
enum { SEND_FLAGS = MSG_DONTWAIT | MSG_NOSIGNAL };

int64_t packet_send(int fd, const void *bytes, size_t length, const uint8_t *to, size_t to_length) {
    if (to == NULL) return RESULT_RETRIED(send(fd, bytes, length, SEND_FLAGS));
    struct sockaddr_un address;
    unsigned used = name_to_address(&address, to, to_length);
    return RESULT_RETRIED(sendto(fd, bytes, length, SEND_FLAGS, (const struct sockaddr *)&address, used));
}

int64_t packet_send_many(int fd, const struct iovec *packets, unsigned count, const uint8_t *to, size_t to_length) {
    struct sockaddr_un address;
    unsigned used = to == NULL ? 0 : name_to_address(&address, to, to_length);
    struct mmsghdr messages[BATCH];
    unsigned sent = 0;
    while (sent < count) {
        unsigned batch = count - sent < BATCH ? count - sent : BATCH;
        for (unsigned i = 0; i < batch; i++) {
            // One by one: to clear the whole first would take longer.
            struct msghdr *header = &messages[i].msg_hdr;
            header->msg_name = to == NULL ? NULL : &address;
            header->msg_namelen = used;
            header->msg_iov = (struct iovec *)&packets[sent + i];
            header->msg_iovlen = 1;
            header->msg_control = NULL;
            header->msg_controllen = 0;
            header->msg_flags = 0;
        }
        int64_t taken = RESULT_RETRIED(sendmmsg(fd, messages, batch, SEND_FLAGS));
        if (taken < 0) return sent > 0 ? (int64_t)sent : taken;
        sent += (unsigned)taken;
        if (taken < batch) break;
    }
    return sent;
}

union control {
    struct cmsghdr align;
    uint8_t bytes[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(HANDLES_A_MESSAGE * sizeof(int))];
};

// Of somebody connected nothing need be known with each message but that it is one: without any room the kernel says MSG_CTRUNC for what it would have told, and
// closes descriptors. To have it copied takes an eighth of the time of a small message.
static size_t control_room(const struct packet_sink *sink) {
    if (sink->handles != NULL) return sizeof(union control);
    return sink->connected ? 0 : CMSG_SPACE(sizeof(struct ucred));
}

// Reads the sender's credentials and takes the descriptors, or closes them: a peer may attach some to any message, and unread they would stay open.
static int32_t read_control(struct msghdr *message, struct packet_sink *sink, int32_t *record) {
    int32_t flags = 0;
    for (struct cmsghdr *part = control_first(message); part != NULL; part = control_after(message, part)) {
        struct ucred sender;
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_CREDENTIALS) continue;
        if (part->cmsg_len < CMSG_LEN(sizeof sender)) continue;
        memcpy(&sender, CMSG_DATA(part), sizeof sender);
        record[3] = (int32_t)sender.pid;
        record[4] = (int32_t)sender.uid;
        record[5] = (int32_t)sender.gid;
        flags |= HAS_CREDENTIALS;
    }
    if (sink->handles != NULL) {
        int64_t taken = handle_take_all(message, sink->handles, sink->handles_room);
        if (taken < 0) return flags | HAD_HANDLES;
        record[6] = (int32_t)taken;
        return flags;
    }
    // Those for which there was no room (MSG_CTRUNC) the kernel has closed.
    if (handle_close_all(message) > 0 || (message->msg_flags & MSG_CTRUNC) != 0) flags |= HAD_HANDLES;
    return flags;
}

// The name of a Unix socket, or an endpoint: an address of the network is smaller than the room for a name.
static size_t copy_sender(uint8_t *out, const struct sockaddr_un *address, unsigned length) {
    if (length >= sizeof address->sun_family && address->sun_family != AF_UNIX) return internet_endpoint_of(out, address, length);
    size_t used = name_of_address(address, length);
    memcpy(out, address->sun_path, used);
    return used;
}

// What one call of recvmmsg(2) needs. Each message has a slot in the slab, and its share of scratch for what runs over it.
struct batch {
    unsigned slots;
    size_t offset, slot, share;
    size_t beside;
    struct mmsghdr headers[SLOTS];
    struct iovec parts[SLOTS][2];
    struct sockaddr_un senders[SLOTS];
    union {
        struct cmsghdr align;
        uint8_t bytes[CMSG_SPACE(sizeof(struct ucred))];
    } credentials[SLOTS];
    union control control;
};

static unsigned count_slots(const struct packet_sink *sink, size_t room, size_t most) {
    // Descriptors of a second message would have no place.
    if (sink->slot == 0 || sink->handles != NULL) return 1;
    size_t slots = room / align(sink->slot);
    if (slots > most) slots = most;
    if (slots > SLOTS) slots = SLOTS;
    return slots > 0 ? (unsigned)slots : 1;
}

// Field by field: to clear the whole first would take longer.
static void lay_out(struct batch *batch, const struct packet_sink *sink, size_t offset, size_t room, size_t most) {
    unsigned slots = count_slots(sink, room, most);
    batch->slots = slots;
    batch->offset = offset;
    batch->share = sink->scratch_length / slots;
    batch->slot = slots == 1 ? room : align(sink->slot);
    batch->beside = control_room(sink);
    // A share has room for the whole of a message that runs over its slot: the head is put there before the rest.
    size_t head = batch->slot < batch->share ? batch->slot : batch->share;
    for (unsigned i = 0; i < slots; i++) {
        batch->parts[i][0] = (struct iovec){.iov_base = sink->slab + offset + i * batch->slot, .iov_len = batch->slot};
        batch->parts[i][1] = (struct iovec){.iov_base = sink->scratch + i * batch->share + head, .iov_len = batch->share - head};
        struct msghdr *header = &batch->headers[i].msg_hdr;
        header->msg_name = sink->names == NULL ? NULL : &batch->senders[i];
        header->msg_namelen = sink->names == NULL ? 0 : sizeof batch->senders[i];
        header->msg_iov = batch->parts[i];
        header->msg_iovlen = 2;
        header->msg_control = batch->beside == 0 ? NULL : sink->handles != NULL ? (void *)&batch->control : &batch->credentials[i];
        header->msg_controllen = batch->beside;
        header->msg_flags = 0;
    }
}

// Writes the record of message `i` and moves it to `offset`, right behind the one before it. False: it is none.
static bool take_message(struct packet_sink *sink, struct batch *batch, unsigned i, size_t offset, size_t count) {
    struct msghdr *header = &batch->headers[i].msg_hdr;
    size_t full = batch->headers[i].msg_len, slot = batch->slot;
    int32_t *record = sink->info + count * PACKET_STRIDE;
    memset(record, 0, PACKET_STRIDE * sizeof *record);
    int32_t flags = batch->beside > 0 ? read_control(header, sink, record) : 0;
    // Credentials or descriptors come with a message, also with an empty one; with the end comes nothing.
    bool had_control = (header->msg_flags & MSG_CTRUNC) != 0 || flags != 0 || record[6] > 0;
    if (full == 0 && sink->connected && !had_control) return false;

    uint8_t *place = sink->slab + batch->offset + i * slot;
    size_t stored = full;
    record[0] = (int32_t)offset;
    if (full > slot && slot < batch->share) {
        uint8_t *share = sink->scratch + i * batch->share;
        memcpy(share, place, slot);
        record[0] = (int32_t)(i * batch->share);
        flags |= OVERFLOWED;
        if (full > batch->share) stored = batch->share;
    } else {
        if (full > slot) stored = slot;
        if (place != sink->slab + offset) memmove(sink->slab + offset, place, stored);
    }
    if (stored < full) flags |= TRUNCATED;
    record[1] = (int32_t)stored;
    record[2] = flags;
    if (sink->names != NULL) {
        record[6] = (int32_t)copy_sender(sink->names + count * NAME_STRIDE, &batch->senders[i], header->msg_namelen);
    }
    record[7] = (int32_t)full;
    return true;
}

static void tell(struct packet_sink *sink, size_t count, int32_t flag, int32_t result) {
    int32_t *record = sink->info + count * PACKET_STRIDE;
    memset(record, 0, PACKET_STRIDE * sizeof *record);
    record[2] = flag;
    record[7] = result;
}

// MSG_TRUNC as a request: told is a message's full length, also where it did not fit.
enum { RECEIVE_FLAGS = MSG_DONTWAIT | MSG_CMSG_CLOEXEC | MSG_TRUNC };

static int64_t receive_batch(int fd, struct batch *batch) {
    if (batch->slots > 1) return RESULT_RETRIED(recvmmsg(fd, batch->headers, batch->slots, RECEIVE_FLAGS, NULL));
    // For one alone recvmsg(2) is quicker.
    int64_t full = RESULT_RETRIED(recvmsg(fd, &batch->headers[0].msg_hdr, RECEIVE_FLAGS));
    if (full < 0) return full;
    batch->headers[0].msg_len = (unsigned)full;
    return 1;
}

int64_t packet_receive_many(int fd, struct packet_sink *sink) {
    size_t offset = sink->offset, count = 0;
    bool ended = false, last = false;
    while (count < sink->limit && !last) {
        offset = align(offset) < sink->slab_length ? align(offset) : sink->slab_length;
        size_t room = sink->slab_length - offset;
        if (room == 0 && count > 0) break;
        struct batch batch;
        lay_out(&batch, sink, offset, room, sink->limit - count);
        int64_t got = receive_batch(fd, &batch);
        if (got < 0) {
            if (count == 0) return got;
            // The kernel tells a socket's error once; as a record it cannot get lost. One that comes after messages of the same call it keeps for the next.
            if (got != -EAGAIN) tell(sink, count++, FAILED, (int32_t)got);
            break;
        }
        bool empty = got < batch.slots;
        for (unsigned i = 0; i < got; i++) {
            if (!take_message(sink, &batch, i, offset, count)) {
                // The kernel looks for a message, then for the end, and holds no lock between the two: what a peer sent just before it closed, and the error of a
                // reset, can stand behind the first end that is told. Once it was told nothing comes any more, and a second look sees all.
                if (ended) {
                    tell(sink, count, END, 0);
                    return (int64_t)count + 1;
                }
                ended = true;
                empty = false;
                continue;
            }
            const int32_t *record = sink->info + count++ * PACKET_STRIDE;
            // What lies in scratch, and the descriptors, the next would write over.
            if ((record[2] & OVERFLOWED) != 0) {
                last = true;
            } else {
                offset = align(offset + (size_t)record[1]);
            }
            if (sink->handles != NULL && record[6] > 0) last = true;
        }
        if (empty) break;
    }
    return (int64_t)count;
}
