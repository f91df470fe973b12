// What Zig's C library does slowly, and Python's parser does for each line and each
// f-string of a source: its strchr first looks for the end of the text, which is that
// of the file, and its strlen and strncpy go byte by byte.
#include <stddef.h>
#include <stdint.h>

#ifndef PLAIN
#define PLAIN __attribute__((no_builtin)) // not calls of itself
#endif

void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memset(void *to, int c, size_t n);

// length is that of a text, and at most max.
PLAIN static size_t length(const char *text, size_t max) {
    size_t n = 0;
    for (; n < max && (uintptr_t)(text + n) % 8 != 0; n++)
        if (!text[n]) return n;
    // A word that begins in memory ends in it, too. The term is zero if no byte is.
    for (; max - n >= 8; n += 8) {
        uint64_t word = *(const uint64_t *)(text + n);
        if ((word - 0x0101010101010101) & ~word & 0x8080808080808080) break;
    }
    while (n < max && text[n]) n++;
    return n;
}

PLAIN size_t strlen(const char *text) { return length(text, SIZE_MAX); }

PLAIN char *strchr(const char *text, int c) {
    for (; *text != (char)c; text++)
        if (!*text) return NULL;
    return (char *)text;
}

PLAIN char *strncpy(char *restrict to, const char *restrict from, size_t n) {
    size_t have = length(from, n);
    memcpy(to, from, have);
    memset(to + have, 0, n - have);
    return to;
}
