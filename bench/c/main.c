// What C reaches on a mechanism: the other end of the scale on which sluice is measured.
//
//   limits --workload one-way|round-trip|fan-out --mechanism ring|stream|tcp|dgram|udp|seqpacket|fifo|pipe|mq|sysv|futex|eventfd
//          --style each|batched|busy|asleep|spinning --size BYTES --warm MS --measure MS --host-cpu N --guest-cpu N
//
// Prints one line of JSON for each side, and ends with 0 only if every message was verified.
#include "common.h"

int main(int argc, char **argv) {
  const struct options options = parse_options(argc, argv);
  program (*const finders[])(const struct options *) = {find_ring, find_stream, find_packets, find_queues, find_doorbell};
  for (size_t i = 0; i < sizeof finders / sizeof *finders; i++) {
    const program found = finders[i](&options);
    if (found != NULL) {
      found(&options);
      return 0;
    }
  }
  fprintf(stderr, "there is no %s over %s in the style %s\n", options.workload, options.mechanism, options.style);
  return 2;
}
