#include "control.h"
#include "core.h"

#include <string.h>
#include <sys/socket.h>

enum { LOST = 1, MESSAGE_TRUNCATED = 2 };

typedef void visitor(void *context, int fd);

static size_t each_handle(struct msghdr *message, visitor *visit, void *context) {
    size_t total = 0;
    for (struct cmsghdr *part = control_first(message); part != NULL; part = control_after(message, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
        size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(part) + i * sizeof fd, sizeof fd);
            visit(context, fd);
        }
        total += count;
    }
    return total;
}

static void close_one(void *context, int fd) {
    (void)context;
    descriptor_close(fd);
}

size_t handle_close_all(struct msghdr *message) {
    return each_handle(message, close_one, NULL);
}

int64_t handle_send(int fd, const void *bytes, size_t length, const int32_t *fds, size_t count) {
    if (count == 0 || count > HANDLES_A_MESSAGE || length == 0) return -EINVAL;
    union {
        struct cmsghdr align;
        uint8_t bytes[CMSG_SPACE(HANDLES_A_MESSAGE * sizeof(int))];
    } control;
    struct iovec part = {.iov_base = (void *)bytes, .iov_len = length};
    struct msghdr message = {
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = CMSG_SPACE(count * sizeof(int)),
    };
    memset(&control, 0, message.msg_controllen);
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(header), fds, count * sizeof(int));
    return RESULT_RETRIED(sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL));
}

struct taken {
    int32_t *out;
    size_t room;
    size_t count;
};

static void take_one(void *context, int fd) {
    struct taken *taken = context;
    if (taken->count < taken->room) taken->out[taken->count] = fd;
    taken->count++;
}

int64_t handle_take_all(struct msghdr *message, int32_t *out, size_t room) {
    struct taken taken = {.out = out, .room = room};
    each_handle(message, take_one, &taken);
    if ((message->msg_flags & MSG_CTRUNC) == 0 && taken.count <= room) return (int64_t)taken.count;
    // Some of the message's descriptors without the others are of no use to anybody.
    handle_close_all(message);
    return -1;
}

int64_t handle_receive(int fd, void *bytes, size_t length, int32_t *out, size_t room, int32_t info[3]) {
    union {
        struct cmsghdr align;
        uint8_t bytes[CMSG_SPACE(HANDLES_A_MESSAGE * sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))];
    } control;
    struct iovec part = {.iov_base = bytes, .iov_len = length};
    struct msghdr message = {
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = sizeof control,
    };
    int64_t got = RESULT_RETRIED(recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC));
    info[0] = info[1] = info[2] = 0;
    if (got < 0) return got;
    int64_t taken = handle_take_all(&message, out, room);
    info[0] = (int32_t)got;
    if ((message.msg_flags & MSG_TRUNC) != 0) info[2] |= MESSAGE_TRUNCATED;
    if (taken < 0) info[2] |= LOST;
    else info[1] = (int32_t)taken;
    return got;
}
