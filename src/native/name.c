#include "core.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

// The length says where a name ends; an abstract name (first byte 0) may hold any bytes, and a path of 107 keeps its ending NUL.
unsigned name_to_address(struct sockaddr_un *address, const uint8_t *name, size_t length) {
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(address->sun_path, name, length);
    bool path = length > 0 && name[0] != 0;
    return (unsigned)(offsetof(struct sockaddr_un, sun_path) + length + (path ? 1 : 0));
}

size_t name_of_address(const struct sockaddr_un *address, unsigned length) {
    if (length <= offsetof(struct sockaddr_un, sun_path)) return 0;
    size_t bytes = length - offsetof(struct sockaddr_un, sun_path);
    if (bytes > sizeof address->sun_path) bytes = sizeof address->sun_path;
    if (address->sun_path[0] == 0) return bytes;
    // The kernel counts the NUL that ends a path.
    size_t used = 0;
    while (used < bytes && address->sun_path[used] != 0) used++;
    return used;
}
