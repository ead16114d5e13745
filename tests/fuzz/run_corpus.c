/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run_corpus FOLDER: takes each file of a corpus through the fuzzer that this is linked with, as it
 * is and changed in ways that a fixed seed chooses.  No fuzzer finds less, but this one needs no
 * clang, and a few seconds.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

#define FILE_MAX    65536
#define CHANGED_MAX (2 * FILE_MAX)
#define RUNS        3000 /* changed inputs in all, whatever the number of files */

static uint64_t state = 0x9e3779b97f4a7c15;

/* xorshift64*: the same on every machine. */
static uint64_t draw(uint64_t below)
{
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (state * 0x2545f4914f6cdd1d >> 33) % below;
}

struct file {
    uint8_t *data;
    size_t size;
};

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name); /* alphasort follows the locale */
}

static bool read_file(const char *folder, const char *name, struct file *out)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    out->data = malloc(FILE_MAX);
    if (file == NULL || out->data == NULL)
        return false;
    out->size = fread(out->data, 1, FILE_MAX, file);
    return fclose(file) == 0;
}

/* What breaks parsers: bytes that mean something, and numbers at the edges. */
static const char *const pieces[] = {
    "<", ">", "/", "&", "&#13;", "]]>", "<![CDATA[", "%", "%00", "%2", "\"", "'", "\\", "\\u0000",
    "{", "}", "[", "]", ":", ",", "\n", "\r\n", "\n\n", "\n%%\n", "\t", "=", "-", "-1", "0",
    "18446744073709551615", "18446744073709551616", "9223372036854775807", "true", "null",
    "../", "\xc2\x9b", "\xff", "\xed\xa0\x80", "1677-01-01T00:00:00Z", "2262-04-11T23:47:16Z",
};

static size_t put(uint8_t *data, size_t size, size_t at, const void *piece, size_t len)
{
    if (size + len > CHANGED_MAX)
        return size;
    memmove(data + at + len, data + at, size - at);
    memcpy(data + at, piece, len);
    return size + len;
}

static size_t change_once(uint8_t *data, size_t size, const struct file *other)
{
    const size_t at = (size_t)draw(size + 1), left = size - at;
    const size_t len = (size_t)draw((left < 64 ? left : 64) + 1);
    const char *piece = pieces[draw(sizeof pieces / sizeof pieces[0])];
    switch (draw(7)) {
    case 0: /* one bit */
        if (left != 0)
            data[at] ^= (uint8_t)(1u << draw(8));
        return size;
    case 1: /* one byte */
        if (left != 0)
            data[at] = (uint8_t)draw(256);
        return size;
    case 2: /* some bytes less */
        memmove(data + at, data + at + len, left - len);
        return size - len;
    case 3: /* cut off */
        return at;
    case 4: /* some bytes twice */
        {
            uint8_t copy[64];
            memcpy(copy, data + at, len);
            return put(data, size, at, copy, len);
        }
    case 5: /* the rest is another file's */
        {
            const size_t from = other->size == 0 ? 0 : (size_t)draw(other->size);
            memcpy(data + at, other->data + from, other->size - from);
            return at + other->size - from;
        }
    default:
        return put(data, size, at, piece, strlen(piece));
    }
}

/* From a block of just this size, so that a sanitizer sees what lies beyond. */
static void run(const uint8_t *data, size_t size)
{
    uint8_t *exact = malloc(size == 0 ? 1 : size);
    if (exact == NULL)
        abort();
    memcpy(exact, data, size);
    (void)LLVMFuzzerTestOneInput(exact, size);
    free(exact);
}

static void run_changed(const struct file *files, size_t n)
{
    static uint8_t data[CHANGED_MAX];
    for (unsigned i = 0; i < RUNS; i++) {
        const struct file *file = &files[draw(n)];
        size_t size = file->size;
        memcpy(data, file->data, size);
        for (uint64_t changes = 1 + draw(4); changes > 0; changes--) {
            size = change_once(data, size, &files[draw(n)]);
            size = size > FILE_MAX ? FILE_MAX : size;
        }
        run(data, size);
    }
}

int main(int argc, char **argv)
{
    struct dirent **names = NULL;
    const int found = argc == 2 ? scandir(argv[1], &names, NULL, by_name) : -1;
    struct file *files = found > 0 ? calloc((size_t)found, sizeof *files) : NULL;
    size_t n = 0;
    if (files == NULL) {
        (void)fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 2;
    }
    for (int i = 0; i < found; i++) {
        if (names[i]->d_name[0] != '.' && !read_file(argv[1], names[i]->d_name, &files[n++])) {
            perror(names[i]->d_name);
            return 2;
        }
        free(names[i]);
    }
    free(names);
    if (n == 0) {
        (void)fprintf(stderr, "%s is empty\n", argv[1]);
        return 2;
    }
    for (size_t i = 0; i < n; i++)
        run(files[i].data, files[i].size);
    run((const uint8_t *)"", 0);
    run_changed(files, n);
    for (size_t i = 0; i < n; i++)
        free(files[i].data);
    free(files);
    (void)printf("%zu files, %d changed ones\n", n, RUNS);
    return 0;
}
