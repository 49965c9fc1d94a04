// What sysv.c and sysv-wait.c share.
#ifndef SLUICE_SYSV_H
#define SLUICE_SYSV_H

// As msgsnd(2) and msgrcv(2) want it.
struct sysv_message {
    long type;
    char text[];
};

// A copy that the caller frees; NULL: no memory.
struct sysv_message *sysv_message_of(long type, const void *bytes, size_t length);

#endif
