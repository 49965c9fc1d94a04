// A mutex of sluice by its description in docs/locks.md alone: `mutex NAME SECTIONS [die]`. Does critical sections that each add 1 to the doubles at bytes 64
// and 72 and to the one at byte 128, or takes the mutex and waits to be killed.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { HEADER = 0, OWNER = 1, GATE = 2 };
enum { NUMBER = 0x1fffffff, LOST = 0x1fffffff, OWNER_DIED = 0x40000000 };
enum { SLEEPERS = 1, STARVING = 2, ONE = 4 };
#define FIRST_CLAIM (INT64_C(1) << 40)

static int file;
static int32_t *words;
static int32_t self;

static int32_t load(int word) { return __atomic_load_n(&words[word], __ATOMIC_SEQ_CST); }
static int swap(int word, int32_t from, int32_t to) {
    return __atomic_compare_exchange_n(&words[word], &from, to, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static void claim(void) {
    for (;;) {
        uint32_t number;
        if (getrandom(&number, sizeof number, 0) != sizeof number) exit(3);
        number &= NUMBER;
        if (number == 0 || number == LOST) continue;
        struct flock range = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = FIRST_CLAIM + number, .l_len = 1};
        if (fcntl(file, F_OFD_SETLK, &range) != 0) continue;
        self = (int32_t)number;
        return;
    }
}

static int is_alive(int32_t number) {
    struct flock range = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = FIRST_CLAIM + number, .l_len = 1};
    return fcntl(file, F_OFD_GETLK, &range) != 0 || range.l_type != F_UNLCK;
}

// 1: taken; 2: taken from the dead; 0: somebody has it; -1: lost.
static int attempt(int entitled) {
    for (;;) {
        int32_t seen = load(OWNER);
        if (seen == 0) {
            if (!entitled && (load(GATE) & STARVING)) return 0;
            if (swap(OWNER, 0, self)) return 1;
        } else if (seen == LOST) {
            return -1;
        } else if (is_alive(seen & NUMBER)) {
            return 0;
        } else if (swap(OWNER, seen, self | OWNER_DIED)) {
            return 2;
        }
    }
}

static int acquire(void) {
    int slept = 0;
    for (;;) {
        int outcome = attempt(slept);
        if (outcome == 0) {
            int32_t expected = __atomic_or_fetch(&words[GATE], SLEEPERS, __ATOMIC_SEQ_CST);
            outcome = attempt(slept);
            if (outcome == 0) {
                struct timespec most = {.tv_nsec = 20 * 1000 * 1000};
                syscall(SYS_futex, &words[GATE], FUTEX_WAIT, expected, &most, NULL, 0);
                slept = 1;
                continue;
            }
        }
        if (slept) {
            __atomic_or_fetch(&words[GATE], SLEEPERS, __ATOMIC_SEQ_CST);
            __atomic_and_fetch(&words[GATE], ~STARVING, __ATOMIC_SEQ_CST);
        }
        return outcome;
    }
}

static void release(void) {
    if (!swap(OWNER, self, 0)) exit(4);
    for (;;) {
        int32_t seen = load(GATE);
        if (!(seen & SLEEPERS)) return;
        if (swap(GATE, seen, (int32_t)((uint32_t)(seen & ~SLEEPERS) + ONE))) break;
    }
    syscall(SYS_futex, &words[GATE], FUTEX_WAKE, 1, NULL, NULL, 0);
}

int main(int argc, char **argv) {
    if (argc < 3) return 2;
    char path[300];
    snprintf(path, sizeof path, "/dev/shm%s", argv[1]);
    file = open(path, O_RDWR | O_CLOEXEC);
    if (file < 0) return 2;
    words = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (words == MAP_FAILED || words[HEADER] != (0x534c << 16 | 1 << 8 | 1)) return 2;
    double *totals = (double *)((char *)words + 64), *count = (double *)((char *)words + 128);
    claim();
    if (argc > 3) {
        if (acquire() < 0) return 3;
        totals[0] += 1;
        puts("locked");
        fflush(stdout);
        pause();
    }
    for (int section = atoi(argv[2]); section > 0; section--) {
        if (acquire() != 1) return 3;
        if (totals[0] != totals[1]) return 5;
        totals[0] += 1;
        *count += 1;
        totals[1] += 1;
        release();
    }
    return 0;
}
