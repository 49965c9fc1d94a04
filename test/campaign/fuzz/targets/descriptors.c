// owned.c: the set of open descriptors against the simplest set there is.
#include "input.h"

#include "core.h"
#include "owned.c"

enum { MOST = 2000 };
static bool there[MOST];

int64_t descriptor_close(int fd) {
    REQUIRE(fd >= 0 && fd < MOST && there[fd]);
    there[fd] = false;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
    input_begin(bytes, length);
    memset(there, 0, sizeof there);
    struct owned set = {0};
    while (input_left > 0) {
        int fd = (int)take_below(MOST);
        if (take_byte() % 2 == 0) {
            REQUIRE(owned_reserve(&set, 1 + take_below(3)));
            owned_add(&set, fd);
            there[fd] = true;
        } else {
            REQUIRE(owned_remove(&set, fd) == there[fd]);
            there[fd] = false;
        }
        int other = (int)take_below(MOST);
        REQUIRE(owned_has(&set, fd) == there[fd] && owned_has(&set, other) == there[other]);
    }
    owned_close_all(&set);
    for (int fd = 0; fd < MOST; fd++) REQUIRE(!there[fd]);
    return 0;
}
