// Frames: the one encoding for everything that crosses between an actor and its host.
// Specified in abi/README.md. It knows nothing of Python, and never reads outside of
// what it is given.
#ifndef GROW_FRAME_H
#define GROW_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    FRAME_ATTRS_MAX = 64,   // attributes of one message
    FRAME_NAME_MAX = 256,   // bytes of an attribute's name
    FRAME_VALUE_MAX = 4096, // bytes of an attribute's value
};

typedef struct {
    const uint8_t *at;
    size_t n;
} frame_bytes;

typedef struct {
    frame_bytes rest;
    uint32_t left; // messages not read yet
    bool strict;   // names and values are looked at, too
} frame_reader;

// A message; all of it lies in the frame.
typedef struct {
    frame_bytes attrs; // in their encoding, without their number
    frame_bytes data;
} frame_message;

// These return NULL, or what is wrong: short, trailing, count, duplicate, utf8, name
// or limit.
const char *frame_read(frame_reader *r, const uint8_t *b, size_t n, bool strict);
const char *frame_next(frame_reader *r, frame_message *m); // not when none is left
const char *frame_one(const uint8_t *b, size_t n, frame_message *m);
const char *frame_check(frame_bytes name, frame_bytes value);

// Splits the first attribute off; false when there is none that is whole.
bool frame_cut(frame_bytes *attrs, frame_bytes *name, frame_bytes *value);
bool frame_find(frame_bytes attrs, const char *name, frame_bytes *value);

// Memory that a frame is written to.
typedef struct {
    uint8_t *b;
    size_t n, cap;
    bool full; // memory could not be had; what is put from then on is lost
} frame_buffer;

void frame_reset(frame_buffer *f); // empties it; gives back what is unusually large
void frame_u16(frame_buffer *f, uint16_t v);
void frame_u32(frame_buffer *f, uint32_t v);
void frame_bytes_put(frame_buffer *f, frame_bytes v);
void frame_attr(frame_buffer *f, frame_bytes name, frame_bytes value);
void frame_data(frame_buffer *f, frame_bytes data);

#endif
