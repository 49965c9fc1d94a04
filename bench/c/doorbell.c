// Round trips over shared memory with a bare doorbell: a futex, or a pair of eventfds. No ring: one message each way.
#include "common.h"

#include <limits.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

struct desk {
  _Atomic uint32_t asked, answered;
  int ask_event, answer_event;  // -1 with futexes
  size_t size;
  unsigned char messages[];  // the question, then the answer
};

static void ring_bell(_Atomic uint32_t *word, int event) {
  const uint64_t one = 1;
  if (event >= 0) {
    if (write(event, &one, sizeof one) != sizeof one) fail("write");
    return;
  }
  atomic_fetch_add(word, 1);
  if (syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0) < 0) fail("futex wake");
}

static void await_bell(_Atomic uint32_t *word, int event, uint32_t before) {
  uint64_t value;
  if (event >= 0) {
    if (read(event, &value, sizeof value) != sizeof value) fail("read");
    return;
  }
  while (atomic_load(word) == before) {
    if (syscall(SYS_futex, word, FUTEX_WAIT, before, NULL, NULL, 0) != 0 && errno != EAGAIN && errno != EINTR) {
      fail("futex wait");
    }
  }
}

static void answer(const struct options *options, void *shared) {
  struct desk *const desk = shared;
  for (uint32_t expected = 0;; expected++) {
    await_bell(&desk->asked, desk->ask_event, expected);
    const int last = sequence_of(desk->messages) == END_SEQUENCE;
    verify(desk->messages, desk->size, options->size, last ? END_SEQUENCE : expected);
    if (last) return;
    memcpy(desk->messages + desk->size, desk->messages, desk->size);
    ring_bell(&desk->answered, desk->answer_event);
  }
}

static void ask(const struct options *options, void *shared) {
  struct desk *const desk = shared;
  unsigned char *const message = calloc(1, options->size);
  struct rounds rounds;
  if (message == NULL) fail("calloc");
  rounds_init(&rounds, options);
  for (uint32_t sequence = 0;; sequence++) {
    const double started = now_seconds();
    stamp(message, options->size, sequence);
    memcpy(desk->messages, message, options->size);
    ring_bell(&desk->asked, desk->ask_event);
    await_bell(&desk->answered, desk->answer_event, sequence);
    verify(desk->messages + desk->size, desk->size, options->size, sequence);
    if (!rounds_add(&rounds, started, now_seconds())) break;
  }
  stamp(desk->messages, options->size, END_SEQUENCE);
  ring_bell(&desk->asked, desk->ask_event);
  rounds_report(&rounds);
}

static void round_trip(const struct options *options) {
  const int events = strcmp(options->mechanism, "eventfd") == 0;
  struct desk *const desk = share_memory(sizeof *desk + 2 * options->size);
  desk->size = options->size;
  desk->ask_event = events ? eventfd(0, EFD_CLOEXEC) : -1;
  desk->answer_event = events ? eventfd(0, EFD_CLOEXEC) : -1;
  if (events && (desk->ask_event < 0 || desk->answer_event < 0)) fail("eventfd");
  run_pair(options, answer, ask, desk);
}

program find_doorbell(const struct options *options) {
  if (strcmp(options->workload, "round-trip") != 0) return NULL;
  const int known = strcmp(options->mechanism, "futex") == 0 || strcmp(options->mechanism, "eventfd") == 0;
  return known ? round_trip : NULL;
}
