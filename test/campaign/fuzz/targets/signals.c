// signal.c against a model: subscriptions come and go, others install handlers of their own, pipes are full or interrupt, and signals arrive in
// between. Each subscriber is told of each signal once or it is counted, and whoever was there before gets his signal back.
#include "input.h"

#include <signal.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

static int kernel_sigaction(int signo, const struct sigaction *wanted, struct sigaction *before);
static ssize_t kernel_write(int fd, const void *bytes, size_t length);
static long kernel(long number, ...);
#define sigaction(signo, wanted, before) kernel_sigaction(signo, wanted, before)
#define write kernel_write
#define syscall kernel
#define getpid() 1
#include "signal.c"
#undef syscall
#undef write

enum { FDS = 6, SIGNALS = LAST_SIGNAL + 1 };
static struct sigaction installed[SIGNALS];
static bool subscribed[FDS][SIGNALS];
static bool full[FDS];
static bool interrupted;
static uint32_t unreported[FDS], lost[FDS];
static int told[FDS];
static int foreign_calls;
static int thread; // which runs: 1 is the main thread
static siginfo_t sent;

static void foreign_handler(int signo, siginfo_t *info, void *context) {
    (void)signo;
    (void)info;
    (void)context;
    foreign_calls++;
}

static int kernel_sigaction(int signo, const struct sigaction *wanted, struct sigaction *before) {
    if (signo < 1 || signo >= SIGNALS) {
        errno = EINVAL;
        return -1;
    }
    if (before != NULL) *before = installed[signo];
    if (wanted != NULL) installed[signo] = *wanted;
    return 0;
}

static ssize_t kernel_write(int fd, const void *bytes, size_t length) {
    REQUIRE(fd >= 0 && fd < FDS && length == sizeof(struct record));
    if (interrupted) {
        interrupted = false;
        errno = EINTR;
        return -1;
    }
    if (full[fd]) {
        errno = EAGAIN;
        return -1;
    }
    struct record record;
    memcpy(&record, bytes, sizeof record);
    REQUIRE(record.signo == sent.si_signo && record.code == sent.si_code);
    REQUIRE(record.value == (sent.si_code == SI_QUEUE ? sent.si_value.sival_int : 0));
    REQUIRE((uint32_t)record.dropped == unreported[fd]);
    unreported[fd] = 0;
    told[fd]++;
    return (ssize_t)length;
}

static void arrive(int signo, const siginfo_t *info, int tid) {
    struct sigaction *action = &installed[signo];
    ucontext_t context;
    memset(&context, 0, sizeof context);
    int before = thread;
    thread = tid;
    siginfo_t copy = *info;
    if ((action->sa_flags & SA_SIGINFO) != 0) action->sa_sigaction(signo, &copy, &context);
    thread = before;
    bool blocked = sigismember(&context.uc_sigmask, signo) == 1;
    // Real-time signals are the main thread's alone: see signal.c.
    REQUIRE(blocked == (signo >= FIRST_REALTIME && tid != 1 && is_ours(action)));
}

static long kernel(long number, ...) {
    if (number == SYS_gettid) return thread;
    if (number != SYS_rt_tgsigqueueinfo) return 0;
    va_list arguments;
    va_start(arguments, number);
    (void)va_arg(arguments, int);
    int tid = va_arg(arguments, int);
    int signo = va_arg(arguments, int);
    const siginfo_t *info = va_arg(arguments, siginfo_t *);
    arrive(signo, info, tid);
    va_end(arguments);
    return 0;
}

static bool anybody(int signo) {
    for (int fd = 0; fd < FDS; fd++) {
        if (subscribed[fd][signo]) return true;
    }
    return false;
}

static void raise_one(int signo) {
    static const int codes[] = {SI_USER, SI_QUEUE, SI_TKILL, SI_KERNEL, SI_TIMER};
    memset(&sent, 0, sizeof sent);
    sent.si_signo = signo;
    sent.si_code = codes[take_byte() % 5];
    sent.si_value.sival_int = (int)take_word();
    bool ours = is_ours(&installed[signo]);
    bool passed_on = ours ? is_cooperative(&previous[signo]) : installed[signo].sa_sigaction == foreign_handler;
    memset(told, 0, sizeof told);
    foreign_calls = 0;
    interrupted = take_byte() % 4 == 0;
    arrive(signo, &sent, take_byte() % 4 == 0 ? 2 : 1);
    for (int fd = 0; fd < FDS; fd++) {
        bool wanted = ours && subscribed[fd][signo];
        REQUIRE(told[fd] == (wanted && !full[fd] ? 1 : 0));
        if (wanted && full[fd]) {
            unreported[fd]++;
            lost[fd]++;
        }
    }
    REQUIRE(foreign_calls == (passed_on ? 1 : 0));
}

static void subscribe(int signo, int fd) {
    bool is_new = true;
    for (int other = 0; other < SIGNALS; other++) is_new = is_new && !subscribed[fd][other];
    int64_t result = signal_subscribe(signo, fd);
    REQUIRE(result == (can_be_handled(signo) ? 0 : -EINVAL));
    if (result < 0) return;
    REQUIRE(is_ours(&installed[signo]));
    if (is_new) unreported[fd] = lost[fd] = 0;
    subscribed[fd][signo] = true;
}

static void step(void) {
    int fd = take_byte() % FDS, signo = take_byte() % (SIGNALS + 3);
    switch (take_byte() % 8) {
    case 0:
        subscribe(signo, fd);
        return;
    case 1: {
        int64_t wanted = !can_be_handled(signo) ? -EINVAL : subscribed[fd][signo] ? 0 : -ENOENT;
        REQUIRE(signal_unsubscribe(signo, fd) == wanted);
        if (wanted == 0) subscribed[fd][signo] = false;
        return;
    }
    case 2:
        signal_forget(fd);
        memset(subscribed[fd], 0, sizeof subscribed[fd]);
        return;
    case 3:
        // Somebody else installs a handler: libuv's kind, one for once, or none.
        if (!can_be_handled(signo)) return;
        installed[signo] = (struct sigaction){.sa_handler = SIG_DFL};
        if (take_byte() % 2 == 0) return;
        installed[signo].sa_sigaction = foreign_handler;
        installed[signo].sa_flags = SA_SIGINFO | (take_byte() % 2 == 0 ? SA_RESTART : (int)SA_RESETHAND);
        return;
    case 4:
        full[fd] = !full[fd];
        return;
    case 5:
        if (can_be_handled(signo)) raise_one(signo);
        return;
    case 6: {
        bool can = signo >= FIRST_REALTIME && signo <= LAST_SIGNAL;
        bool ready = can && anybody(signo) && is_ours(&installed[signo]);
        REQUIRE(signal_confine(signo, 2) == (!can ? -EINVAL : ready ? 0 : -ENOENT));
        return;
    }
    default: {
        bool is_open = false;
        for (int other = 0; other < SIGNALS; other++) is_open = is_open || subscribed[fd][other];
        REQUIRE(signal_dropped(fd) == (is_open ? (int64_t)lost[fd] : -ENOENT));
    }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
    input_begin(bytes, length);
    thread = 1;
    memset(installed, 0, sizeof installed);
    memset(subscribed, 0, sizeof subscribed);
    memset(full, 0, sizeof full);
    while (input_left > 0) step();
    for (int fd = 0; fd < FDS; fd++) signal_forget(fd);
    // Whoever leaves last leaves nothing of ours behind.
    for (int signo = 1; signo < SIGNALS; signo++) REQUIRE(!is_ours(&installed[signo]));
    for (int signo = 1; signo < SIGNALS; signo++) REQUIRE(subscribers[signo] == 0);
    return 0;
}
