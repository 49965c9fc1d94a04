// POSIX and System V message queues, one blocking system call a message.
#include "common.h"

#include <fcntl.h>
#include <mqueue.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <unistd.h>

struct queue {
  int posix;
  mqd_t descriptor;
  int id;
};

struct message {
  long type;
  unsigned char bytes[8192];
};

// Both sides inherit it; the name is gone before they begin.
static void open_queue(const struct options *options, struct queue *queue) {
  queue->posix = strcmp(options->mechanism, "mq") == 0;
  if (!queue->posix) {
    queue->id = msgget(IPC_PRIVATE, IPC_CREAT | 0600);
    if (queue->id < 0) fail("msgget");
    return;
  }
  char name[64];
  snprintf(name, sizeof name, "/sluice-limits-%d-%ld", (int)getpid(), random());
  queue->descriptor = mq_open(name, O_CREAT | O_EXCL | O_RDWR, 0600, NULL);
  if (queue->descriptor == (mqd_t)-1) fail("mq_open");
  mq_unlink(name);
}

static void close_queue(struct queue *queue) {
  if (!queue->posix && msgctl(queue->id, IPC_RMID, NULL) != 0) fail("msgctl");
}

static void put(struct queue *queue, const unsigned char *bytes, size_t size) {
  static struct message message = {.type = 1};
  if (queue->posix) {
    if (mq_send(queue->descriptor, (const char *)bytes, size, 0) != 0) fail("mq_send");
    return;
  }
  memcpy(message.bytes, bytes, size);
  if (msgsnd(queue->id, &message, size, 0) != 0) fail("msgsnd");
}

static size_t take(struct queue *queue, struct message *message) {
  const ssize_t got = queue->posix
                          ? mq_receive(queue->descriptor, (char *)message->bytes, sizeof message->bytes, NULL)
                          : msgrcv(queue->id, message, sizeof message->bytes, 0, 0);
  if (got < 0) fail("receive");
  return (size_t)got;
}

static void receive_all(const struct options *options, void *shared) {
  struct queue *const queues = shared;
  static struct message message;
  struct sink sink;
  sink_init(&sink, options);
  for (;;) {
    const size_t got = take(&queues[0], &message);
    if (!sink_take(&sink, message.bytes, got)) break;
  }
  sink_report(&sink);
}

static void send_all(const struct options *options, void *shared) {
  struct queue *const queues = shared;
  struct source source;
  source_init(&source, options);
  for (;;) {
    const unsigned char *const message = source_next(&source);
    put(&queues[0], message, options->size);
    if (sequence_of(message) == END_SEQUENCE) break;
  }
  source_report(&source);
}

static void answer(const struct options *options, void *shared) {
  struct queue *const queues = shared;
  static struct message message;
  for (uint32_t expected = 0;; expected++) {
    const size_t got = take(&queues[0], &message);
    const int last = sequence_of(message.bytes) == END_SEQUENCE;
    verify(message.bytes, got, options->size, last ? END_SEQUENCE : expected);
    if (last) return;
    put(&queues[1], message.bytes, got);
  }
}

static void ask(const struct options *options, void *shared) {
  struct queue *const queues = shared;
  static struct message question, reply;
  struct rounds rounds;
  rounds_init(&rounds, options);
  for (uint32_t sequence = 0;; sequence++) {
    const double started = now_seconds();
    stamp(question.bytes, options->size, sequence);
    put(&queues[0], question.bytes, options->size);
    verify(reply.bytes, take(&queues[1], &reply), options->size, sequence);
    if (!rounds_add(&rounds, started, now_seconds())) break;
  }
  stamp(question.bytes, options->size, END_SEQUENCE);
  put(&queues[0], question.bytes, options->size);
  rounds_report(&rounds);
}

static void run(const struct options *options, void (*host)(const struct options *, void *),
                void (*guest)(const struct options *, void *)) {
  struct queue queues[2];
  if (options->size > sizeof((struct message *)0)->bytes) {
    fprintf(stderr, "--size must be 8192 at most on message queues\n");
    exit(2);
  }
  for (int i = 0; i < 2; i++) open_queue(options, &queues[i]);
  run_pair(options, host, guest, queues);
  for (int i = 0; i < 2; i++) close_queue(&queues[i]);
}

static void one_way(const struct options *options) { run(options, receive_all, send_all); }

static void round_trip(const struct options *options) { run(options, answer, ask); }

program find_queues(const struct options *options) {
  if (strcmp(options->mechanism, "mq") != 0 && strcmp(options->mechanism, "sysv") != 0) return NULL;
  if (strcmp(options->workload, "one-way") == 0) return one_way;
  if (strcmp(options->workload, "round-trip") == 0) return round_trip;
  return NULL;
}
