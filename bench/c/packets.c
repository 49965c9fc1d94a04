// Datagrams and sequenced packets over Unix sockets, and UDP over loopback, one system call a message.
#include "common.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

static void grow(int fd, int option, int forced, size_t size) {
  const int wanted = (int)(size * 2 + 4096);
  if (setsockopt(fd, SOL_SOCKET, option, &wanted, sizeof wanted) != 0) fail("setsockopt");
  int got = 0;
  socklen_t length = sizeof got;
  if (getsockopt(fd, SOL_SOCKET, option, &got, &length) != 0) fail("getsockopt");
  // Beyond net.core.wmem_max only root may go.
  if (got < wanted && setsockopt(fd, SOL_SOCKET, forced, &wanted, sizeof wanted) != 0) {
    fprintf(stderr, "a message of %zu bytes needs a larger net.core.wmem_max, or root\n", size);
    exit(1);
  }
}

static void open_udp(int pair[2]) {
  struct sockaddr_in addresses[2];
  socklen_t length = sizeof addresses[0];
  for (int i = 0; i < 2; i++) {
    addresses[i] = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    pair[i] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (pair[i] < 0 || bind(pair[i], (struct sockaddr *)&addresses[i], length) != 0) fail("bind");
    if (getsockname(pair[i], (struct sockaddr *)&addresses[i], &length) != 0) fail("getsockname");
  }
  for (int i = 0; i < 2; i++) {
    if (connect(pair[i], (struct sockaddr *)&addresses[1 - i], length) != 0) fail("connect");
  }
}

static void open_pair(const struct options *options, int pair[2]) {
  if (strcmp(options->mechanism, "udp") == 0) {
    open_udp(pair);
    return;
  }
  const int type = strcmp(options->mechanism, "dgram") == 0 ? SOCK_DGRAM : SOCK_SEQPACKET;
  if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair) != 0) fail("socketpair");
  if (options->size <= 65536) return;
  for (int i = 0; i < 2; i++) {
    grow(pair[i], SO_SNDBUF, SO_SNDBUFFORCE, options->size);
    grow(pair[i], SO_RCVBUF, SO_RCVBUFFORCE, options->size);
  }
}

static void send_packet(int fd, const unsigned char *message, size_t size) {
  if (send(fd, message, size, MSG_NOSIGNAL) != (ssize_t)size) fail("send");
}

static size_t receive_packet(int fd, unsigned char *buffer, size_t size) {
  const ssize_t got = recv(fd, buffer, size + 1, 0);
  if (got < 0) fail("recv");
  return (size_t)got;
}

static unsigned char *make_buffer(size_t size) {
  unsigned char *const buffer = calloc(1, size + 1);
  if (buffer == NULL) fail("calloc");
  return buffer;
}

static void receive_all(const struct options *options, void *shared) {
  const int fd = ((int *)shared)[0];
  unsigned char *const buffer = make_buffer(options->size);
  struct sink sink;
  sink_init(&sink, options);
  for (;;) {
    const size_t got = receive_packet(fd, buffer, options->size);
    if (!sink_take(&sink, buffer, got)) break;
  }
  sink_report(&sink);
}

static void send_all(const struct options *options, void *shared) {
  const int fd = ((int *)shared)[1];
  struct source source;
  source_init(&source, options);
  for (;;) {
    const unsigned char *const message = source_next(&source);
    send_packet(fd, message, options->size);
    if (sequence_of(message) == END_SEQUENCE) break;
  }
  source_report(&source);
}

static void answer(const struct options *options, void *shared) {
  const int fd = ((int *)shared)[0];
  unsigned char *const buffer = make_buffer(options->size);
  for (uint32_t expected = 0;; expected++) {
    const size_t got = receive_packet(fd, buffer, options->size);
    const int last = sequence_of(buffer) == END_SEQUENCE;
    verify(buffer, got, options->size, last ? END_SEQUENCE : expected);
    if (last) return;
    send_packet(fd, buffer, got);
  }
}

static void ask(const struct options *options, void *shared) {
  const int fd = ((int *)shared)[1];
  unsigned char *const message = make_buffer(options->size), *const reply = make_buffer(options->size);
  struct rounds rounds;
  rounds_init(&rounds, options);
  for (uint32_t sequence = 0;; sequence++) {
    const double started = now_seconds();
    stamp(message, options->size, sequence);
    send_packet(fd, message, options->size);
    verify(reply, receive_packet(fd, reply, options->size), options->size, sequence);
    if (!rounds_add(&rounds, started, now_seconds())) break;
  }
  stamp(message, options->size, END_SEQUENCE);
  send_packet(fd, message, options->size);
  rounds_report(&rounds);
}

static void one_way(const struct options *options) {
  int pair[2];
  open_pair(options, pair);
  run_pair(options, receive_all, send_all, pair);
}

static void round_trip(const struct options *options) {
  int pair[2];
  open_pair(options, pair);
  run_pair(options, answer, ask, pair);
}

program find_packets(const struct options *options) {
  // UDP drops what comes too fast, and a one-way stream of numbered messages needs all of them.
  if (strcmp(options->mechanism, "udp") == 0) return strcmp(options->workload, "round-trip") == 0 ? round_trip : NULL;
  if (strcmp(options->mechanism, "dgram") != 0 && strcmp(options->mechanism, "seqpacket") != 0) return NULL;
  if (strcmp(options->workload, "one-way") == 0) return one_way;
  if (strcmp(options->workload, "round-trip") == 0) return round_trip;
  return NULL;
}
