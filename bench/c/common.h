// What the C limits share: options, pinning, numbered messages, clocks and the lines they print.
#ifndef SLUICE_BENCH_COMMON_H
#define SLUICE_BENCH_COMMON_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>

#define END_SEQUENCE 0xffffffffu
// Set in the length of a message that was sent after the warm-up: the receiver counts from the first such message on.
#define COUNTED 0x40000000u
#define MAX_SUBSCRIBERS 16

struct options {
  const char *workload;   // one-way, round-trip, fan-out
  const char *mechanism;  // ring, stream, dgram, ...
  const char *style;      // each, batched, busy, asleep, spinning
  size_t size;            // bytes of a message
  double warm_seconds, measure_seconds;
  int host_cpu, guest_cpu;  // -1: not pinned
  int subscribers;
};

// Makes the numbered messages, until warm-up and measured time are over; then one end message.
struct source {
  unsigned char *message;
  size_t size;
  uint32_t sequence, clock_mask, counted;  // counted: 0 or COUNTED
  double warm_end, end, measure_seconds, cpu_at_warm;
  uint32_t sequence_at_warm;
};

// Checks each message and keeps the receiver's clock.
struct sink {
  size_t size;
  uint32_t expected;
  double counted_from, cpu_from;
  uint32_t counted_from_sequence;
};

// The times of round trips.
struct rounds {
  double *microseconds;
  size_t count, capacity;
  double started, warm_seconds, measure_seconds;
};

struct options parse_options(int argc, char **argv);
void pin(int cpu);
double now_seconds(void);
double cpu_seconds(void);
_Noreturn void fail(const char *what);
_Noreturn void wrong(const char *what, unsigned long long got, unsigned long long wanted);

void source_init(struct source *source, const struct options *options);
int source_more(struct source *source);  // clock, at times; 0 when time is up
void source_report(struct source *source);

void sink_init(struct sink *sink, const struct options *options);
void sink_start(struct sink *sink);
void sink_report(struct sink *sink);

void rounds_init(struct rounds *rounds, const struct options *options);
int rounds_add(struct rounds *rounds, double started, double ended);  // 0 when time is up
void rounds_report(struct rounds *rounds);

// Number and length at the start, the number again at the end: a torn message shows.
static inline void stamp_counted(unsigned char *message, size_t size, uint32_t sequence, uint32_t counted) {
  const uint32_t length = (uint32_t)size | counted;
  memcpy(message, &sequence, 4);
  memcpy(message + 4, &length, 4);
  memcpy(message + size - 4, &sequence, 4);
}

static inline void stamp(unsigned char *message, size_t size, uint32_t sequence) {
  stamp_counted(message, size, sequence, 0);
}

static inline const unsigned char *source_next(struct source *source) {
  const uint32_t sequence = source_more(source) ? source->sequence++ : END_SEQUENCE;
  stamp_counted(source->message, source->size, sequence, source->counted);
  return source->message;
}

static inline uint32_t sequence_of(const unsigned char *message) {
  uint32_t sequence;
  memcpy(&sequence, message, 4);
  return sequence;
}

// Checks that this is a whole message with this number; whether it is one that counts.
static inline int verify(const unsigned char *message, size_t got, size_t size, uint32_t sequence) {
  uint32_t first, length, last;
  if (got != size) wrong("length of the message", got, size);
  memcpy(&first, message, 4);
  memcpy(&length, message + 4, 4);
  memcpy(&last, message + size - 4, 4);
  if (first != sequence) wrong("sequence number", first, sequence);
  if ((length & ~COUNTED) != size) wrong("length inside the message", length, size);
  if (last != sequence) wrong("sequence number at the end", last, sequence);
  return (length & COUNTED) != 0;
}

// Takes one message; 0 when it was the end message.
static inline int sink_take(struct sink *sink, const unsigned char *message, size_t got) {
  if (got >= 4 && sequence_of(message) == END_SEQUENCE) {
    verify(message, got, sink->size, END_SEQUENCE);
    return 0;
  }
  const int counted = verify(message, got, sink->size, sink->expected);
  sink->expected++;
  if (__builtin_expect(counted && sink->counted_from < 0, 0)) sink_start(sink);
  return 1;
}

// One function for each workload of each mechanism.
typedef void (*program)(const struct options *options);
program find_ring(const struct options *options);
program find_stream(const struct options *options);
program find_packets(const struct options *options);
program find_queues(const struct options *options);
program find_doorbell(const struct options *options);

// Runs the two sides in two processes, pinned; the host is this one. Ends when both have ended well.
void run_pair(const struct options *options, void (*host)(const struct options *, void *),
              void (*guest)(const struct options *, void *), void *shared);
pid_t fork_pinned(int cpu);
void wait_for(pid_t child);
void *share_memory(size_t size);

#endif
