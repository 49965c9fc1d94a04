#include "core.h"

#include <stdlib.h>

// A worker that is terminated runs none of its own JavaScript any more, so nobody would close what it had open. The set is used by its own thread only.
//
// Which number a descriptor will have only the kernel knows, so there has to be room for any: the set is a table of numbers, with linear probing. Room is made
// before a descriptor is. Afterwards it would be too late: a file or queue that was made with it would stay, and what came with a message would be lost.

enum { FIRST_BITS = 5 };

static uint32_t room_of(const struct owned *set) {
    return set->entries == NULL ? 0 : UINT32_C(1) << set->bits;
}

// Where an entry belongs. Numbers that follow one another are spread: Knuth's multiplicative hashing.
static uint32_t place_of(const struct owned *set, uint32_t entry) {
    return entry * UINT32_C(2654435769) >> (32 - set->bits);
}

// Where it is, or would go.
static uint32_t find(const struct owned *set, uint32_t entry) {
    uint32_t place = place_of(set, entry);
    while (set->entries[place] != 0 && set->entries[place] != entry) place = (place + 1) & (room_of(set) - 1);
    return place;
}

bool owned_reserve(struct owned *set, size_t more) {
    // A quarter stays free, so that searches are short and end.
    uint64_t wanted = (uint64_t)set->count + more, room = room_of(set);
    if (wanted * 4 <= room * 3) return true;
    struct owned grown = {.bits = FIRST_BITS};
    while (wanted * 4 > (UINT64_C(3) << grown.bits)) grown.bits++;
    grown.entries = calloc((size_t)1 << grown.bits, sizeof *grown.entries);
    if (grown.entries == NULL) return false;
    for (uint32_t i = 0; i < room; i++) {
        if (set->entries[i] != 0) owned_add(&grown, (int)(set->entries[i] - 1));
    }
    free(set->entries);
    *set = grown;
    return true;
}

void owned_add(struct owned *set, int fd) {
    uint32_t entry = (uint32_t)fd + 1, place = find(set, entry);
    if (set->entries[place] == entry) return;
    set->entries[place] = entry;
    set->count++;
}

bool owned_has(const struct owned *set, int fd) {
    uint32_t entry = (uint32_t)fd + 1;
    return set->entries != NULL && set->entries[find(set, entry)] == entry;
}

bool owned_remove(struct owned *set, int fd) {
    if (!owned_has(set, fd)) return false;
    uint32_t mask = room_of(set) - 1, hole = find(set, (uint32_t)fd + 1);
    for (uint32_t next = (hole + 1) & mask; set->entries[next] != 0; next = (next + 1) & mask) {
        // One that was displaced past the hole moves up, or it would not be found any more.
        if (((next - place_of(set, set->entries[next])) & mask) < ((next - hole) & mask)) continue;
        set->entries[hole] = set->entries[next];
        hole = next;
    }
    set->entries[hole] = 0;
    set->count--;
    return true;
}

void owned_close_all(struct owned *set) {
    uint32_t room = room_of(set);
    for (uint32_t i = 0; i < room; i++) {
        if (set->entries[i] != 0) descriptor_close((int)(set->entries[i] - 1));
    }
    free(set->entries);
    *set = (struct owned){0};
}
