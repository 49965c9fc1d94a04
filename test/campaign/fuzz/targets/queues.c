// queue.c and sysv.c with a kernel that gives whatever the input says: batches into memory of any length, and the text by which a queue tells its size.
#include "input.h"

#include <stdarg.h>
#include <sys/syscall.h>
#include <unistd.h>

static long kernel(long number, ...);
#define syscall kernel
#include "queue.c"
#include "sysv.c"
#undef syscall

static unsigned accepted;

static long fails(void) {
    errno = take_errno();
    if (errno == EINTR && input_left == 0) errno = EAGAIN;
    return -1;
}

static long receive(uint8_t *text, size_t room) {
    size_t length = take_below(room + 1);
    if (length > 0) memset(text, 0x5a, length);
    return (long)length;
}

static long send_one(const uint8_t *bytes, size_t length) {
    REQUIRE(length == 0 || (bytes[0] == (uint8_t)accepted && bytes[length - 1] == (uint8_t)accepted));
    accepted++;
    return 0;
}

static long kernel(long number, ...) {
    if (take_byte() % 8 == 0) return fails();
    va_list arguments;
    va_start(arguments, number);
    long result = 0;
    (void)va_arg(arguments, int); // which queue
    if (number == SYS_mq_timedreceive) {
        uint8_t *text = va_arg(arguments, uint8_t *);
        size_t room = va_arg(arguments, size_t);
        unsigned *priority = va_arg(arguments, unsigned *);
        result = receive(text, room);
        *priority = take_word();
    } else if (number == SYS_msgrcv) {
        struct sysv_message *message = va_arg(arguments, struct sysv_message *);
        REQUIRE((uintptr_t)message % sizeof(long) == 0);
        result = receive((uint8_t *)message->text, va_arg(arguments, size_t));
        message->type = (long)take_word() + 1;
    } else if (number == SYS_mq_timedsend) {
        const uint8_t *bytes = va_arg(arguments, const uint8_t *);
        result = send_one(bytes, va_arg(arguments, size_t));
    } else if (number == SYS_msgsnd) {
        const struct sysv_message *message = va_arg(arguments, const struct sysv_message *);
        REQUIRE(message->type == 7);
        result = send_one((const uint8_t *)message->text, va_arg(arguments, size_t));
    } else if (number == SYS_pread64) {
        uint8_t *text = va_arg(arguments, uint8_t *);
        size_t room = va_arg(arguments, size_t);
        size_t length = take_below(room + 1);
        static const char label[] = "QSIZE:";
        size_t known = take_byte() % 2 == 0 && length >= 6 ? 6 : 0;
        memcpy(text, label, known);
        take_bytes(text + known, length - known);
        result = (long)length;
    } else {
        REQUIRE(!"a system call that nobody expects");
    }
    va_end(arguments);
    return result;
}

static void receive_batch(bool sysv) {
    struct message_batch batch = {.length = take_below(3000), .room = take_below(400), .limit = take_below(20)};
    batch.memory = exactly(batch.length);
    batch.info = exactly(batch.limit * MESSAGE_STRIDE * sizeof *batch.info);
    int64_t count = sysv ? sysv_receive_many(1, &batch, 0) : queue_receive_many(1, &batch);
    REQUIRE(count <= (int64_t)batch.limit);
    size_t free_from = 0;
    for (int64_t i = 0; i < count; i++) {
        const int32_t *record = batch.info + i * MESSAGE_STRIDE;
        size_t offset = (size_t)record[0], length = (size_t)record[1];
        REQUIRE(offset >= free_from && length <= batch.room && offset + length <= batch.length);
        for (size_t at = 0; at < length; at++) REQUIRE(batch.memory[offset + at] == 0x5a);
        free_from = offset + length;
    }
    free(batch.memory);
    free(batch.info);
}

static void send_batch(bool sysv) {
    enum { MOST = 8 };
    struct iovec messages[MOST];
    size_t count = take_below(MOST + 1);
    for (size_t i = 0; i < count; i++) {
        // About the 8,192 bytes that are copied without memory of their own, too.
        size_t length = take_byte() % 2 == 0 ? take_below(100) : 8100 + take_below(200);
        messages[i] = (struct iovec){.iov_base = exactly(length), .iov_len = length};
        if (length > 0) memset(messages[i].iov_base, (int)i, length);
    }
    accepted = 0;
    int64_t sent = sysv ? sysv_send_many(1, messages, count, 7) : queue_send_many(1, messages, count, 3);
    REQUIRE(sent < 0 ? accepted == 0 : sent == (int64_t)accepted);
    for (size_t i = 0; i < count; i++) free(messages[i].iov_base);
}

static void bytes_waiting(void) {
    int64_t result = queue_bytes(1);
    (void)result;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
    input_begin(bytes, length);
    uint8_t way = take_byte();
    if (way % 5 < 2) receive_batch(way % 5 == 1);
    else if (way % 5 < 4) send_batch(way % 5 == 3);
    else bytes_waiting();
    return 0;
}
