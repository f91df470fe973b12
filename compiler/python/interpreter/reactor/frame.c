#include "frame.h"

#include <stdlib.h>
#include <string.h>

enum {
    MESSAGE_MIN = 2 + 4,  // bytes: a number of attributes, a length of data
    ATTR_MIN = 2 + 1 + 4, // bytes: two lengths, a name of one byte
    KEEP_MAX = 256 << 10, // bytes of a buffer that is kept for the next message
};

static uint16_t load16(const uint8_t *b) { return (uint16_t)(b[0] | b[1] << 8); }

static uint32_t load32(const uint8_t *b) { return b[0] | b[1] << 8 | b[2] << 16 | (uint32_t)b[3] << 24; }

// Splits n bytes off.
static bool take(frame_bytes *b, size_t n, frame_bytes *taken) {
    if (n > b->n) return false;
    *taken = (frame_bytes){b->at, n};
    b->at += n;
    b->n -= n;
    return true;
}

// Splits bytes off that a length of width bytes stands before.
static bool vector(frame_bytes *b, size_t width, frame_bytes *taken) {
    frame_bytes length;
    if (!take(b, width, &length)) return false;
    return take(b, width == 2 ? load16(length.at) : load32(length.at), taken);
}

bool frame_cut(frame_bytes *attrs, frame_bytes *name, frame_bytes *value) {
    frame_bytes rest = *attrs;
    if (!vector(&rest, 2, name) || !vector(&rest, 4, value)) return false;
    *attrs = rest;
    return true;
}

bool frame_find(frame_bytes attrs, const char *name, frame_bytes *value) {
    frame_bytes n;
    size_t size = strlen(name);
    while (frame_cut(&attrs, &n, value))
        if (n.n == size && memcmp(n.at, name, size) == 0) return true;
    return false;
}

// The bytes that follow the first of a character, by RFC 3629; -1: it begins none.
// The second one is within low and high.
static int following(uint8_t first, uint8_t *low, uint8_t *high) {
    *low = 0x80, *high = 0xbf;
    if (first < 0xc2) return -1;
    if (first < 0xe0) return 1;
    if (first < 0xf0) {
        if (first == 0xe0) *low = 0xa0;
        if (first == 0xed) *high = 0x9f;
        return 2;
    }
    if (first == 0xf0) *low = 0x90;
    if (first == 0xf4) *high = 0x8f;
    return first < 0xf5 ? 3 : -1;
}

static bool text(frame_bytes b) {
    for (size_t i = 0; i < b.n; i++) {
        uint8_t low, high;
        if (b.at[i] < 0x80) continue;
        int more = following(b.at[i], &low, &high);
        if (more < 0 || (size_t)more > b.n - i - 1) return false;
        for (; more > 0; more--, low = 0x80, high = 0xbf) {
            i++;
            if (b.at[i] < low || b.at[i] > high) return false;
        }
    }
    return true;
}

const char *frame_check(frame_bytes name, frame_bytes value) {
    if (name.n == 0) return "name";
    if (name.n > FRAME_NAME_MAX || value.n > FRAME_VALUE_MAX) return "limit";
    return text(name) && text(value) ? NULL : "utf8";
}

// Whether a name stands among attributes.
static bool contains(frame_bytes attrs, frame_bytes name) {
    frame_bytes n, value;
    while (frame_cut(&attrs, &n, &value))
        if (n.n == name.n && memcmp(n.at, name.at, n.n) == 0) return true;
    return false;
}

const char *frame_read(frame_reader *r, const uint8_t *b, size_t n, bool strict) {
    if (n < 4) return "short";
    *r = (frame_reader){{b + 4, n - 4}, load32(b), strict};
    // So a count alone never makes anybody allocate.
    if ((uint64_t)r->left * MESSAGE_MIN > r->rest.n) return "count";
    return r->left == 0 && r->rest.n > 0 ? "trailing" : NULL;
}

static const char *attributes(frame_reader *r, frame_bytes *b, frame_message *m) {
    frame_bytes count, name, value;
    if (!take(b, 2, &count)) return "short";
    uint16_t n = load16(count.at);
    if (n > FRAME_ATTRS_MAX) return "limit";
    if ((size_t)n * ATTR_MIN > b->n) return "count";
    const uint8_t *start = b->at;
    for (; n > 0; n--) {
        frame_bytes before = {start, (size_t)(b->at - start)};
        if (!frame_cut(b, &name, &value)) return "short";
        if (!r->strict) continue;
        const char *wrong = frame_check(name, value);
        if (wrong) return wrong;
        if (contains(before, name)) return "duplicate";
    }
    m->attrs = (frame_bytes){start, (size_t)(b->at - start)};
    return NULL;
}

const char *frame_next(frame_reader *r, frame_message *m) {
    frame_bytes b = r->rest;
    const char *wrong = attributes(r, &b, m);
    if (wrong) return wrong;
    if (!vector(&b, 4, &m->data)) return "short";
    r->rest = b;
    r->left--;
    return r->left == 0 && b.n > 0 ? "trailing" : NULL;
}

const char *frame_one(const uint8_t *b, size_t n, frame_message *m) {
    frame_reader r;
    const char *wrong = frame_read(&r, b, n, false);
    if (wrong) return wrong;
    return r.left == 1 ? frame_next(&r, m) : "count";
}

void frame_reset(frame_buffer *f) {
    if (f->cap > KEEP_MAX) {
        free(f->b);
        f->b = NULL;
        f->cap = 0;
    }
    f->n = 0;
    f->full = false;
}

static uint8_t *put(frame_buffer *f, size_t n) {
    if (n > f->cap - f->n) {
        size_t cap = f->n + n + (f->n + n) / 2 + 256;
        uint8_t *b = cap < n || f->full ? NULL : realloc(f->b, cap);
        if (!b) {
            f->full = true;
            return NULL;
        }
        f->b = b;
        f->cap = cap;
    }
    f->n += n;
    return f->b + f->n - n;
}

void frame_u16(frame_buffer *f, uint16_t v) {
    uint8_t *b = put(f, 2);
    if (b) b[0] = (uint8_t)v, b[1] = (uint8_t)(v >> 8);
}

void frame_u32(frame_buffer *f, uint32_t v) {
    uint8_t *b = put(f, 4);
    for (int i = 0; b && i < 4; i++) b[i] = (uint8_t)(v >> 8 * i);
}

void frame_bytes_put(frame_buffer *f, frame_bytes v) {
    uint8_t *b = put(f, v.n);
    if (b && v.n) memcpy(b, v.at, v.n);
}

void frame_attr(frame_buffer *f, frame_bytes name, frame_bytes value) {
    frame_u16(f, (uint16_t)name.n);
    frame_bytes_put(f, name);
    frame_u32(f, (uint32_t)value.n);
    frame_bytes_put(f, value);
}

void frame_data(frame_buffer *f, frame_bytes data) {
    frame_u32(f, (uint32_t)data.n);
    frame_bytes_put(f, data);
}
