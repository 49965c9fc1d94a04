#include "core.h"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

// Where the parts of an endpoint are: see ENDPOINT_BYTES in core.h.
enum { FAMILY = 0, PORT = 2, ADDRESS = 4, SCOPE = 20 };

#ifndef SO_MEMINFO
#define SO_MEMINFO 55
#endif
// linux/sock_diag.h: what SO_MEMINFO tells, as so many numbers, and which of them counts what was dropped.
enum { MEMINFO_FIELDS = 9, MEMINFO_DROPS = 8 };

union internet_address {
    struct sockaddr any;
    struct sockaddr_in four;
    struct sockaddr_in6 six;
};

static socklen_t address_of(union internet_address *address, const uint8_t *endpoint) {
    memset(address, 0, sizeof *address);
    if (endpoint[FAMILY] == 4) {
        address->four.sin_family = AF_INET;
        memcpy(&address->four.sin_port, endpoint + PORT, 2);
        memcpy(&address->four.sin_addr, endpoint + ADDRESS, 4);
        return sizeof address->four;
    }
    address->six.sin6_family = AF_INET6;
    memcpy(&address->six.sin6_port, endpoint + PORT, 2);
    memcpy(&address->six.sin6_addr, endpoint + ADDRESS, 16);
    memcpy(&address->six.sin6_scope_id, endpoint + SCOPE, 4);
    return sizeof address->six;
}

size_t internet_endpoint_of(uint8_t out[ENDPOINT_BYTES], const void *address, unsigned length) {
    union internet_address copy;
    if (length > sizeof copy) length = sizeof copy;
    memset(&copy, 0, sizeof copy);
    memcpy(&copy, address, length);
    if (copy.any.sa_family != AF_INET && copy.any.sa_family != AF_INET6) return 0;
    memset(out, 0, ENDPOINT_BYTES);
    if (copy.any.sa_family == AF_INET) {
        out[FAMILY] = 4;
        memcpy(out + PORT, &copy.four.sin_port, 2);
        memcpy(out + ADDRESS, &copy.four.sin_addr, 4);
    } else {
        out[FAMILY] = 6;
        memcpy(out + PORT, &copy.six.sin6_port, 2);
        memcpy(out + ADDRESS, &copy.six.sin6_addr, 16);
        memcpy(out + SCOPE, &copy.six.sin6_scope_id, 4);
    }
    return ENDPOINT_BYTES;
}

int64_t internet_open(int family, int type) {
    return RESULT(socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

int64_t internet_bind(int fd, const uint8_t *endpoint) {
    union internet_address address;
    socklen_t length = address_of(&address, endpoint);
    return RESULT(bind(fd, &address.any, length));
}

int64_t internet_connect(int fd, const uint8_t *endpoint) {
    union internet_address address;
    socklen_t length = address_of(&address, endpoint);
    int64_t result = RESULT_RETRIED(connect(fd, &address.any, length));
    // What a signal has interrupted may go on being made, as connect(2) says of EINTR: the second call then tells of the first.
    return result == -EALREADY ? -EINPROGRESS : result == -EISCONN ? 0 : result;
}

int64_t internet_name(int fd, uint8_t out[ENDPOINT_BYTES]) {
    union internet_address address;
    socklen_t length = sizeof address;
    int64_t result = RESULT(getsockname(fd, &address.any, &length));
    if (result < 0) return result;
    return internet_endpoint_of(out, &address, length) > 0 ? 0 : -EAFNOSUPPORT;
}

int64_t internet_peer_name(int fd, uint8_t out[ENDPOINT_BYTES]) {
    union internet_address address;
    socklen_t length = sizeof address;
    int64_t result = RESULT(getpeername(fd, &address.any, &length));
    if (result < 0) return result;
    return internet_endpoint_of(out, &address, length) > 0 ? 0 : -EAFNOSUPPORT;
}

int64_t internet_send(int fd, const void *bytes, size_t length, const uint8_t *to) {
    union internet_address address;
    socklen_t used = address_of(&address, to);
    return RESULT_RETRIED(sendto(fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL, &address.any, used));
}

int64_t internet_get_option(int fd, int level, int option) {
    int value = 0;
    socklen_t length = sizeof value;
    int64_t result = RESULT(getsockopt(fd, level, option, &value, &length));
    return result < 0 ? result : value;
}

int64_t internet_set_option(int fd, int level, int option, int value) {
    return RESULT(setsockopt(fd, level, option, &value, sizeof value));
}

int64_t internet_set_membership(int fd, const uint8_t *group, unsigned interface, bool member) {
    union internet_address address;
    struct group_req request = {.gr_interface = interface};
    socklen_t length = address_of(&address, group);
    memcpy(&request.gr_group, &address, length);
    int level = address.any.sa_family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6;
    return RESULT(setsockopt(fd, level, member ? MCAST_JOIN_GROUP : MCAST_LEAVE_GROUP, &request, sizeof request));
}

int64_t internet_set_multicast_interface(int fd, int family, unsigned interface) {
    if (family == AF_INET6) return internet_set_option(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, (int)interface);
    struct ip_mreqn request = {.imr_ifindex = (int)interface};
    return RESULT(setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &request, sizeof request));
}

int64_t internet_unsent_bytes(int fd) {
    int unsent = 0;
    int64_t result = RESULT(ioctl(fd, SIOCOUTQ, &unsent));
    return result < 0 ? result : unsent;
}

int64_t internet_dropped(int fd) {
    uint32_t fields[MEMINFO_FIELDS] = {0};
    socklen_t length = sizeof fields;
    int64_t result = RESULT(getsockopt(fd, SOL_SOCKET, SO_MEMINFO, fields, &length));
    return result < 0 ? result : fields[MEMINFO_DROPS];
}
