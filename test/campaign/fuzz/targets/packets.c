// packet.c and handle.c with a kernel that gives whatever the input says: packets of all lengths, control messages that are well formed or any
// bytes, senders' addresses, errors at any call. Each descriptor that comes must end in the caller's array or be closed, once.
#include "input.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

static ssize_t kernel_recvmsg(int fd, struct msghdr *message, int flags);
static int kernel_recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags, struct timespec *timeout);
static int kernel_sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags);
static ssize_t kernel_sendmsg(int fd, const struct msghdr *message, int flags);
#define recvmsg kernel_recvmsg
#define recvmmsg kernel_recvmmsg
#define sendmmsg kernel_sendmmsg
#define sendmsg kernel_sendmsg
#include "handle.c"
#include "internet.c"
#include "name.c"
#include "packet.c"

enum { FIRST_FD = 1000, MOST_FDS = 20000 };

static int given_fds;         // numbers from FIRST_FD on
static uint8_t given_packets; // each is full of its number
static int given_empty;       // packets without bytes, or ends
static bool exact_accounts;   // no control message of this run was any bytes
static uint8_t closed[MOST_FDS];

int64_t descriptor_close(int fd) {
    if (!exact_accounts) return 0;
    REQUIRE(fd >= FIRST_FD && fd < FIRST_FD + given_fds);
    REQUIRE(closed[fd - FIRST_FD]++ == 0);
    return 0;
}

// Appends a part as the kernel does (put_cmsg): cut where the room ends, with MSG_CTRUNC.
static void put_part(struct msghdr *message, size_t room, size_t *used, int type, const void *data, size_t length) {
    size_t left = room - *used;
    if (left < sizeof(struct cmsghdr)) {
        message->msg_flags |= MSG_CTRUNC;
        return;
    }
    size_t whole = CMSG_LEN(length);
    if (whole > left) {
        message->msg_flags |= MSG_CTRUNC;
        whole = left;
    }
    struct cmsghdr header = {.cmsg_len = whole, .cmsg_level = SOL_SOCKET, .cmsg_type = type};
    uint8_t *at = (uint8_t *)message->msg_control + *used;
    memcpy(at, &header, sizeof header);
    memcpy(at + sizeof header, data, whole - sizeof header);
    size_t space = CMSG_SPACE(length);
    *used += space < left ? space : left;
}

static void put_handles(struct msghdr *message, size_t room, size_t *used) {
    size_t count = take_below(HANDLES_A_MESSAGE + 1);
    size_t left = room - *used;
    // What does not fit the kernel closes itself (scm_detach_fds).
    size_t fitting = left < CMSG_LEN(sizeof(int)) ? 0 : (left - CMSG_LEN(0)) / sizeof(int);
    if (count > fitting) {
        message->msg_flags |= MSG_CTRUNC;
        count = fitting;
    }
    if (count == 0 || given_fds + (int)count > MOST_FDS) return;
    int fds[HANDLES_A_MESSAGE];
    for (size_t i = 0; i < count; i++) fds[i] = FIRST_FD + given_fds++;
    put_part(message, room, used, SCM_RIGHTS, fds, count * sizeof(int));
}

static void put_control(struct msghdr *message) {
    size_t room = message->msg_controllen, used = 0;
    uint8_t way = take_byte();
    if ((way & 0x80) != 0) {
        exact_accounts = false;
        used = take_below(room + 1);
        take_bytes(message->msg_control, used);
    } else {
        struct ucred sender = {.pid = (pid_t)take_word(), .uid = take_word(), .gid = take_word()};
        if ((way & 1) != 0) put_part(message, room, &used, SCM_CREDENTIALS, &sender, sizeof sender);
        if ((way & 2) != 0) put_handles(message, room, &used);
        if ((way & 4) != 0) put_part(message, room, &used, 0x7f, "security label", 14);
        if ((way & 0x40) != 0 && used > 0) {
            // A part that lies about its length, which no kernel gives: nothing outside may be read for it.
            exact_accounts = false;
            size_t length = take_below(64) - 16;
            memcpy((uint8_t *)message->msg_control, &length, sizeof length);
        }
    }
    message->msg_controllen = used;
}

static ssize_t kernel_recvmsg(int fd, struct msghdr *message, int flags) {
    (void)fd;
    message->msg_flags = 0;
    if (take_byte() % 8 == 0) {
        errno = take_errno();
        // Interrupted calls are repeated: that must end.
        if (errno == EINTR && input_left == 0) errno = EAGAIN;
        return -1;
    }
    size_t full = take_below(6000), left = full;
    if (full > 0) given_packets++;
    else given_empty++;
    for (size_t i = 0; i < message->msg_iovlen; i++) {
        size_t part = left < message->msg_iov[i].iov_len ? left : message->msg_iov[i].iov_len;
        if (part > 0) memset(message->msg_iov[i].iov_base, given_packets, part);
        left -= part;
    }
    if (left > 0) message->msg_flags |= MSG_TRUNC;
    if (message->msg_name != NULL) {
        // The kernel tells the length that the address has, also where it did not fit.
        uint8_t address[sizeof(struct sockaddr_storage)];
        size_t length = take_below(sizeof address + 1);
        take_bytes(address, length);
        memcpy(message->msg_name, address, length < message->msg_namelen ? length : message->msg_namelen);
        message->msg_namelen = (socklen_t)length;
    }
    put_control(message);
    return (ssize_t)((flags & MSG_TRUNC) != 0 ? full : full - left);
}

// Of several it gives as many as there are: an error after some is told by the next call.
static int kernel_recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags, struct timespec *timeout) {
    REQUIRE(count > 1 && timeout == NULL);
    unsigned given = 0;
    for (; given < count; given++) {
        ssize_t full = kernel_recvmsg(fd, &messages[given].msg_hdr, flags);
        if (full < 0) break;
        messages[given].msg_len = (unsigned)full;
    }
    return given > 0 ? (int)given : -1;
}

static void account(const int32_t *taken, int64_t count) {
    if (!exact_accounts) return;
    for (int64_t i = 0; i < count; i++) {
        REQUIRE(taken[i] >= FIRST_FD && taken[i] < FIRST_FD + given_fds);
        REQUIRE(closed[taken[i] - FIRST_FD]++ == 0);
    }
    for (int i = 0; i < given_fds; i++) REQUIRE(closed[i] == 1);
}

static void receive_packets(void) {
    struct packet_sink sink = {
        .slab_length = take_below(5000),
        .slot = (take_byte() & 1) != 0 ? take_below(800) : 0,
        .scratch_length = take_below((take_byte() & 1) != 0 ? 600 : 12000),
        .limit = 1 + take_below(12),
        .connected = (take_byte() & 1) != 0,
        .handles_room = take_below(HANDLES_A_MESSAGE + 20),
    };
    sink.offset = take_below(sink.slab_length + 20);
    sink.slab = exactly(sink.slab_length);
    sink.scratch = exactly(sink.scratch_length);
    sink.info = exactly(sink.limit * PACKET_STRIDE * sizeof(int32_t));
    if ((take_byte() & 1) != 0) sink.names = exactly(sink.limit * NAME_STRIDE);
    if ((take_byte() & 1) != 0) sink.handles = exactly(sink.handles_room * sizeof(int32_t));

    int64_t count = packet_receive_many(1, &sink);
    REQUIRE(count <= (int64_t)sink.limit);
    size_t slab_from = sink.offset < sink.slab_length ? sink.offset : sink.slab_length, scratch_from = 0;
    uint8_t number = 0;
    int64_t taken = 0;
    for (int64_t i = 0; i < count; i++) {
        const int32_t *record = sink.info + i * PACKET_STRIDE;
        bool last = i == count - 1;
        if ((record[2] & (END | FAILED)) != 0) {
            REQUIRE(last);
            // Behind the first end there may be a message still.
            if ((record[2] & END) != 0) REQUIRE(given_empty >= 2);
            continue;
        }
        size_t offset = (size_t)record[0], stored = (size_t)record[1], full = (size_t)record[7];
        bool overflowed = (record[2] & OVERFLOWED) != 0;
        if (overflowed) {
            REQUIRE(offset >= scratch_from && offset + stored <= sink.scratch_length);
            scratch_from = offset + stored;
        } else {
            REQUIRE(offset >= slab_from && (offset % 8 == 0 || offset == sink.slab_length));
            REQUIRE(offset + stored <= sink.slab_length);
            slab_from = offset + stored;
        }
        REQUIRE(((record[2] & TRUNCATED) != 0) == (stored < full));
        if (full > 0) number++;
        for (size_t k = 0; k < stored; k++) REQUIRE((overflowed ? sink.scratch : sink.slab)[offset + k] == number);
        if (sink.names != NULL) REQUIRE(record[6] >= 0 && (sink.handles != NULL || record[6] <= NAME_STRIDE));
        if (sink.handles != NULL && sink.names == NULL) {
            REQUIRE(record[6] == 0 || last);
            taken += record[6];
        }
    }
    REQUIRE(taken <= (int64_t)sink.handles_room);
    // With both, one word of the record would have two meanings: the binding asks for one of them.
    if (sink.names == NULL || sink.handles == NULL) account(sink.handles, taken);
    free(sink.slab);
    free(sink.scratch);
    free(sink.info);
    free(sink.names);
    free(sink.handles);
}

static void receive_handles(void) {
    size_t length = take_below(300), room = take_below(HANDLES_A_MESSAGE + 20);
    uint8_t *bytes = exactly(length);
    int32_t *out = exactly(room * sizeof *out);
    int32_t info[3] = {-1, -1, -1};
    int64_t got = handle_receive(1, bytes, length, out, room, info);
    REQUIRE(got <= (int64_t)length);
    REQUIRE(info[1] >= 0 && info[1] <= (int32_t)room);
    if ((info[2] & LOST) != 0) REQUIRE(info[1] == 0);
    account(out, info[1]);
    free(bytes);
    free(out);
}

static unsigned accepted;

static int kernel_sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags) {
    (void)fd;
    (void)flags;
    REQUIRE(count > 0);
    for (unsigned i = 0; i < count; i++) {
        const struct iovec *part = messages[i].msg_hdr.msg_iov;
        // In order, each once: its length is its number.
        REQUIRE(messages[i].msg_hdr.msg_iovlen == 1 && part->iov_len == accepted + i);
        REQUIRE(messages[i].msg_hdr.msg_control == NULL);
    }
    if (take_byte() % 4 == 0) {
        errno = take_errno();
        if (errno == EINTR && input_left == 0) errno = EAGAIN;
        return -1;
    }
    unsigned taken = 1 + (unsigned)take_below(count);
    accepted += taken;
    return (int)taken;
}

static ssize_t kernel_sendmsg(int fd, const struct msghdr *message, int flags) {
    (void)fd;
    (void)flags;
    struct cmsghdr *part = CMSG_FIRSTHDR(message);
    REQUIRE(part != NULL && part->cmsg_type == SCM_RIGHTS && part->cmsg_len <= message->msg_controllen);
    return (ssize_t)message->msg_iov->iov_len;
}

static void send_packets(void) {
    enum { MOST = 200 };
    static struct iovec packets[MOST];
    unsigned count = (unsigned)take_below(MOST + 1);
    for (unsigned i = 0; i < count; i++) packets[i] = (struct iovec){.iov_base = packets, .iov_len = i};
    uint8_t name[107];
    size_t length = take_below(sizeof name + 1);
    take_bytes(name, length);
    accepted = 0;
    int64_t sent = packet_send_many(1, packets, count, length > 0 ? name : NULL, length);
    // What the kernel took is told, whatever happened after it.
    REQUIRE(sent < 0 ? accepted == 0 : sent == (int64_t)accepted);
    int32_t fds[HANDLES_A_MESSAGE] = {0};
    size_t handles = take_below(HANDLES_A_MESSAGE + 10), bytes = take_below(3);
    int64_t result = handle_send(1, name, bytes, fds, handles);
    REQUIRE(result == (handles == 0 || handles > HANDLES_A_MESSAGE || bytes == 0 ? -EINVAL : (int64_t)bytes));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
    input_begin(bytes, length);
    given_fds = 0;
    given_packets = 0;
    given_empty = 0;
    exact_accounts = true;
    memset(closed, 0, sizeof closed);
    switch (take_byte() % 3) {
    case 0:
        receive_packets();
        break;
    case 1:
        receive_handles();
        break;
    default:
        send_packets();
    }
    return 0;
}
