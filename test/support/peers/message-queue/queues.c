// A foreign program at message queues: posix|sysv NAME|ID send TEXT GRADE, or posix|sysv NAME|ID receive [TYPE]. Prints what it has received.
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>

struct message {
    long type;
    char text[8192];
};

static int fail(const char *what) {
    perror(what);
    return 1;
}

static int posix(const char *name, char **rest, int count) {
    static char buffer[8193];
    unsigned priority;
    mqd_t queue = mq_open(name, O_RDWR);
    if (queue == (mqd_t)-1) return fail("mq_open");
    if (strcmp(rest[0], "send") == 0 && count == 3) {
        if (mq_send(queue, rest[1], strlen(rest[1]), (unsigned)atoi(rest[2])) != 0) return fail("mq_send");
        return 0;
    }
    ssize_t length = mq_receive(queue, buffer, 8192, &priority);
    if (length < 0) return fail("mq_receive");
    printf("%.*s %u\n", (int)length, buffer, priority);
    return 0;
}

static int sysv(const char *path, char **rest, int count) {
    static struct message message;
    int queue = msgget(ftok(path, 1), 0);
    if (queue < 0) return fail("msgget");
    if (strcmp(rest[0], "send") == 0 && count == 3) {
        message.type = atol(rest[2]);
        memcpy(message.text, rest[1], strlen(rest[1]));
        if (msgsnd(queue, &message, strlen(rest[1]), 0) != 0) return fail("msgsnd");
        return 0;
    }
    ssize_t length = msgrcv(queue, &message, sizeof message.text, count > 1 ? atol(rest[1]) : 0, 0);
    if (length < 0) return fail("msgrcv");
    printf("%.*s %ld\n", (int)length, message.text, message.type);
    return 0;
}

int main(int argc, char **argv) {
    if (argc < 4) return 2;
    return (strcmp(argv[1], "posix") == 0 ? posix : sysv)(argv[2], argv + 3, argc - 3);
}
