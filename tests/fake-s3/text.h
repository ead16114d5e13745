/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory, text that grows, and lists of named values.
 *
 * A test server that runs out of memory has nothing better to do than to say so and stop: grab()
 * and all that builds on it never return NULL.
 */
#ifndef FAKE_S3_TEXT_H
#define FAKE_S3_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zeroed memory. */
void *grab(size_t bytes);

/* Room for one more element in an array that doubles; `items` is moved. */
void *grow(void *items, size_t count, size_t item_bytes);

char *copy_text(const char *s);
char *copy_text_n(const char *s, size_t length);

/* Ends in a NUL that `length` does not count; {0} is empty. */
struct text {
    char *bytes;
    size_t length, room;
};

void text_clear(struct text *t);
/* Hands the bytes over; never NULL. */
char *text_take(struct text *t);
/* The bytes as a string; never NULL. */
const char *text_str(const struct text *t);
void text_add(struct text *t, const char *s);
void text_add_n(struct text *t, const char *s, size_t length);
void text_format(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Pairs in the order in which they came; one name may come more than once. */
struct field {
    char *name, *value;
};
struct fields {
    struct field *items;
    size_t count;
};

void fields_clear(struct fields *f);
void fields_add(struct fields *f, const char *name, const char *value);
/* Takes the place of the first of that name, or is added. */
void fields_set(struct fields *f, const char *name, const char *value);
void fields_copy(struct fields *to, const struct fields *from);
/* The first of that name, whatever its case, or NULL. */
const char *fields_get(const struct fields *f, const char *name);
/* As fields_get(), but the case counts: what a query's names want. */
const char *fields_get_exact(const struct fields *f, const char *name);

bool starts_with(const char *s, const char *start);
/* The whole of `s` as a decimal number from 0 to `most`. */
bool read_number(const char *s, uint64_t most, uint64_t *number);

#endif
