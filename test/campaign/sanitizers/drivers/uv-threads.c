// What sleeper.c takes of libuv, which Node brings: here by pthreads, which the sanitizers know.
#include "driver.h"

#include <uv.h>

struct start {
    uv_thread_cb entry;
    void *argument;
};

static void *begin(void *data) {
    struct start start = *(struct start *)data;
    free(data);
    start.entry(start.argument);
    return NULL;
}

int uv_thread_create_ex(uv_thread_t *id, const uv_thread_options_t *options, uv_thread_cb entry, void *argument) {
    struct start *start = malloc(sizeof *start);
    if (start == NULL) return UV_ENOMEM;
    *start = (struct start){entry, argument};
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    // Sanitizers keep data of their own on the stack.
    pthread_attr_setstacksize(&attributes, options->stack_size * 4);
    int result = pthread_create(id, &attributes, begin, start);
    pthread_attr_destroy(&attributes);
    if (result != 0) free(start);
    return -result;
}

int uv_thread_join(uv_thread_t *id) {
    return -pthread_join(*id, NULL);
}
