#ifndef SLUICE_CONTROL_H
#define SLUICE_CONTROL_H

#include <stddef.h>
#include <sys/socket.h>

// CMSG_NXTHDR (cmsg(3)): as a macro of glibc it may become a call of glibc, which other C libraries do not have.
static inline struct cmsghdr *control_after(const struct msghdr *message, struct cmsghdr *part) {
    char *end = (char *)message->msg_control + message->msg_controllen;
    if (part->cmsg_len < sizeof *part || part->cmsg_len > (size_t)(end - (char *)part)) return NULL;
    size_t left = (size_t)(end - (char *)part);
    size_t step = CMSG_ALIGN(part->cmsg_len);
    if (step > left || left - step < sizeof *part) return NULL;
    return (struct cmsghdr *)((char *)part + step);
}

#endif
