#include "common.h"

#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>

_Noreturn void fail(const char *what) {
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(1);
}

_Noreturn void wrong(const char *what, unsigned long long got, unsigned long long wanted) {
  fprintf(stderr, "verification failed: %s is %llu, not %llu\n", what, got, wanted);
  exit(1);
}

static double seconds_of(const struct timespec *time) { return (double)time->tv_sec + (double)time->tv_nsec / 1e9; }

double now_seconds(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return seconds_of(&time);
}

double cpu_seconds(void) {
  struct timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return seconds_of(&time);
}

void pin(int cpu) {
  cpu_set_t set;
  if (cpu < 0) return;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  if (sched_setaffinity(0, sizeof set, &set) != 0) fail("sched_setaffinity");
}

struct options parse_options(int argc, char **argv) {
  struct options options = {"one-way", "ring", "busy", 64, 0.1, 0.25, -1, -1, 4};
  for (int i = 1; i + 1 < argc; i += 2) {
    const char *name = argv[i], *value = argv[i + 1];
    if (strcmp(name, "--workload") == 0) options.workload = value;
    else if (strcmp(name, "--mechanism") == 0) options.mechanism = value;
    else if (strcmp(name, "--style") == 0) options.style = value;
    else if (strcmp(name, "--size") == 0) options.size = strtoul(value, NULL, 10);
    else if (strcmp(name, "--warm") == 0) options.warm_seconds = atof(value) / 1e3;
    else if (strcmp(name, "--measure") == 0) options.measure_seconds = atof(value) / 1e3;
    else if (strcmp(name, "--host-cpu") == 0) options.host_cpu = atoi(value);
    else if (strcmp(name, "--guest-cpu") == 0) options.guest_cpu = atoi(value);
    else if (strcmp(name, "--subscribers") == 0) options.subscribers = atoi(value);
    else {
      fprintf(stderr, "there is no option %s\n", name);
      exit(2);
    }
  }
  if (options.size < 12 || options.subscribers < 1 || options.subscribers > MAX_SUBSCRIBERS) {
    fprintf(stderr, "--size must be 12 at least, --subscribers 1 to %d\n", MAX_SUBSCRIBERS);
    exit(2);
  }
  return options;
}

// The clock costs as much as a small message: it is read once for many small ones.
static uint32_t clock_mask_for(size_t size) { return size <= 1024 ? 255 : size <= 65536 ? 3 : 0; }

void source_init(struct source *source, const struct options *options) {
  memset(source, 0, sizeof *source);
  source->size = options->size;
  source->message = malloc(options->size);
  if (source->message == NULL) fail("malloc");
  memset(source->message, 'x', options->size);
  source->clock_mask = clock_mask_for(options->size);
  source->warm_end = now_seconds() + options->warm_seconds;
  source->measure_seconds = options->measure_seconds;
  source->cpu_at_warm = -1;
}

int source_more(struct source *source) {
  if ((source->sequence & source->clock_mask) != 0) return 1;
  const double now = now_seconds();
  if (source->cpu_at_warm < 0 && now >= source->warm_end) {
    // From now on, so that a sender which was held up still has its whole time.
    source->end = now + source->measure_seconds;
    source->cpu_at_warm = cpu_seconds();
    source->sequence_at_warm = source->sequence;
    source->counted = COUNTED;
  }
  // A sender that is held up all the time still has some messages counted.
  const uint32_t fewest = 2 * (source->clock_mask + 1);
  return source->cpu_at_warm < 0 || now < source->end || source->sequence - source->sequence_at_warm < fewest;
}

void source_report(struct source *source) {
  printf("{\"role\":\"sender\",\"messages\":%u,\"cpuSeconds\":%.9f}\n", source->sequence - source->sequence_at_warm,
         cpu_seconds() - source->cpu_at_warm);
  fflush(stdout);
}

void sink_init(struct sink *sink, const struct options *options) {
  memset(sink, 0, sizeof *sink);
  sink->size = options->size;
  sink->counted_from = -1;
}

void sink_start(struct sink *sink) {
  sink->counted_from = now_seconds();
  sink->counted_from_sequence = sink->expected;
  sink->cpu_from = cpu_seconds();
}

void sink_report(struct sink *sink) {
  if (sink->counted_from < 0) {
    fprintf(stderr, "no message was counted before the end\n");
    exit(1);
  }
  printf("{\"role\":\"receiver\",\"messages\":%u,\"seconds\":%.9f,\"cpuSeconds\":%.9f}\n",
         sink->expected - sink->counted_from_sequence, now_seconds() - sink->counted_from,
         cpu_seconds() - sink->cpu_from);
  fflush(stdout);
}

void rounds_init(struct rounds *rounds, const struct options *options) {
  rounds->capacity = 4000000;
  rounds->count = 0;
  rounds->microseconds = malloc(rounds->capacity * sizeof *rounds->microseconds);
  if (rounds->microseconds == NULL) fail("malloc");
  rounds->started = now_seconds();
  rounds->warm_seconds = options->warm_seconds;
  rounds->measure_seconds = options->measure_seconds;
}

int rounds_add(struct rounds *rounds, double started, double ended) {
  if (started - rounds->started >= rounds->warm_seconds && rounds->count < rounds->capacity) {
    rounds->microseconds[rounds->count++] = (ended - started) * 1e6;
  }
  return rounds->count == 0 || ended - rounds->started < rounds->warm_seconds + rounds->measure_seconds;
}

static int compare(const void *left, const void *right) {
  const double a = *(const double *)left, b = *(const double *)right;
  return (a > b) - (a < b);
}

void rounds_report(struct rounds *rounds) {
  qsort(rounds->microseconds, rounds->count, sizeof *rounds->microseconds, compare);
  if (rounds->count == 0) {
    fprintf(stderr, "no round trip was measured\n");
    exit(1);
  }
  printf("{\"role\":\"asker\",\"samples\":%zu,\"medianMicroseconds\":%.4f,\"p99Microseconds\":%.4f}\n", rounds->count,
         rounds->microseconds[rounds->count / 2], rounds->microseconds[rounds->count * 99 / 100]);
  fflush(stdout);
}

void *share_memory(size_t size) {
  void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) fail("mmap");
  return memory;
}

pid_t fork_pinned(int cpu) {
  fflush(stdout);
  const pid_t child = fork();
  if (child < 0) fail("fork");
  if (child == 0) {
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) fail("prctl");
    pin(cpu);
  }
  return child;
}

void wait_for(pid_t child) {
  int status;
  if (waitpid(child, &status, 0) < 0) fail("waitpid");
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    fprintf(stderr, "the other process failed\n");
    exit(1);
  }
}

void run_pair(const struct options *options, void (*host)(const struct options *, void *),
              void (*guest)(const struct options *, void *), void *shared) {
  const pid_t child = fork_pinned(options->guest_cpu);
  if (child == 0) {
    guest(options, shared);
    exit(0);
  }
  pin(options->host_cpu);
  host(options, shared);
  wait_for(child);
}
