/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes in an unlinked file, and lists of pieces of it. */
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

bool spool_open(struct spool *s, const char *folder)
{
    s->fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    atomic_init(&s->end, 0);
    return s->fd >= 0;
}

void spool_close(struct spool *s)
{
    (void)close(s->fd);
}

struct blob *blob_new(struct spool *spool, uint64_t bytes)
{
    /* Whole pages, or a hole would leave its edges behind. */
    const uint64_t page = 4096;
    struct blob *b = grab(sizeof *b);
    atomic_init(&b->references, 1);
    b->spool = spool;
    b->bytes = (bytes + page - 1) / page * page;
    b->first = atomic_fetch_add(&spool->end, b->bytes);
    return b;
}

struct blob *blob_hold(struct blob *b)
{
    (void)atomic_fetch_add(&b->references, 1);
    return b;
}

void blob_drop(struct blob *b)
{
    if (b == NULL || atomic_fetch_sub(&b->references, 1) != 1)
        return;
    /* Where the file system makes no holes the space comes back when the server ends. */
    if (b->bytes > 0)
        (void)fallocate(b->spool->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)b->first,
                        (off_t)b->bytes);
    free(b);
}

bool blob_write(const struct blob *b, uint64_t offset, const void *bytes, size_t length)
{
    const char *from = bytes;
    while (length > 0) {
        ssize_t put = pwrite(b->spool->fd, from, length, (off_t)(b->first + offset));
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return false;
        from += put;
        offset += (uint64_t)put;
        length -= (size_t)put;
    }
    return true;
}

void content_clear(struct content *c)
{
    for (size_t i = 0; i < c->count; i++)
        blob_drop(c->pieces[i].blob);
    free(c->pieces);
    *c = (struct content){0};
}

void content_add(struct content *c, struct blob *blob, uint64_t first, uint64_t bytes)
{
    if (bytes == 0)
        return;
    c->pieces = grow(c->pieces, c->count, sizeof c->pieces[0]);
    c->pieces[c->count++] = (struct piece){blob_hold(blob), first, bytes};
    c->bytes += bytes;
}

void content_add_range(struct content *c, const struct content *from, uint64_t first,
                       uint64_t bytes)
{
    for (size_t i = 0; i < from->count && bytes > 0; i++) {
        const struct piece *p = &from->pieces[i];
        if (first >= p->bytes) {
            first -= p->bytes;
            continue;
        }
        uint64_t taken = p->bytes - first < bytes ? p->bytes - first : bytes;
        content_add(c, p->blob, p->first + first, taken);
        bytes -= taken;
        first = 0;
    }
}

ssize_t content_read(const struct content *c, uint64_t first, void *to, size_t bytes)
{
    for (size_t i = 0; i < c->count; i++) {
        const struct piece *p = &c->pieces[i];
        if (first >= p->bytes) {
            first -= p->bytes;
            continue;
        }
        if (bytes > p->bytes - first)
            bytes = (size_t)(p->bytes - first);
        ssize_t got;
        do
            got = pread(p->blob->spool->fd, to, bytes, (off_t)(p->blob->first + p->first + first));
        while (got < 0 && errno == EINTR);
        return got == 0 ? -1 : got;
    }
    return 0;
}
