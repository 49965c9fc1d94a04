// Each thread is an event loop with sleepers of its own, all of them at the same few words, which everybody changes. A sleep is waited for, cancelled, or left to the end of its loop.
// Each must end, and be told once.
#include "../../../../src/native/core.h"
#include "../../../../src/native/sleeper.h"
#include "driver.h"

#include <poll.h>

enum { WORDS = 4, SLEEPS = 6, WAIT_MILLISECONDS = 20000 };

static int32_t words[WORDS];

static void change(struct thread *self) {
    int32_t *word = &words[pick(self, WORDS)];
    __atomic_fetch_add(word, 1, __ATOMIC_SEQ_CST);
    EXPECT(futex_wake(word, pick(self, 2) == 0 ? 1 : INT32_MAX) >= 0, "futex_wake");
}

struct loop {
    struct sleepers sleepers;
    int bells[2];
    bool asleep[64];
    size_t count;
};

static void begin(struct thread *self, struct loop *loop) {
    const int32_t *word = &words[pick(self, WORDS)];
    struct sleep sleep = {
        .word = word,
        .expected = __atomic_load_n(word, __ATOMIC_SEQ_CST),
        .milliseconds = pick(self, 60),
        .fd = -1,
        .bell = loop->bells[pick(self, 2)],
    };
    int64_t number = sleepers_begin(&loop->sleepers, &sleep);
    EXPECT(number >= 0 && number < 64, "number %lld", (long long)number);
    EXPECT(!loop->asleep[number], "sleep %lld was given out twice", (long long)number);
    loop->asleep[number] = true;
    loop->count++;
}

static void hear(struct loop *loop) {
    int32_t ended[4];
    int64_t count;
    do {
        count = sleepers_ended(&loop->sleepers, ended, 4);
        EXPECT(count >= 0, "%lld", (long long)count);
        for (int64_t i = 0; i < count; i++) {
            EXPECT(loop->asleep[ended[i]], "the end of %d was told twice", ended[i]);
            loop->asleep[ended[i]] = false;
            loop->count--;
        }
    } while (count == 4);
}

static void cancel_one(struct thread *self, struct loop *loop) {
    size_t number = pick(self, 64);
    if (!loop->asleep[number]) return;
    int64_t result = sleepers_cancel(&loop->sleepers, number);
    EXPECT(result == 0 || result == 1, "cancel: %lld", (long long)result);
    loop->asleep[number] = false;
    loop->count--;
}

// Until every sleep has ended; each rings the bell that it was given.
static void await_all(struct loop *loop) {
    while (loop->count > 0) {
        struct pollfd told[2] = {{.fd = loop->bells[0], .events = POLLIN}, {.fd = loop->bells[1], .events = POLLIN}};
        EXPECT(poll(told, 2, WAIT_MILLISECONDS) > 0, "%zu sleeps have not ended", loop->count);
        for (int i = 0; i < 2; i++) {
            if (told[i].revents != 0) bell_event_clear(loop->bells[i]);
        }
        hear(loop);
    }
}

static void *work(void *data) {
    struct thread *self = data;
    while (going_on(self)) {
        struct loop loop = {.bells = {(int)bell_event_open(), (int)bell_event_open()}};
        for (unsigned steps = 20 + pick(self, 60); steps > 0; steps--) {
            switch (pick(self, 4)) {
            case 0:
                if (loop.count < SLEEPS) begin(self, &loop);
                break;
            case 1:
                cancel_one(self, &loop);
                break;
            case 2:
                hear(&loop);
                break;
            default:
                change(self);
            }
        }
        if (pick(self, 2) == 0) await_all(&loop);
        EXPECT(sleepers_cancel(&loop.sleepers, 1000) == -EINVAL, "a number that was never given out");
        sleepers_release(&loop.sleepers);
        descriptor_close(loop.bells[0]);
        descriptor_close(loop.bells[1]);
        self->rounds++;
    }
    return NULL;
}

uint64_t drive_sleepers(uint64_t seed) {
    return in_threads(work, seed);
}
