#include "core.h"

#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

// One handler serves all signals and writes to every descriptor that subscribed. It may run on any thread at any instruction, so it takes no lock:
// it reads `places`, which are only changed by single atomic stores, and counts itself in `running`, so that whoever removes
// a descriptor can wait until no handler uses it any more.

enum { FIRST_REALTIME = 32, LAST_SIGNAL = 64, PLACES = 256 };
enum { DISPOSITION_DEFAULT, DISPOSITION_IGNORE, DISPOSITION_OURS, DISPOSITION_FOREIGN };

struct record {
    int32_t signo, code, pid, uid, value, dropped, reserved[2];
};
_Static_assert(sizeof(struct record) == 32, "the record's size is part of the contract with constants.ts");

struct place {
    _Atomic uint64_t signals; // bit `signo - 1`; 0: the place is free
    _Atomic int fd;
    _Atomic uint32_t unreported;
    _Atomic uint32_t dropped;
};

static struct place places[PLACES];
static _Atomic int used_places; // places at and beyond this were never used
static _Atomic int running;
static atomic_flag changing = ATOMIC_FLAG_INIT;
static struct sigaction previous[LAST_SIGNAL + 1];
static int subscribers[LAST_SIGNAL + 1];

static uint64_t bit_of(int signo) {
    return UINT64_C(1) << (signo - 1);
}

static void deliver(struct place *place, const siginfo_t *info, int signo) {
    bool from_process = info->si_code == SI_USER || info->si_code == SI_QUEUE || info->si_code == SI_TKILL;
    struct record record = {
        .signo = signo,
        .code = info->si_code,
        .pid = from_process ? (int32_t)info->si_pid : 0,
        .uid = from_process ? (int32_t)info->si_uid : 0,
        .value = info->si_code == SI_QUEUE ? info->si_value.sival_int : 0,
        .dropped = (int32_t)atomic_exchange(&place->unreported, 0),
    };
    ssize_t written;
    do {
        written = write(atomic_load(&place->fd), &record, sizeof record);
    } while (written < 0 && errno == EINTR);
    if (written == (ssize_t)sizeof record) return;
    atomic_fetch_add(&place->unreported, (uint32_t)record.dropped + 1);
    atomic_fetch_add(&place->dropped, 1);
}

// Whether a handler that was there before goes on being called. libuv's (`process.on`) does, told by its SA_RESTART. Those that Node installs
// itself do not, since they stand for a default: that of SIGINT and SIGTERM raises the signal again, to die of it once SA_RESETHAND has
// taken it away, and would do so for ever here; that of SIGUSR1 starts the debugger where nobody handles the signal.
static bool is_cooperative(const struct sigaction *action) {
    if ((action->sa_flags & (SA_RESTART | SA_RESETHAND)) != SA_RESTART) return false;
    return (action->sa_flags & SA_SIGINFO) != 0 || (action->sa_handler != SIG_DFL && action->sa_handler != SIG_IGN);
}

// Real-time signals are to be told in the order in which they were sent. The kernel hands them out so, but to any thread that does not block
// them, and the thread that took one may lose the CPU before it has written its record, while another takes and writes the next. So
// all are taken by the main thread, the one that the kernel prefers: the others are made to block them. A thread can only be made to by a handler that runs
// on it, hence this request, a signal whose value is this address.
static char confinement_request;
static _Atomic uint32_t confinements;

static bool is_confinement_request(const siginfo_t *info) {
    return info->si_code == SI_QUEUE && info->si_value.sival_ptr == &confinement_request;
}

// From the handler's return on. Threads that were made since the last request so take one signal each and then no more.
static void block_here(int signo, ucontext_t *context) {
    uint64_t mask;
    // The kernel's mask has 64 bits; the C library's type is wider.
    memcpy(&mask, &context->uc_sigmask, sizeof mask);
    mask |= bit_of(signo);
    memcpy(&context->uc_sigmask, &mask, sizeof mask);
}

// A blocked call of a thread that waits for us ends with EINTR when a handler has run on it, whatever the handler does. The signal for that is one whose
// default is to be ignored, so that nothing happens should somebody have taken the handler away; it is recognised by its value and told to nobody.
enum { INTERRUPTION = SIGURG };
static char interruption_request;

static bool is_interruption_request(const siginfo_t *info) {
    return info->si_code == SI_QUEUE && info->si_value.sival_ptr == &interruption_request;
}

static void handler(int signo, siginfo_t *info, void *context) {
    if (signo == INTERRUPTION && is_interruption_request(info)) return;
    int saved = errno;
    atomic_fetch_add(&running, 1);
    if (signo >= FIRST_REALTIME && syscall(SYS_gettid) != getpid()) {
        block_here(signo, context);
        if (is_confinement_request(info)) {
            atomic_fetch_add(&confinements, 1);
            atomic_fetch_sub(&running, 1);
            errno = saved;
            return;
        }
    }
    int count = atomic_load(&used_places);
    for (int i = 0; i < count; i++) {
        if ((atomic_load(&places[i].signals) & bit_of(signo)) != 0) deliver(&places[i], info, signo);
    }
    // Written only while no handler of ours is installed for this signal, and read only here.
    if (is_cooperative(&previous[signo])) {
        if ((previous[signo].sa_flags & SA_SIGINFO) != 0) {
            previous[signo].sa_sigaction(signo, info, context);
        } else {
            previous[signo].sa_handler(signo);
        }
    }
    atomic_fetch_sub(&running, 1);
    errno = saved;
}

// Threads change the table rarely and for a moment.
static void lock(void) {
    while (atomic_flag_test_and_set(&changing)) sched_yield();
}

static void unlock(void) {
    atomic_flag_clear(&changing);
}

// Afterwards no handler, on whichever thread, uses what was taken out of the tables before.
static void wait_for_handlers(void) {
    while (atomic_load(&running) != 0) sched_yield();
}

static bool can_be_handled(int signo) {
    switch (signo) {
    case SIGKILL:
    case SIGSTOP:
    case SIGCHLD: // libuv's, to learn of children that ended
    case SIGSEGV: // the fault's instruction would be repeated for ever
    case SIGBUS:
    case SIGFPE:
    case SIGILL:
        return false;
    default:
        return signo >= 1 && signo <= LAST_SIGNAL;
    }
}

static bool is_ours(const struct sigaction *action) {
    return (action->sa_flags & SA_SIGINFO) != 0 && action->sa_sigaction == handler;
}

static int64_t install(int signo) {
    struct sigaction now;
    int64_t result = RESULT(sigaction(signo, NULL, &now));
    if (result < 0 || is_ours(&now)) return result;
    // A run of our handler from before somebody replaced it may still read `previous`.
    wait_for_handlers();
    previous[signo] = now;
    struct sigaction ours = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK};
    // All signals wait while the handler runs: nested runs could overflow a small alternate stack.
    memset(&ours.sa_mask, 0xff, sizeof ours.sa_mask);
    return RESULT(sigaction(signo, &ours, NULL));
}

static void uninstall(int signo) {
    struct sigaction now;
    // Somebody who has installed a handler since expects it to stay.
    if (sigaction(signo, NULL, &now) == 0 && is_ours(&now)) sigaction(signo, &previous[signo], NULL);
}

static struct place *find(int fd) {
    int count = atomic_load(&used_places);
    for (int i = 0; i < count; i++) {
        if (atomic_load(&places[i].signals) != 0 && atomic_load(&places[i].fd) == fd) return &places[i];
    }
    return NULL;
}

static struct place *claim(int fd) {
    struct place *free_place = NULL;
    int count = atomic_load(&used_places);
    for (int i = 0; i < count && free_place == NULL; i++) {
        if (atomic_load(&places[i].signals) == 0) free_place = &places[i];
    }
    if (free_place == NULL && count < PLACES) free_place = &places[count];
    if (free_place == NULL) return NULL;
    // A handler that has found a signal of the place's last user is about to write: to that one's descriptor, not to this.
    wait_for_handlers();
    atomic_store(&free_place->fd, fd);
    atomic_store(&free_place->unreported, 0);
    atomic_store(&free_place->dropped, 0);
    if (free_place == &places[count]) atomic_store(&used_places, count + 1);
    return free_place;
}

int64_t signal_subscribe(int signo, int fd) {
    if (!can_be_handled(signo)) return -EINVAL;
    lock();
    struct place *place = find(fd);
    if (place == NULL) place = claim(fd);
    int64_t result = place == NULL ? -EAGAIN : install(signo);
    if (result >= 0 && (atomic_load(&place->signals) & bit_of(signo)) == 0) {
        atomic_fetch_or(&place->signals, bit_of(signo));
        subscribers[signo]++;
    }
    unlock();
    return result < 0 ? result : 0;
}

static void leave(struct place *place, int signo) {
    if (--subscribers[signo] == 0) uninstall(signo);
    atomic_fetch_and(&place->signals, ~bit_of(signo));
}

int64_t signal_unsubscribe(int signo, int fd) {
    if (!can_be_handled(signo)) return -EINVAL;
    lock();
    struct place *place = find(fd);
    bool found = place != NULL && (atomic_load(&place->signals) & bit_of(signo)) != 0;
    if (found) leave(place, signo);
    unlock();
    if (found) wait_for_handlers();
    return found ? 0 : -ENOENT;
}

void signal_forget(int fd) {
    if (atomic_load(&used_places) == 0) return;
    lock();
    struct place *place = find(fd);
    for (int signo = 1; place != NULL && signo <= LAST_SIGNAL; signo++) {
        if ((atomic_load(&place->signals) & bit_of(signo)) != 0) leave(place, signo);
    }
    unlock();
    if (place != NULL) wait_for_handlers();
}

static int64_t queue_request(int tid, int signo, void *request) {
    siginfo_t info = {0};
    info.si_signo = signo;
    info.si_code = SI_QUEUE;
    info.si_pid = getpid();
    info.si_uid = getuid();
    info.si_value.sival_ptr = request;
    return RESULT(syscall(SYS_rt_tgsigqueueinfo, getpid(), tid, signo, &info));
}

static int64_t request_confinement(int signo, int tid) {
    enum { YIELDS = 100, ATTEMPTS = 10000 };
    const struct timespec pause = {.tv_nsec = 100000};
    uint32_t before = atomic_load(&confinements);
    int64_t result = queue_request(tid, signo, &confinement_request);
    for (int i = 0; result >= 0 && atomic_load(&confinements) == before; i++) {
        if (i == ATTEMPTS) {
            // The thread is held, by a debugger perhaps. The request will still come, and must find the handler, whoever closes what.
            subscribers[signo]++;
            return -ETIMEDOUT;
        }
        result = RESULT(syscall(SYS_tgkill, getpid(), tid, 0));
        if (i < YIELDS) {
            sched_yield();
        } else {
            syscall(SYS_nanosleep, &pause, NULL);
        }
    }
    return result < 0 ? result : 0;
}

int64_t signal_confine(int signo, int tid) {
    if (signo < FIRST_REALTIME || signo > LAST_SIGNAL || tid < 1 || tid == getpid()) return -EINVAL;
    lock();
    struct sigaction now;
    bool handled = subscribers[signo] > 0 && sigaction(signo, NULL, &now) == 0 && is_ours(&now);
    int64_t result = handled ? request_confinement(signo, tid) : -ENOENT;
    unlock();
    return result;
}

int64_t signal_hold_interruptions(void) {
    lock();
    int64_t result = install(INTERRUPTION);
    if (result >= 0) subscribers[INTERRUPTION]++;
    unlock();
    return result;
}

void signal_release_interruptions(void) {
    lock();
    if (--subscribers[INTERRUPTION] == 0) uninstall(INTERRUPTION);
    unlock();
}

int64_t signal_interrupt(int tid) {
    lock();
    int64_t result = install(INTERRUPTION);
    unlock();
    return result < 0 ? result : queue_request(tid, INTERRUPTION, &interruption_request);
}

// The kernel's masks of this thread, 64 bits, by the system call: the C library's functions would spare its own signals.
static uint64_t change_mask(int how, uint64_t mask) {
    uint64_t before = 0;
    syscall(SYS_rt_sigprocmask, how, &mask, &before, sizeof before);
    return before;
}

// All but those by which a C library tells its threads of setuid(2) and the like, and for whose answer it waits.
uint64_t signal_block_all(void) {
    return change_mask(SIG_BLOCK, ~(bit_of(32) | bit_of(33) | bit_of(34)));
}

void signal_restore(uint64_t mask) {
    change_mask(SIG_SETMASK, mask);
}

void signal_admit_interruptions(void) {
    change_mask(SIG_UNBLOCK, bit_of(INTERRUPTION));
}

int64_t signal_dropped(int fd) {
    lock();
    struct place *place = find(fd);
    int64_t dropped = place == NULL ? -ENOENT : (int64_t)atomic_load(&place->dropped);
    unlock();
    return dropped;
}

int64_t signal_disposition(int signo) {
    struct sigaction now;
    int64_t result = RESULT(sigaction(signo, NULL, &now));
    if (result < 0) return result;
    if (is_ours(&now)) return DISPOSITION_OURS;
    if ((now.sa_flags & SA_SIGINFO) != 0) return DISPOSITION_FOREIGN;
    // Node's one-shot handler for SIGINT and SIGTERM restores the terminal and then lets the default happen.
    if ((now.sa_flags & SA_RESETHAND) != 0) return DISPOSITION_DEFAULT;
    if (now.sa_handler == SIG_DFL) return DISPOSITION_DEFAULT;
    return now.sa_handler == SIG_IGN ? DISPOSITION_IGNORE : DISPOSITION_FOREIGN;
}

int64_t signal_set_disposition(int signo, int disposition) {
    if (!can_be_handled(signo) || disposition < DISPOSITION_DEFAULT || disposition > DISPOSITION_IGNORE) return -EINVAL;
    lock();
    struct sigaction wanted = {.sa_handler = disposition == DISPOSITION_IGNORE ? SIG_IGN : SIG_DFL};
    int64_t result = subscribers[signo] > 0 ? -EBUSY : RESULT(sigaction(signo, &wanted, NULL));
    unlock();
    return result;
}
