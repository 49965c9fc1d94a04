// Bun for musl wants a C++ library, and Debian has none for musl. Its own one for glibc runs on musl all the same when a few names of glibc are there:
// these. Built as ld-linux-x86-64.so.2, which that library asks for by name; musl itself stands for libc.so.6 and libm.so.6.
#define _GNU_SOURCE
#include <link.h>
#include <locale.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

char __libc_single_threaded = 0;
unsigned __cpu_model[4];

int __cpu_indicator_init(void) {
    return 0;
}

// Destructors of thread-local objects are not run: the thread ends with its process here.
int __cxa_thread_atexit_impl(void (*destructor)(void *), void *object, void *library) {
    (void)destructor, (void)object, (void)library;
    return 0;
}

unsigned arc4random(void) {
    unsigned number = 0;
    getrandom(&number, sizeof number, 0);
    return number;
}

size_t __strftime_l(char *out, size_t room, const char *format, const struct tm *time, locale_t locale) {
    return strftime_l(out, room, format, time, locale);
}

struct search {
    uintptr_t address;
    struct dl_find_object *out;
};

static int visit(struct dl_phdr_info *object, size_t size, void *data) {
    (void)size;
    const struct search *search = data;
    uintptr_t low = UINTPTR_MAX, high = 0, frames = 0;
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &object->dlpi_phdr[i];
        uintptr_t start = object->dlpi_addr + part->p_vaddr;
        if (part->p_type == PT_GNU_EH_FRAME) frames = start;
        if (part->p_type != PT_LOAD) continue;
        if (start < low) low = start;
        if (start + part->p_memsz > high) high = start + part->p_memsz;
    }
    if (frames == 0 || search->address < low || search->address >= high) return 0;
    memset(search->out, 0, sizeof *search->out);
    search->out->dlfo_map_start = (void *)low;
    search->out->dlfo_map_end = (void *)high;
    search->out->dlfo_eh_frame = (void *)frames;
    return 1;
}

// Where the unwinder finds the frames of the code at an address.
int _dl_find_object(void *address, struct dl_find_object *out) {
    struct search search = {(uintptr_t)address, out};
    return dl_iterate_phdr(visit, &search) == 1 ? 0 : -1;
}
