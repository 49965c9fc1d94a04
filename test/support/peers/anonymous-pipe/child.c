// Sends back each message with its letters in upper case. Descriptors by SLUICE_PIPE, a 4-byte length before each message.
#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int main(void) {
    int in, out;
    const char *named = getenv("SLUICE_PIPE");
    if (named == NULL || sscanf(named, "%d,%d", &in, &out) != 2) return 2;
    FILE *reader = fdopen(in, "rb"), *writer = fdopen(out, "wb");
    if (reader == NULL || writer == NULL) return 3;
    uint32_t length;
    static unsigned char message[65536];
    while (fread(&length, 4, 1, reader) == 1) {
        if (length > sizeof message || fread(message, 1, length, reader) != length) return 4;
        for (uint32_t i = 0; i < length; i++) message[i] = (unsigned char)toupper(message[i]);
        fwrite(&length, 4, 1, writer);
        fwrite(message, 1, length, writer);
        fflush(writer);
    }
    return 0;
}
