// All threads subscribe to the same signals, with pipes of their own, send them, and leave again. After a subscription has ended nothing may come any more, and what comes
// must be whole records of what was subscribed.
#include "../../../../src/native/core.h"
#include "driver.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

struct record {
    int32_t signo, code, pid, uid, value, dropped, reserved[2];
};

static int signal_of(unsigned number) {
    const int numbers[] = {SIGUSR1, SIGUSR2, SIGHUP, SIGRTMIN + 1};
    return numbers[number];
}

// How many records there were; each of a signal in `subscribed`.
static size_t read_records(int fd, unsigned subscribed) {
    size_t count = 0;
    struct record record;
    for (;;) {
        int64_t got = descriptor_read(fd, &record, sizeof record);
        if (got == -EAGAIN) return count;
        EXPECT(got == (int64_t)sizeof record, "a record of %lld bytes", (long long)got);
        bool known = false;
        for (unsigned i = 0; i < 4; i++) known |= (subscribed & 1u << i) != 0 && record.signo == signal_of(i);
        EXPECT(known, "signal %d came unasked", record.signo);
        // Where the kernel had no room for more (RLIMIT_SIGPENDING), it keeps of a standard signal nothing but its number.
        bool unknown = record.pid == 0 && record.code == SI_USER && record.signo < SIGRTMIN;
        EXPECT((record.pid == getpid() || unknown) && record.reserved[0] == 0, "pid %d", record.pid);
        if (record.code == SI_QUEUE) EXPECT(record.value == 42, "value %d", record.value);
        count++;
    }
}

static void raise_one(struct thread *self) {
    int signo = signal_of(pick(self, 4));
    const int32_t value = 42;
    int64_t result = process_signal(getpid(), signo, pick(self, 2) == 0 ? &value : NULL);
    // The kernel keeps so many of a user's signals, and no more.
    EXPECT(result == 0 || result == -EAGAIN, "kill: %lld", (long long)result);
}

static void *work(void *data) {
    struct thread *self = data;
    while (going_on(self)) {
        int ends[2];
        EXPECT(pipe_open(ends, 4096) >= 0, "a pipe");
        unsigned subscribed = 0;
        for (unsigned steps = 10 + pick(self, 40); steps > 0; steps--) {
            unsigned number = pick(self, 4);
            switch (pick(self, 5)) {
            case 0:
                EXPECT(signal_subscribe(signal_of(number), ends[1]) == 0, "subscribe");
                subscribed |= 1u << number;
                break;
            case 1: {
                bool held = (subscribed & 1u << number) != 0;
                int64_t result = signal_unsubscribe(signal_of(number), ends[1]);
                EXPECT(result == (held ? 0 : -ENOENT), "unsubscribe: %lld", (long long)result);
                read_records(ends[0], subscribed);
                subscribed &= ~(1u << number);
                break;
            }
            case 2:
                read_records(ends[0], subscribed);
                break;
            default:
                raise_one(self);
            }
        }
        signal_forget(ends[1]);
        // The pipe's other end may be anybody's from now on: nothing may be written any more.
        read_records(ends[0], subscribed);
        for (int i = 0; i < 4; i++) raise_one(self);
        EXPECT(read_records(ends[0], 0) == 0, "a record came after the end");
        descriptor_close(ends[0]);
        descriptor_close(ends[1]);
        self->rounds++;
    }
    return NULL;
}

uint64_t drive_signals(uint64_t seed) {
    // One subscription stays for the whole run: without any a signal would have its default action, and end the process.
    int ends[2];
    EXPECT(pipe_open(ends, 4096) >= 0, "a pipe");
    for (unsigned i = 0; i < 4; i++) EXPECT(signal_subscribe(signal_of(i), ends[1]) == 0, "subscribe");
    uint64_t rounds = in_threads(work, seed);
    // Nobody reads this pipe: what does not fit is counted.
    EXPECT(signal_dropped(ends[1]) >= 0, "the subscription is gone");
    // The handlers stay: signals may still be on their way.
    return rounds;
}
