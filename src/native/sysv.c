#include "core.h"
#include "sysv.h"

#include <linux/msg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

// System V message queues, sysvipc(7), by their system calls.

int64_t sysv_get(int key, int flags) {
    return RESULT(syscall(SYS_msgget, key, flags));
}

int64_t sysv_status(int id, int64_t out[SYSV_STATUS_LENGTH]) {
    struct msqid64_ds found = {0};
    int64_t result = RESULT(syscall(SYS_msgctl, id, IPC_STAT, &found));
    if (result < 0) return result;
    out[0] = (int64_t)found.msg_qnum;
    out[1] = (int64_t)found.msg_cbytes;
    out[2] = (int64_t)found.msg_qbytes;
    out[3] = found.msg_lspid;
    out[4] = found.msg_lrpid;
    out[5] = found.msg_perm.mode & 0777;
    out[6] = found.msg_perm.uid;
    out[7] = found.msg_perm.gid;
    return 0;
}

int64_t sysv_set_capacity(int id, size_t bytes) {
    struct msqid64_ds wanted = {0};
    int64_t result = RESULT(syscall(SYS_msgctl, id, IPC_STAT, &wanted));
    if (result < 0) return result;
    wanted.msg_qbytes = bytes;
    return RESULT(syscall(SYS_msgctl, id, IPC_SET, &wanted));
}

int64_t sysv_remove(int id) {
    return RESULT(syscall(SYS_msgctl, id, IPC_RMID, NULL));
}

struct sysv_message *sysv_message_of(long type, const void *bytes, size_t length) {
    struct sysv_message *message = malloc(sizeof *message + length);
    if (message == NULL) return NULL;
    message->type = type;
    memcpy(message->text, bytes, length);
    return message;
}

// The kernel wants type and text in one piece.
static int64_t send_copy(int id, long type, const struct iovec *bytes) {
    enum { USUAL = 8192 };
    _Alignas(struct sysv_message) char usual[sizeof(struct sysv_message) + USUAL];
    struct sysv_message *message = (struct sysv_message *)usual;
    bool large = bytes->iov_len > USUAL;
    if (large) {
        message = sysv_message_of(type, bytes->iov_base, bytes->iov_len);
        if (message == NULL) return -ENOMEM;
    } else {
        message->type = type;
        memcpy(message->text, bytes->iov_base, bytes->iov_len);
    }
    int64_t result = RESULT_RETRIED(syscall(SYS_msgsnd, id, message, bytes->iov_len, IPC_NOWAIT));
    if (large) free(message);
    return result;
}

int64_t sysv_send_many(int id, const struct iovec *messages, size_t count, long type) {
    for (size_t sent = 0; sent < count; sent++) {
        int64_t result = send_copy(id, type, &messages[sent]);
        if (result < 0) return sent > 0 ? (int64_t)sent : result;
    }
    return (int64_t)count;
}

int64_t sysv_receive_many(int id, struct message_batch *batch, long type) {
    size_t offset = 0, count = 0;
    // Rounded up behind the last message, the offset may lie beyond a memory whose length is no multiple of 8.
    while (count < batch->limit && offset + sizeof(struct sysv_message) + batch->room <= batch->length) {
        struct sysv_message *message = (struct sysv_message *)(void *)(batch->memory + offset);
        // A message that is longer than there is room for is cut, and shows by filling all of it. Left in the queue it would block it for ever.
        int64_t length = RESULT_RETRIED(syscall(SYS_msgrcv, id, message, batch->room, type, IPC_NOWAIT | MSG_NOERROR));
        if (length < 0) return count > 0 ? (int64_t)count : length;
        message_record(batch, count++, offset + sizeof *message, (size_t)length, message->type);
        // What follows a message that was cut is left for a call that knows of it.
        if ((size_t)length == batch->room) break;
        offset = (offset + sizeof *message + (size_t)length + 7) & ~(size_t)7;
    }
    return (int64_t)count;
}
