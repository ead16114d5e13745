/* SPDX-License-Identifier: Apache-2.0 */
/* Blobs through the plugin's table, each call checked. */
#include "blob.h"

#include <stdlib.h>
#include <string.h>

enum { PIECE_MAX = 1300 * 1024 + 7 };

/* --- uploads --- */

static void track(struct world *w, const struct regstore_upload *from, struct regstore_upload *to)
{
    (void)pthread_mutex_lock(&w->lock);
    for (size_t i = 0; i < WORLD_UPLOADS; i++) {
        if (w->uploads[i] == from) {
            w->uploads[i] = to;
            break;
        }
    }
    (void)pthread_mutex_unlock(&w->lock);
}

struct regstore_upload *upload_begin(struct world *w, const struct regstore_upload_opts *opts)
{
    CALL(c);
    struct regstore_upload *u = NULL;
    EXPECT_OK(&c, w->p->upload_open(w->store, &c.in, opts, &u));
    CLAIM(u != NULL, "upload_open gave OK and no upload");
    track(w, NULL, u);
    return u;
}

struct regstore_upload *upload_new(struct world *w, const char *key)
{
    const struct regstore_upload_opts opts = {
        .struct_size = sizeof opts, .flags = REGSTORE_UPLOAD_SHA256, .key = key};
    return upload_begin(w, &opts);
}

struct regstore_upload *upload_resume(struct world *w, const char *token)
{
    const struct regstore_upload_opts opts = {.struct_size = sizeof opts, .token = token};
    return upload_begin(w, &opts);
}

void upload_end(struct world *w, struct regstore_upload *u)
{
    if (u == NULL)
        return;
    track(w, u, NULL);
    w->p->upload_close(u);
}

void upload_must_be_at(struct world *w, struct regstore_upload *u, uint64_t offset)
{
    const uint64_t seen = w->p->upload_offset(u);
    CLAIM(seen == offset, "upload_offset says %llu after %llu bytes", (unsigned long long)seen,
          (unsigned long long)offset);
}

/* Small ones, odd ones, and now and then a large one. */
static size_t piece_length(uint64_t seed, uint64_t offset)
{
    const uint64_t r = content_mix(seed, offset);
    switch (r % 4) {
    case 0:
        return 1 + (size_t)(r / 4 % 70000);
    case 1:
        return 32 * 1024;
    default:
        return 1 + (size_t)(r / 4 % PIECE_MAX);
    }
}

regstore_status upload_try_fill(struct world *w, struct regstore_upload *u, const struct content *c,
                                uint64_t end, struct call *call)
{
    unsigned char *piece = malloc(PIECE_MAX);
    if (piece == NULL)
        FAIL("no memory for the test itself");
    regstore_status status = REGSTORE_OK;
    uint64_t offset = w->p->upload_offset(u);
    while (offset < end && status == REGSTORE_OK) {
        size_t len = piece_length(c->stretch[0].seed, offset);
        if (len > end - offset)
            len = (size_t)(end - offset);
        content_fill(c, offset, piece, len);
        call_reset(call);
        status = w->p->upload_write(u, &call->in, piece, len);
        if (status != REGSTORE_OK)
            break;
        offset += len;
        upload_must_be_at(w, u, offset);
    }
    free(piece);
    return status;
}

void upload_fill(struct world *w, struct regstore_upload *u, const struct content *c, uint64_t end)
{
    CALL(call);
    const regstore_status status = upload_try_fill(w, u, c, end, &call);
    CLAIM(status == REGSTORE_OK, "upload_write at offset %llu gave %s: \"%.511s\"",
          (unsigned long long)w->p->upload_offset(u), regstore_host_status_name(status),
          call.error.message);
}

regstore_status upload_commit(struct world *w, struct regstore_upload *u, struct call *c,
                              const char *key, const char *digest, uint64_t flags)
{
    struct regstore_stat st = STAT_INIT;
    const struct regstore_commit_opts opts = {
        .struct_size = sizeof opts, .flags = flags, .key = key, .digest = digest};
    return w->p->upload_commit(u, &c->in, &opts, &st);
}

void upload_finish(struct world *w, struct regstore_upload *u, const char *key)
{
    CALL(c);
    EXPECT_OK(&c, upload_commit(w, u, &c, key, NULL, 0));
}

void upload_park(struct world *w, struct regstore_upload *u, char token[REGSTORE_TOKEN_MAX])
{
    CALL(c);
    uint64_t kept = UINT64_MAX;
    token[0] = '\0';
    EXPECT_OK(&c, w->p->upload_suspend(u, &c.in, token, REGSTORE_TOKEN_MAX, &kept));
    upload_must_be_at(w, u, kept);
    upload_end(w, u);
}

/* --- whole blobs --- */

void blob_put(struct world *w, const char *key, const struct content *c)
{
    struct regstore_upload *u = upload_new(w, NULL);
    upload_fill(w, u, c, c->length);
    upload_finish(w, u, key);
    upload_end(w, u);
}

void blob_delete(struct world *w, const char *key)
{
    CALL(c);
    EXPECT_OK(&c, w->p->delete_blobs(w->store, &c.in, &key, 1, NULL));
}

bool blob_exists(struct world *w, const char *key)
{
    CALL(c);
    struct regstore_stat st = STAT_INIT;
    const regstore_status status = w->p->stat(w->store, &c.in, key, &st);
    EXPECT_SEEN(&c, "stat", status, REGSTORE_OK, REGSTORE_NOT_FOUND);
    return status == REGSTORE_OK;
}

void blob_must_be_absent(struct world *w, const char *key)
{
    CALL(c);
    struct regstore_stat st = STAT_INIT;
    struct regstore_reader *r = NULL;
    EXPECT(&c, w->p->stat(w->store, &c.in, key, &st), REGSTORE_NOT_FOUND);
    EXPECT(&c, w->p->read_open(w->store, &c.in, key, NULL, &r, NULL), REGSTORE_NOT_FOUND);
}

struct regstore_reader *reader_new(struct world *w, const char *key, uint64_t offset,
                                   uint64_t length)
{
    CALL(c);
    struct regstore_reader *r = NULL;
    const struct regstore_read_opts opts = {
        .struct_size = sizeof opts, .offset = offset, .length = length};
    EXPECT_OK(&c, w->p->read_open(w->store, &c.in, key, &opts, &r, NULL));
    CLAIM(r != NULL, "read_open gave OK and no reader");
    return r;
}

void reader_must_give(struct world *w, struct regstore_reader *r, const struct content *c,
                      uint64_t offset, uint64_t end, size_t cap)
{
    CALL(call);
    unsigned char *buf = malloc(cap);
    if (buf == NULL)
        FAIL("no memory for the test itself");
    for (;;) {
        size_t got = SIZE_MAX;
        EXPECT_OK(&call, w->p->read_next(r, &call.in, buf, cap, &got));
        CLAIM(got <= cap, "read_next gave %zu bytes into %zu", got, cap);
        if (got == 0)
            break;
        CLAIM(got <= end - offset, "read_next gave %zu bytes where %llu were left", got,
              (unsigned long long)(end - offset));
        const size_t differs = content_differs(c, offset, buf, got);
        CLAIM(differs == got, "the byte at offset %llu is another one than was written",
              (unsigned long long)(offset + differs));
        offset += got;
    }
    CLAIM(offset == end, "reading ended with OK at offset %llu, %llu was due",
          (unsigned long long)offset, (unsigned long long)end);
    free(buf);
}

void blob_must_be(struct world *w, const char *key, const struct content *c)
{
    CALL(call);
    struct regstore_stat st = STAT_INIT, read_st = STAT_INIT;
    struct regstore_reader *r = NULL;
    EXPECT_OK(&call, w->p->stat(w->store, &call.in, key, &st));
    CLAIM(st.length == c->length, "stat says %llu bytes, %llu were written",
          (unsigned long long)st.length, (unsigned long long)c->length);
    EXPECT_OK(&call, w->p->read_open(w->store, &call.in, key, NULL, &r, &read_st));
    CLAIM(read_st.length == c->length, "read_open says %llu bytes, %llu were written",
          (unsigned long long)read_st.length, (unsigned long long)c->length);
    reader_must_give(w, r, c, 0, c->length, 256 * KIB);
    w->p->read_close(r);
}

/* True when all that the reader gives is the content, from its begin to its end. */
static bool reader_gives(struct world *w, struct regstore_reader *r, const struct content *c)
{
    static const size_t cap = 64 * KIB;
    CALL(call);
    unsigned char *buf = malloc(cap);
    if (buf == NULL)
        FAIL("no memory for the test itself");
    uint64_t offset = 0;
    size_t got = 1;
    bool is = true;
    while (is && got > 0) {
        EXPECT_OK(&call, w->p->read_next(r, &call.in, buf, cap, &got));
        is = got <= c->length - offset && content_differs(c, offset, buf, got) == got;
        offset += got;
    }
    free(buf);
    return is && offset == c->length;
}

bool blob_is(struct world *w, const char *key, const struct content *c)
{
    CALL(call);
    struct regstore_stat st = STAT_INIT;
    struct regstore_reader *r = NULL;
    const regstore_status status = w->p->read_open(w->store, &call.in, key, NULL, &r, &st);
    EXPECT_SEEN(&call, "read_open", status, REGSTORE_OK, REGSTORE_NOT_FOUND);
    if (status == REGSTORE_NOT_FOUND)
        return false;
    const bool is = st.length == c->length && reader_gives(w, r, c);
    w->p->read_close(r);
    return is;
}
