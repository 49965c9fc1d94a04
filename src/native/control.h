#ifndef SLUICE_CONTROL_H
#define SLUICE_CONTROL_H

#include <stddef.h>
#include <sys/socket.h>

// What CMSG_FIRSTHDR and CMSG_NXTHDR (cmsg(3)) do. The latter is a call of glibc, which other C libraries do not have; and these believe no length: a
// part that is shorter than its own header or longer than what is left is none, and ends the walk.
static inline struct cmsghdr *control_at(const struct msghdr *message, size_t offset) {
    size_t all = message->msg_controllen;
    if (offset > all || all - offset < sizeof(struct cmsghdr)) return NULL;
    struct cmsghdr *part = (struct cmsghdr *)((char *)message->msg_control + offset);
    return part->cmsg_len < sizeof *part || part->cmsg_len > all - offset ? NULL : part;
}

static inline struct cmsghdr *control_first(const struct msghdr *message) {
    return control_at(message, 0);
}

static inline struct cmsghdr *control_after(const struct msghdr *message, const struct cmsghdr *part) {
    return control_at(message, (size_t)((const char *)part - (char *)message->msg_control) + CMSG_ALIGN(part->cmsg_len));
}

#endif
