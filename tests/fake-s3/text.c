/* SPDX-License-Identifier: Apache-2.0 */
/* Memory, text that grows, and lists of named values. */
#include "text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void *held(void *memory)
{
    if (memory == NULL) {
        (void)fputs("regstore-fake-s3: out of memory\n", stderr);
        abort();
    }
    return memory;
}

void *grab(size_t bytes)
{
    return held(calloc(1, bytes == 0 ? 1 : bytes));
}

void *grow(void *items, size_t count, size_t item_bytes)
{
    /* Full whenever the count is a power of two, or nothing is there yet. */
    if (count != 0 && (count & (count - 1)) != 0)
        return items;
    return held(reallocarray(items, count == 0 ? 1 : count * 2, item_bytes));
}

char *copy_text_n(const char *s, size_t length)
{
    char *copy = grab(length + 1);
    memcpy(copy, s, length);
    return copy;
}

char *copy_text(const char *s)
{
    return copy_text_n(s, strlen(s));
}

void text_clear(struct text *t)
{
    free(t->bytes);
    *t = (struct text){0};
}

char *text_take(struct text *t)
{
    char *bytes = t->bytes == NULL ? grab(1) : t->bytes;
    *t = (struct text){0};
    return bytes;
}

const char *text_str(const struct text *t)
{
    return t->bytes == NULL ? "" : t->bytes;
}

static void make_room(struct text *t, size_t more)
{
    size_t need = t->length + more + 1;
    if (need <= t->room)
        return;
    t->room = need < 2 * t->room ? 2 * t->room : need + 64;
    t->bytes = held(realloc(t->bytes, t->room));
}

void text_add_n(struct text *t, const char *s, size_t length)
{
    make_room(t, length);
    memcpy(t->bytes + t->length, s, length);
    t->length += length;
    t->bytes[t->length] = '\0';
}

void text_add(struct text *t, const char *s)
{
    text_add_n(t, s, strlen(s));
}

void text_format(struct text *t, const char *format, ...)
{
    va_list arguments;
    char *words = NULL;

    va_start(arguments, format);
    int length = vasprintf(&words, format, arguments);
    va_end(arguments);
    if (length < 0)
        words = held(NULL);
    text_add_n(t, words, (size_t)length);
    free(words);
}

void fields_clear(struct fields *f)
{
    for (size_t i = 0; i < f->count; i++) {
        free(f->items[i].name);
        free(f->items[i].value);
    }
    free(f->items);
    *f = (struct fields){0};
}

void fields_add(struct fields *f, const char *name, const char *value)
{
    f->items = grow(f->items, f->count, sizeof f->items[0]);
    f->items[f->count++] = (struct field){copy_text(name), copy_text(value)};
}

void fields_set(struct fields *f, const char *name, const char *value)
{
    for (size_t i = 0; i < f->count; i++) {
        if (strcasecmp(f->items[i].name, name) == 0) {
            free(f->items[i].value);
            f->items[i].value = copy_text(value);
            return;
        }
    }
    fields_add(f, name, value);
}

void fields_copy(struct fields *to, const struct fields *from)
{
    for (size_t i = 0; i < from->count; i++)
        fields_add(to, from->items[i].name, from->items[i].value);
}

const char *fields_get(const struct fields *f, const char *name)
{
    for (size_t i = 0; i < f->count; i++)
        if (strcasecmp(f->items[i].name, name) == 0)
            return f->items[i].value;
    return NULL;
}

const char *fields_get_exact(const struct fields *f, const char *name)
{
    for (size_t i = 0; i < f->count; i++)
        if (strcmp(f->items[i].name, name) == 0)
            return f->items[i].value;
    return NULL;
}

bool starts_with(const char *s, const char *start)
{
    return strncmp(s, start, strlen(start)) == 0;
}

bool read_number(const char *s, uint64_t most, uint64_t *number)
{
    uint64_t value = 0;
    if (*s == '\0')
        return false;
    for (; *s != '\0'; s++) {
        if (*s < '0' || *s > '9')
            return false;
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*s - '0'), &value) || value > most)
            return false;
    }
    *number = value;
    return true;
}
