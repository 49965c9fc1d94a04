// Adds 1 to the counter at byte 0 of a named segment a number of times, then writes "from C" at byte 64 and exits 0 if "from Node" is at byte 128.
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    char path[300];
    snprintf(path, sizeof path, "/dev/shm/%s", argv[1]);
    int fd = open(path, O_RDWR);
    if (fd < 0) return 3;
    char *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED) return 4;
    puts("mapped");
    fflush(stdout);
    for (int count = atoi(argv[2]); count > 0; count--) __atomic_fetch_add((int32_t *)memory, 1, __ATOMIC_SEQ_CST);
    strcpy(memory + 64, "from C");
    return strcmp(memory + 128, "from Node") == 0 ? 0 : 5;
}
