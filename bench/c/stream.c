// Streams of bytes, a Unix socket, a TCP connection over loopback, a FIFO or a pipe, with 4-byte length prefixes: one write a message ("each"), or frames gathered into
// 64 KiB before each write ("batched"). The reader takes as much as there is, up to 64 KiB or one frame.
#include "common.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define BATCH 65536

struct stream {
  int to_host[2], to_guest[2];  // [0] is read, [1] is written; of a socket both are the same descriptor
};

static void open_tcp(int pair[2]) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
  if (server < 0 || bind(server, (struct sockaddr *)&address, length) != 0) fail("bind");
  if (listen(server, 1) != 0 || getsockname(server, (struct sockaddr *)&address, &length) != 0) fail("listen");
  pair[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (pair[1] < 0 || connect(pair[1], (struct sockaddr *)&address, length) != 0) fail("connect");
  pair[0] = accept(server, NULL, NULL);
  if (pair[0] < 0) fail("accept");
  for (int i = 0; i < 2; i++) {
    if (setsockopt(pair[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0) fail("setsockopt");
  }
  close(server);
}

static struct stream open_stream(const struct options *options) {
  struct stream stream;
  if (strcmp(options->mechanism, "fifo") != 0) {
    int pair[2];
    if (strcmp(options->mechanism, "tcp") == 0) {
      open_tcp(pair);
    } else if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
      fail("socketpair");
    }
    stream.to_host[0] = stream.to_guest[1] = pair[0];
    stream.to_host[1] = stream.to_guest[0] = pair[1];
    return stream;
  }
  if (strcmp(options->mechanism, "pipe") == 0) {
    if (pipe2(stream.to_host, O_CLOEXEC) != 0 || pipe2(stream.to_guest, O_CLOEXEC) != 0) fail("pipe2");
    return stream;
  }
  char folder[] = "/tmp/sluice-bench-XXXXXX", path[64];
  if (mkdtemp(folder) == NULL) fail("mkdtemp");
  int *const pipes[] = {stream.to_host, stream.to_guest};
  for (int i = 0; i < 2; i++) {
    snprintf(path, sizeof path, "%s/fifo%d", folder, i);
    if (mkfifo(path, 0600) != 0) fail("mkfifo");
    pipes[i][0] = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    pipes[i][1] = open(path, O_WRONLY | O_CLOEXEC);
    if (pipes[i][0] < 0 || pipes[i][1] < 0 || fcntl(pipes[i][0], F_SETFL, 0) != 0) fail("open");
    unlink(path);
  }
  rmdir(folder);
  return stream;
}

static void write_all(int fd, const unsigned char *bytes, size_t length) {
  while (length > 0) {
    const ssize_t written = write(fd, bytes, length);
    if (written < 0) fail("write");
    bytes += written;
    length -= (size_t)written;
  }
}

struct reader {
  int fd;
  unsigned char *buffer;
  size_t capacity, start, end;
};

static struct reader make_reader(int fd, size_t size) {
  const size_t capacity = size + 4 > BATCH ? size + 4 : BATCH;
  struct reader reader = {fd, malloc(capacity), capacity, 0, 0};
  if (reader.buffer == NULL) fail("malloc");
  return reader;
}

// The next frame's payload, which lies in the reader's buffer until the next call.
static const unsigned char *read_frame(struct reader *reader, size_t *length) {
  for (;;) {
    const size_t have = reader->end - reader->start;
    uint32_t announced = 0;
    if (have >= 4) {
      memcpy(&announced, reader->buffer + reader->start, 4);
      if (announced + 4ul > reader->capacity) wrong("announced length", announced, reader->capacity - 4);
      if (have >= announced + 4ul) {
        const unsigned char *const payload = reader->buffer + reader->start + 4;
        reader->start += announced + 4ul;
        *length = announced;
        return payload;
      }
    }
    if (reader->start > 0) {
      memmove(reader->buffer, reader->buffer + reader->start, have);
      reader->start = 0;
      reader->end = have;
    }
    const ssize_t got = read(reader->fd, reader->buffer + reader->end, reader->capacity - reader->end);
    if (got < 0) fail("read");
    if (got == 0) wrong("end of the stream", 0, 1);
    reader->end += (size_t)got;
  }
}

static void send_all(const int *fds, int count, const struct options *options) {
  const size_t frame = options->size + 4;
  const size_t most = strcmp(options->style, "batched") == 0 && frame < BATCH ? BATCH / frame : 1;
  unsigned char *const batch = malloc(most * frame);
  struct source source;
  if (batch == NULL) fail("malloc");
  memset(batch, 'x', most * frame);
  source_init(&source, options);
  for (int over = 0; !over;) {
    size_t filled = 0;
    while (filled < most && !over) {
      unsigned char *const place = batch + filled++ * frame;
      const uint32_t length = (uint32_t)options->size;
      const unsigned char *const message = source_next(&source);
      memcpy(place, &length, 4);
      memcpy(place + 4, message, options->size);
      over = sequence_of(message) == END_SEQUENCE;
    }
    for (int i = 0; i < count; i++) write_all(fds[i], batch, filled * frame);
  }
  source_report(&source);
  free(batch);
}

static void receive_all(int fd, const struct options *options) {
  struct reader reader = make_reader(fd, options->size);
  struct sink sink;
  size_t length;
  sink_init(&sink, options);
  for (;;) {
    const unsigned char *const message = read_frame(&reader, &length);
    if (!sink_take(&sink, message, length)) break;
  }
  sink_report(&sink);
}

static void one_way_host(const struct options *options, void *shared) {
  receive_all(((struct stream *)shared)->to_host[0], options);
}
static void one_way_guest(const struct options *options, void *shared) {
  send_all(&((struct stream *)shared)->to_host[1], 1, options);
}
static void one_way(const struct options *options) {
  struct stream stream = open_stream(options);
  run_pair(options, one_way_host, one_way_guest, &stream);
}

static void fan_out(const struct options *options) {
  int fds[MAX_SUBSCRIBERS];
  pid_t children[MAX_SUBSCRIBERS];
  for (int i = 0; i < options->subscribers; i++) {
    const struct stream stream = open_stream(options);
    fds[i] = stream.to_host[1];
    children[i] = fork_pinned(options->guest_cpu);
    if (children[i] == 0) {
      receive_all(stream.to_host[0], options);
      exit(0);
    }
  }
  pin(options->host_cpu);
  send_all(fds, options->subscribers, options);
  for (int i = 0; i < options->subscribers; i++) wait_for(children[i]);
}

static unsigned char *make_frame(size_t size) {
  unsigned char *const frame = malloc(size + 4);
  const uint32_t length = (uint32_t)size;
  if (frame == NULL) fail("malloc");
  memset(frame, 'x', size + 4);
  memcpy(frame, &length, 4);
  return frame;
}

static void answer(const struct options *options, void *shared) {
  const struct stream *const stream = shared;
  struct reader reader = make_reader(stream->to_host[0], options->size);
  unsigned char *const frame = make_frame(options->size);
  size_t length;
  for (uint32_t expected = 0;; expected++) {
    const unsigned char *const message = read_frame(&reader, &length);
    const int last = sequence_of(message) == END_SEQUENCE;
    verify(message, length, options->size, last ? END_SEQUENCE : expected);
    if (last) return;
    memcpy(frame + 4, message, length);
    write_all(stream->to_guest[1], frame, options->size + 4);
  }
}

static void ask(const struct options *options, void *shared) {
  const struct stream *const stream = shared;
  struct reader reader = make_reader(stream->to_guest[0], options->size);
  unsigned char *const frame = make_frame(options->size);
  struct rounds rounds;
  size_t length;
  rounds_init(&rounds, options);
  for (uint32_t sequence = 0;; sequence++) {
    const double started = now_seconds();
    stamp(frame + 4, options->size, sequence);
    write_all(stream->to_host[1], frame, options->size + 4);
    const unsigned char *const message = read_frame(&reader, &length);
    verify(message, length, options->size, sequence);
    if (!rounds_add(&rounds, started, now_seconds())) break;
  }
  stamp(frame + 4, options->size, END_SEQUENCE);
  write_all(stream->to_host[1], frame, options->size + 4);
  rounds_report(&rounds);
}

static void round_trip(const struct options *options) {
  struct stream stream = open_stream(options);
  run_pair(options, answer, ask, &stream);
}

program find_stream(const struct options *options) {
  const char *const mechanism = options->mechanism;
  const int fifo = strcmp(mechanism, "fifo") == 0;
  if (strcmp(mechanism, "stream") != 0 && strcmp(mechanism, "tcp") != 0 && strcmp(mechanism, "pipe") != 0 && !fifo) return NULL;
  if (strcmp(options->workload, "one-way") == 0) return one_way;
  if (strcmp(options->workload, "round-trip") == 0) return round_trip;
  if (strcmp(options->workload, "fan-out") == 0 && !fifo) return fan_out;
  return NULL;
}
