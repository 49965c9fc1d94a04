#include "core.h"

#include <fcntl.h>
#include <linux/mqueue.h>
#include <sys/syscall.h>
#include <unistd.h>

// POSIX message queues, mq_overview(7), by their system calls: the functions of the C library are in another library (librt) on old ones.

int64_t queue_open(const char *name, int flags, unsigned mode, size_t most_messages, size_t most_bytes) {
    struct mq_attr attributes = {.mq_maxmsg = (long)most_messages, .mq_msgsize = (long)most_bytes};
    // The kernel's names have no leading slash.
    if (*name == '/') name++;
    return RESULT_RETRIED(syscall(SYS_mq_open, name, flags | O_CLOEXEC | O_NONBLOCK, mode, most_messages > 0 ? &attributes : NULL));
}

int64_t queue_unlink(const char *name) {
    if (*name == '/') name++;
    return RESULT(syscall(SYS_mq_unlink, name));
}

int64_t queue_attributes(int fd, int64_t out[3]) {
    struct mq_attr attributes = {0};
    int64_t result = RESULT(syscall(SYS_mq_getsetattr, fd, NULL, &attributes));
    if (result < 0) return result;
    out[0] = attributes.mq_curmsgs;
    out[1] = attributes.mq_maxmsg;
    out[2] = attributes.mq_msgsize;
    return 0;
}

int64_t queue_bytes(int fd) {
    static const char label[] = "QSIZE:";
    char text[128];
    // At an offset of its own: the descriptor's would stand at the end after the first time.
    int64_t length = RESULT_RETRIED(syscall(SYS_pread64, fd, text, sizeof text - 1, (long)0));
    if (length < 0) return length;
    text[length] = 0;
    size_t at = 0;
    for (; label[at] != 0; at++) {
        if (text[at] != label[at]) return -EPROTO;
    }
    int64_t bytes = 0;
    for (; text[at] >= '0' && text[at] <= '9'; at++) {
        if (bytes > INT64_MAX / 10 - 1) return -EPROTO;
        bytes = bytes * 10 + (text[at] - '0');
    }
    return bytes;
}

int64_t queue_send_many(int fd, const struct iovec *messages, size_t count, unsigned priority) {
    for (size_t sent = 0; sent < count; sent++) {
        int64_t result = RESULT_RETRIED(syscall(SYS_mq_timedsend, fd, messages[sent].iov_base, messages[sent].iov_len, priority, NULL));
        if (result < 0) return sent > 0 ? (int64_t)sent : result;
    }
    return (int64_t)count;
}

int64_t queue_receive_many(int fd, struct message_batch *batch) {
    size_t offset = 0, count = 0;
    while (count < batch->limit && batch->length - offset >= batch->room) {
        unsigned priority = 0;
        int64_t length = RESULT_RETRIED(syscall(SYS_mq_timedreceive, fd, batch->memory + offset, batch->room, &priority, NULL));
        if (length < 0) return count > 0 ? (int64_t)count : length;
        message_record(batch, count++, offset, (size_t)length, priority);
        offset += (size_t)length;
    }
    return (int64_t)count;
}
