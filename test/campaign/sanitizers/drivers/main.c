// driver NAME SECONDS SEED: works one part of the core hard for so long, and prints how many rounds it made.
#include "driver.h"

#include <string.h>
#include <time.h>

static struct timespec end;

bool going_on(const struct thread *self) {
    if (self->rounds == 0) return true;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec < end.tv_sec || (now.tv_sec == end.tv_sec && now.tv_nsec < end.tv_nsec);
}

unsigned pick(struct thread *self, unsigned limit) {
    self->random ^= self->random >> 12;
    self->random ^= self->random << 25;
    self->random ^= self->random >> 27;
    return (unsigned)((self->random * UINT64_C(2685821657736338717)) >> 33) % limit;
}

uint64_t in_threads(void *(*work)(void *), uint64_t seed) {
    struct thread threads[THREADS];
    uint64_t rounds = 0;
    for (int i = 0; i < THREADS; i++) {
        threads[i] = (struct thread){.number = i, .random = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15) + (uint64_t)i};
        EXPECT(pthread_create(&threads[i].id, NULL, work, &threads[i]) == 0, "thread %d", i);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i].id, NULL);
        rounds += threads[i].rounds;
    }
    return rounds;
}

int main(int count, char **words) {
    static const struct {
        const char *name;
        uint64_t (*drive)(uint64_t seed);
    } drivers[] = {
        {"sysv-waits", drive_sysv_waits},
        {"sleepers", drive_sleepers},
        {"signals", drive_signals},
        {"packets", drive_packets},
    };
    if (count != 4) return 2;
    double seconds = atof(words[2]);
    clock_gettime(CLOCK_MONOTONIC, &end);
    uint64_t nanoseconds = (uint64_t)end.tv_nsec + (uint64_t)(seconds * 1e9);
    end.tv_sec += (time_t)(nanoseconds / 1000000000);
    end.tv_nsec = (long)(nanoseconds % 1000000000);
    for (size_t i = 0; i < sizeof drivers / sizeof *drivers; i++) {
        if (strcmp(drivers[i].name, words[1]) != 0) continue;
        printf("%llu rounds\n", (unsigned long long)drivers[i].drive(strtoull(words[3], NULL, 10)));
        return 0;
    }
    return 2;
}
