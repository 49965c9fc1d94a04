#include "core.h"

#include <stdlib.h>
#include <string.h>

// A worker that is terminated runs none of its own JavaScript any more, so nobody would close what it had open. The set is one bit a
// descriptor and used by its own thread only.

bool owned_add(struct owned *set, int fd) {
    size_t word = (size_t)fd / 64;
    if (word >= set->count) {
        size_t count = set->count == 0 ? 16 : set->count;
        while (count <= word) count *= 2;
        uint64_t *words = realloc(set->words, count * sizeof *words);
        if (words == NULL) return false;
        memset(words + set->count, 0, (count - set->count) * sizeof *words);
        set->words = words;
        set->count = count;
    }
    set->words[word] |= UINT64_C(1) << (fd % 64);
    return true;
}

bool owned_remove(struct owned *set, int fd) {
    size_t word = (size_t)fd / 64;
    uint64_t bit = UINT64_C(1) << (fd % 64);
    if (word >= set->count || (set->words[word] & bit) == 0) return false;
    set->words[word] &= ~bit;
    return true;
}

void owned_close_all(struct owned *set) {
    for (size_t word = 0; word < set->count; word++) {
        for (uint64_t bits = set->words[word]; bits != 0; bits &= bits - 1) {
            descriptor_close((int)(word * 64) + __builtin_ctzll(bits));
        }
    }
    free(set->words);
    *set = (struct owned){0};
}
