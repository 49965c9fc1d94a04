#include "control.h"
#include "core.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { TRUNCATED = 1, HAS_CREDENTIALS = 2, END = 4, OVERFLOWED = 8, FAILED = 16, HAD_HANDLES = 32 };
enum { BATCH = 64 };

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

int64_t packet_receive_many(int fd, struct packet_sink *sink) {
    size_t offset = sink->offset;
    bool ended = false;
    size_t beside = control_room(sink);
    for (size_t count = 0; count < sink->limit;) {
        offset = (offset + 7) & ~(size_t)7;
        size_t room = offset < sink->slab_length ? sink->slab_length - offset : 0;
        if (room == 0 && count > 0) return (int64_t)count;

        struct sockaddr_un address;
        union control control;
        struct iovec parts[2] = {
            {.iov_base = sink->slab + (room > 0 ? offset : 0), .iov_len = room},
            {.iov_base = sink->scratch, .iov_len = sink->scratch_length},
        };
        struct msghdr message = {
            .msg_name = sink->names == NULL ? NULL : &address,
            .msg_namelen = sink->names == NULL ? 0 : sizeof address,
            .msg_iov = parts,
            .msg_iovlen = 2,
            .msg_control = beside > 0 ? &control : NULL,
            .msg_controllen = beside,
        };
        // MSG_TRUNC as a request: the result is the message's full length, also where it did not fit.
        int64_t full = RESULT_RETRIED(recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC | MSG_TRUNC));
        int32_t *record = sink->info + count * PACKET_STRIDE;
        if (full < 0) {
            if (count == 0) return full;
            if (full == -EAGAIN) return (int64_t)count;
            // The kernel tells a socket's error once; as a record it cannot get lost.
            memset(record, 0, PACKET_STRIDE * sizeof *record);
            record[2] = FAILED;
            record[7] = (int32_t)full;
            return (int64_t)count + 1;
        }

        memset(record, 0, PACKET_STRIDE * sizeof *record);
        int32_t flags = beside > 0 ? read_control(&message, sink, record) : 0;
        // Credentials or descriptors come with a message, also with an empty one; with the end comes nothing.
        bool had_control = (message.msg_flags & MSG_CTRUNC) != 0 || flags != 0 || record[6] > 0;
        if (full == 0 && sink->connected && !had_control) {
            // The kernel looks for a message, then for the end, and holds no lock between the two: what a peer sent just before it closed, and the error of a
            // reset, can stand behind the first end that is told. Once it was told nothing comes any more, and a second look sees all.
            if (!ended) {
                ended = true;
                continue;
            }
            record[2] = END;
            return (int64_t)count + 1;
        }
        size_t all = room + sink->scratch_length;
        size_t stored = (size_t)full < all ? (size_t)full : all;
        if ((size_t)full > all) flags |= TRUNCATED;
        if (stored > room) flags |= OVERFLOWED;
        record[0] = (int32_t)offset;
        record[1] = (int32_t)stored;
        record[2] = flags;
        if (sink->names != NULL) {
            record[6] = (int32_t)copy_sender(sink->names + count * NAME_STRIDE, &address, message.msg_namelen);
        }
        record[7] = (int32_t)full;
        // Those of the next message would have no place.
        if ((flags & (OVERFLOWED | TRUNCATED)) != 0 || (sink->handles != NULL && record[6] > 0)) return (int64_t)count + 1;
        offset += stored;
        count++;
    }
    return (int64_t)sink->limit;
}
