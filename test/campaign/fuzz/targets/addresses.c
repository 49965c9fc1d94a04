// name.c and internet.c: addresses of all families and lengths, as a kernel or a peer may give them, and that both ways are each other's reverse.
#include "input.h"

#include <sys/socket.h>
#include <sys/un.h>

#include "internet.c"
#include "name.c"

static void names(void) {
    // As the binding lets them through: a path of up to 107 bytes without NUL, an abstract name of up to 108 bytes.
    uint8_t name[108];
    bool abstract = (take_byte() & 1) != 0;
    size_t length = take_below(abstract ? sizeof name + 1 : sizeof name);
    take_bytes(name, length);
    for (size_t i = 0; i < length; i++) {
        if (abstract ? i == 0 : name[i] == 0) name[i] = abstract ? 0 : '/';
    }
    struct sockaddr_un *address = exactly(sizeof *address);
    unsigned used = name_to_address(address, name, length);
    REQUIRE(used <= sizeof *address);
    REQUIRE(name_of_address(address, used) == length);
    REQUIRE(memcmp(address->sun_path, name, length) == 0);
    free(address);
}

static void any_name(void) {
    struct sockaddr_un address;
    take_bytes(&address, sizeof address);
    REQUIRE(name_of_address(&address, take_word()) <= sizeof address.sun_path);
}

static void endpoints(void) {
    uint8_t endpoint[ENDPOINT_BYTES] = {0}, again[ENDPOINT_BYTES];
    bool four = (take_byte() & 1) != 0;
    endpoint[FAMILY] = four ? 4 : 6;
    take_bytes(endpoint + PORT, 2);
    take_bytes(endpoint + ADDRESS, four ? 4 : 16);
    if (!four) take_bytes(endpoint + SCOPE, 4);
    union internet_address address;
    socklen_t used = address_of(&address, endpoint);
    REQUIRE(internet_endpoint_of(again, &address, used) == ENDPOINT_BYTES);
    REQUIRE(memcmp(endpoint, again, ENDPOINT_BYTES) == 0);
}

static void any_address(void) {
    size_t length = take_below(200);
    uint8_t *address = exactly(length), *out = exactly(ENDPOINT_BYTES);
    take_bytes(address, length);
    size_t result = internet_endpoint_of(out, address, (unsigned)length);
    REQUIRE(result == 0 || (result == ENDPOINT_BYTES && (out[FAMILY] == 4 || out[FAMILY] == 6) && out[1] == 0));
    free(address);
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
    input_begin(bytes, length);
    static void (*const parts[])(void) = {names, any_name, endpoints, any_address};
    parts[take_byte() % 4]();
    return 0;
}
