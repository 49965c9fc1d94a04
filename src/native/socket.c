#include "core.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59
#endif
#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

int64_t socket_open(int type) {
    return RESULT(socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

int64_t socket_bind(int fd, const uint8_t *name, size_t length) {
    struct sockaddr_un address;
    unsigned used = name_to_address(&address, name, length);
    return RESULT(bind(fd, (const struct sockaddr *)&address, used));
}

int64_t socket_connect(int fd, const uint8_t *name, size_t length) {
    struct sockaddr_un address;
    unsigned used = name_to_address(&address, name, length);
    return RESULT_RETRIED(connect(fd, (const struct sockaddr *)&address, used));
}

int64_t socket_disconnect(int fd) {
    struct sockaddr nobody = {.sa_family = AF_UNSPEC};
    return RESULT(connect(fd, &nobody, sizeof nobody));
}

int64_t socket_listen(int fd, int backlog) {
    return RESULT(listen(fd, backlog));
}

int64_t socket_accept(int fd) {
    return RESULT_RETRIED(accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK));
}

int64_t socket_pair(int type, int out[2]) {
    return RESULT(socketpair(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, out));
}

int64_t socket_shutdown(int fd, int how) {
    return RESULT(shutdown(fd, how));
}

int64_t socket_peer_credentials(int fd, int32_t out[3]) {
    struct ucred peer;
    socklen_t length = sizeof peer;
    int64_t result = RESULT(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length));
    if (result < 0) return result;
    out[0] = (int32_t)peer.pid;
    out[1] = (int32_t)peer.uid;
    out[2] = (int32_t)peer.gid;
    return 0;
}

int64_t socket_peer_groups(int fd, int32_t *out, size_t room) {
    socklen_t length = (socklen_t)(room * sizeof *out);
    int64_t result = RESULT(getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, out, &length));
    return result < 0 ? result : (int64_t)(length / sizeof *out);
}

int64_t socket_peer_pidfd(int fd) {
    return socket_get_option(fd, SO_PEERPIDFD);
}

int64_t socket_get_option(int fd, int option) {
    int value = 0;
    socklen_t length = sizeof value;
    int64_t result = RESULT(getsockopt(fd, SOL_SOCKET, option, &value, &length));
    return result < 0 ? result : value;
}

int64_t socket_set_option(int fd, int option, int value) {
    return RESULT(setsockopt(fd, SOL_SOCKET, option, &value, sizeof value));
}

static int64_t copy_name(uint8_t *out, size_t room, const struct sockaddr_un *address, socklen_t length) {
    size_t used = name_of_address(address, length);
    if (used > room) return -ENAMETOOLONG;
    memcpy(out, address->sun_path, used);
    return (int64_t)used;
}

int64_t socket_name(int fd, uint8_t *out, size_t room) {
    struct sockaddr_un address;
    socklen_t length = sizeof address;
    int64_t result = RESULT(getsockname(fd, (struct sockaddr *)&address, &length));
    return result < 0 ? result : copy_name(out, room, &address, length);
}

int64_t socket_peer_name(int fd, uint8_t *out, size_t room) {
    struct sockaddr_un address;
    socklen_t length = sizeof address;
    int64_t result = RESULT(getpeername(fd, (struct sockaddr *)&address, &length));
    return result < 0 ? result : copy_name(out, room, &address, length);
}
