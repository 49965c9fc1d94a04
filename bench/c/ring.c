// A single-producer single-consumer ring in shared memory: the limit of SharedBuffer. Records are a length and the payload, padded to 8
// bytes, in memory that is mapped twice in a row so that none is ever split, as in sluice. Messages are copied in, and verified where they lie.
// Each side keeps a cached copy of the other's position and looks at the shared word only when the cached one says that it must wait.
#include "common.h"

#include <limits.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

// As sluice's default; four messages where that is more.
#define DEFAULT_CAPACITY (1u << 20)
#define LINE 128
// Bytes that are published at a time, one way.
#define BATCH 4096

struct control {
  _Alignas(LINE) _Atomic uint32_t tail;
  _Atomic uint32_t consumer_sleeps;
  _Alignas(LINE) _Atomic uint32_t head;
  _Atomic uint32_t producer_sleeps;
};

struct ring {
  struct control *control;
  unsigned char *data;
  uint32_t capacity;
  int asleep;
};

static struct ring make_ring(size_t size, int asleep) {
  struct ring ring = {share_memory(sizeof(struct control)), NULL, DEFAULT_CAPACITY, asleep};
  while (ring.capacity < 4 * size) ring.capacity *= 2;
  const int memory = memfd_create("ring", MFD_CLOEXEC);
  if (memory < 0 || ftruncate(memory, ring.capacity) != 0) fail("memfd_create");
  unsigned char *space = mmap(NULL, 2ul * ring.capacity, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (space == MAP_FAILED) fail("mmap");
  for (int half = 0; half < 2; half++) {
    void *const place = space + (size_t)half * ring.capacity;
    if (mmap(place, ring.capacity, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, memory, 0) == MAP_FAILED) {
      fail("mmap");
    }
  }
  close(memory);
  ring.data = space;
  // The pages are there before the clock runs, as after sluice's handshake.
  memset(ring.data, 0, ring.capacity);
  return ring;
}

// Tells the core that this is a loop that waits.
static inline void relax(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static void futex_wait(_Atomic uint32_t *word, uint32_t value) {
  if (syscall(SYS_futex, word, FUTEX_WAIT, value, NULL, NULL, 0) != 0 && errno != EAGAIN && errno != EINTR) {
    fail("futex wait");
  }
}

static void futex_wake(_Atomic uint32_t *word) {
  if (syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0) < 0) fail("futex wake");
}

// Waits until the word no longer has this value. Asleep: says so, looks again, then sleeps, so that no wake-up is lost.
static uint32_t wait_for_change(struct ring *ring, _Atomic uint32_t *word, _Atomic uint32_t *sleeps, uint32_t value) {
  for (;;) {
    uint32_t current = atomic_load_explicit(word, memory_order_acquire);
    if (current != value) return current;
    if (!ring->asleep) {
      relax();
      continue;
    }
    atomic_store(sleeps, 1);
    if (atomic_load(word) == value) futex_wait(word, value);
    atomic_store_explicit(sleeps, 0, memory_order_relaxed);
  }
}

static void publish(struct ring *ring, _Atomic uint32_t *word, _Atomic uint32_t *sleeps, uint32_t value) {
  if (!ring->asleep) {
    atomic_store_explicit(word, value, memory_order_release);
    return;
  }
  atomic_store(word, value);
  if (atomic_load(sleeps) != 0) futex_wake(word);
}

static uint32_t record_size(size_t size) { return (uint32_t)((size + 4 + 7) & ~(size_t)7); }

// What a producer knows of its ring: where it writes, what it has published, and where it saw the consumer last.
struct producer {
  uint32_t tail, published, cached_head;
};

static void publish_tail(struct ring *ring, struct producer *producer) {
  producer->published = producer->tail;
  publish(ring, &ring->control->tail, &ring->control->consumer_sleeps, producer->tail);
}

// Writes one record. It is published at once, or (step > 0) with others, after so many bytes: each store to the shared word costs both sides a cache miss.
static void produce(struct ring *ring, struct producer *producer, const unsigned char *message, size_t size,
                    uint32_t step) {
  const uint32_t record = record_size(size);
  while (producer->tail + record - producer->cached_head > ring->capacity) {
    if (producer->published != producer->tail) publish_tail(ring, producer);
    producer->cached_head = wait_for_change(ring, &ring->control->head, &ring->control->producer_sleeps,
                                            producer->cached_head);
  }
  unsigned char *const place = ring->data + (producer->tail & (ring->capacity - 1));
  const uint32_t length = (uint32_t)size;
  memcpy(place, &length, 4);
  memcpy(place + 4, message, size);
  producer->tail += record;
  if (producer->tail - producer->published > step) publish_tail(ring, producer);
}

static void send_all(struct ring *rings, int count, const struct options *options) {
  struct producer producers[MAX_SUBSCRIBERS] = {0};
  struct source source;
  source_init(&source, options);
  for (;;) {
    const unsigned char *const message = source_next(&source);
    for (int i = 0; i < count; i++) produce(&rings[i], &producers[i], message, options->size, BATCH);
    if (sequence_of(message) == END_SEQUENCE) break;
  }
  for (int i = 0; i < count; i++) publish_tail(&rings[i], &producers[i]);
  source_report(&source);
}

static void receive_all(struct ring *ring, const struct options *options) {
  uint32_t head = 0, published_head = 0, tail = 0;
  struct sink sink;
  sink_init(&sink, options);
  for (;;) {
    if (head == tail) {
      if (head != published_head) {
        published_head = head;
        publish(ring, &ring->control->head, &ring->control->producer_sleeps, head);
      }
      tail = wait_for_change(ring, &ring->control->tail, &ring->control->consumer_sleeps, tail);
    }
    const unsigned char *const place = ring->data + (head & (ring->capacity - 1));
    uint32_t length;
    memcpy(&length, place, 4);
    if (!sink_take(&sink, place + 4, length)) break;
    head += record_size(length);
    // Room is given back in steps: each store costs the producer a cache miss.
    if (head - published_head >= ring->capacity / 8) {
      published_head = head;
      publish(ring, &ring->control->head, &ring->control->producer_sleeps, head);
    }
  }
  sink_report(&sink);
}

static void one_way_host(const struct options *options, void *shared) { receive_all(shared, options); }
static void one_way_guest(const struct options *options, void *shared) { send_all(shared, 1, options); }

static void one_way(const struct options *options) {
  struct ring ring = make_ring(options->size, strcmp(options->style, "asleep") == 0);
  run_pair(options, one_way_host, one_way_guest, &ring);
}

static void fan_out(const struct options *options) {
  struct ring rings[MAX_SUBSCRIBERS];
  pid_t children[MAX_SUBSCRIBERS];
  for (int i = 0; i < options->subscribers; i++) rings[i] = make_ring(options->size, 1);
  for (int i = 0; i < options->subscribers; i++) {
    children[i] = fork_pinned(options->guest_cpu);
    if (children[i] == 0) {
      receive_all(&rings[i], options);
      exit(0);
    }
  }
  pin(options->host_cpu);
  send_all(rings, options->subscribers, options);
  for (int i = 0; i < options->subscribers; i++) wait_for(children[i]);
}

// --- round trips ---

static void answer(const struct options *options, void *shared) {
  struct ring *const rings = shared;
  struct producer producer = {0};
  uint32_t tail = 0, head = 0, expected = 0;
  for (;;) {
    if (head == tail) {
      tail = wait_for_change(&rings[0], &rings[0].control->tail, &rings[0].control->consumer_sleeps, tail);
    }
    const unsigned char *const message = rings[0].data + (head & (rings[0].capacity - 1)) + 4;
    const int last = sequence_of(message) == END_SEQUENCE;
    verify(message, options->size, options->size, last ? END_SEQUENCE : expected++);
    if (last) return;
    produce(&rings[1], &producer, message, options->size, 0);
    head += record_size(options->size);
    publish(&rings[0], &rings[0].control->head, &rings[0].control->producer_sleeps, head);
  }
}

static void ask(const struct options *options, void *shared) {
  struct ring *const rings = shared;
  struct producer producer = {0};
  struct rounds rounds;
  unsigned char *const question = calloc(1, options->size);
  uint32_t tail = 0, head = 0;
  if (question == NULL) fail("calloc");
  rounds_init(&rounds, options);
  for (uint32_t sequence = 0;; sequence++) {
    const double started = now_seconds();
    stamp(question, options->size, sequence);
    produce(&rings[0], &producer, question, options->size, 0);
    if (head == tail) {
      tail = wait_for_change(&rings[1], &rings[1].control->tail, &rings[1].control->consumer_sleeps, tail);
    }
    verify(rings[1].data + (head & (rings[1].capacity - 1)) + 4, options->size, options->size, sequence);
    head += record_size(options->size);
    publish(&rings[1], &rings[1].control->head, &rings[1].control->producer_sleeps, head);
    if (!rounds_add(&rounds, started, now_seconds())) break;
  }
  stamp(question, options->size, END_SEQUENCE);
  produce(&rings[0], &producer, question, options->size, 0);
  rounds_report(&rounds);
}

static void round_trip(const struct options *options) {
  const int asleep = strcmp(options->style, "asleep") == 0;
  struct ring rings[2] = {make_ring(options->size, asleep), make_ring(options->size, asleep)};
  run_pair(options, answer, ask, rings);
}

program find_ring(const struct options *options) {
  if (strcmp(options->mechanism, "ring") != 0) return NULL;
  if (strcmp(options->workload, "one-way") == 0) return one_way;
  if (strcmp(options->workload, "round-trip") == 0) return round_trip;
  if (strcmp(options->workload, "fan-out") == 0) return fan_out;
  return NULL;
}
