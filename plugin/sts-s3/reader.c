/* SPDX-License-Identifier: Apache-2.0 */
#include "reader.h"

#include <stdlib.h>
#include <string.h>

#include "key.h"
#include "process.h"
#include "whole.h"

/* The first range is small, since many callers want only a little, and later ones double. */
#define FIRST_BYTES (1ull * STSS3_MIB)
#define MOST_BYTES  (8ull * STSS3_MIB)
#define WINDOW      4
/* Without memory in the budget a reader goes on with one small range at a time: nobody waits for
 * somebody else's memory (THR-4). */
#define LEAST_BYTES (256ull * 1024)

struct range {
    struct stss3_op *op;
    struct stss3_chunk *chunk;
    uint64_t length;
    bool is_summed;
};

struct stss3_reader {
    struct stss3_store *store;
    uint64_t process;
    char *key;
    struct stss3_object object;
    uint64_t next, end;          /* the next byte to ask for, and where to stop */
    uint64_t range_bytes;        /* of the next range */
    struct range window[WINDOW]; /* a ring, in order */
    size_t first, count;
    struct plug_tally told;
    uint64_t given;   /* bytes of the first range that the caller has */
    bool is_read;     /* the caller has asked for bytes at least once: it is worth reading ahead */
    bool is_verified; /* it is of the whole, whose checksum is told, or may be asked for */
    bool is_asked;
    struct stss3_whole whole;
};

static void drop_range(struct range *r)
{
    if (r->op != NULL)
        stss3_request_cancel(r->op->request);
    stss3_op_drop(r->op);
    stss3_chunk_unref(r->chunk);
    *r = (struct range){0};
}

void stss3_reader_free(struct stss3_reader *r)
{
    if (r == NULL)
        return;
    if (r->process == plug_process())
        for (size_t i = 0; i < WINDOW; i++)
            drop_range(&r->window[i]);
    if (r->process == plug_process())
        stss3_whole_clear(&r->whole);
    free(r->key);
    stss3_store_unref(r->store);
    free(r);
}

/* Memory for the next range: as much as is wanted, or, when the reader has nothing under way and
 * must go on, a little. */
static struct stss3_chunk *take_chunk(struct stss3_reader *r, uint64_t *len)
{
    struct stss3_budget *budget = r->store->running->budget;
    /* Of the usual size, not of this range's: its memory is warm more often. */
    struct stss3_chunk *chunk = stss3_chunk_new(budget, r->range_bytes);
    if (chunk != NULL && stss3_chunk_receive(chunk, *len, false))
        return chunk;
    stss3_chunk_unref(chunk);
    if (r->count != 0)
        return NULL;
    if (*len > LEAST_BYTES)
        *len = LEAST_BYTES;
    chunk = stss3_chunk_new(budget, *len);
    if (chunk != NULL && stss3_chunk_receive(chunk, *len, true))
        return chunk;
    stss3_chunk_unref(chunk);
    return NULL;
}

/* Asks for one more range; false: not now. */
static bool ask(struct stss3_reader *r)
{
    if (r->next == r->end || r->count == WINDOW)
        return false;
    uint64_t len = r->end - r->next < r->range_bytes ? r->end - r->next : r->range_bytes;
    struct stss3_chunk *chunk = take_chunk(r, &len);
    struct stss3_op *op =
        chunk == NULL ? NULL
                      : stss3_get_new(&r->store->running->client, r->key, r->next, len,
                                      r->object.etag[0] == '\0' ? NULL : r->object.etag, chunk);
    if (op == NULL) {
        stss3_chunk_unref(chunk);
        return false;
    }
    r->window[(r->first + r->count++) % WINDOW] = (struct range){op, chunk, len, false};
    r->next += len;
    if (r->range_bytes < MOST_BYTES)
        r->range_bytes *= 2;
    stss3_request_start(r->store->running->http, op->request);
    return true;
}

/* The words of a range that did not come as it should. */
static regstore_status judge_range(struct stss3_reader *r, struct plug_call *call,
                                   const struct range *range)
{
    const struct stss3_request *request = range->op->request;
    if (request->error.status == REGSTORE_EXISTS)
        return plug_fail(call, REGSTORE_CONFLICT, "the blob was replaced while it was read");
    if (request->error.status == REGSTORE_NOT_FOUND)
        return plug_fail(call, REGSTORE_CONFLICT, "the blob was deleted while it was read");
    if (request->error.status != REGSTORE_OK)
        return plug_call_adopt(call, &request->error);
    struct stss3_object seen;
    stss3_object_read(request, &seen);
    if (strcmp(seen.etag, r->object.etag) != 0)
        return plug_fail(call, REGSTORE_CONFLICT, "the blob was replaced while it was read");
    if (request->sink_len != range->length)
        return plug_fail(call, REGSTORE_UNAVAILABLE, "GetObject: the range came short");
    return REGSTORE_OK;
}

static regstore_status wait_for_first(struct stss3_reader *r, struct plug_call *call)
{
    struct range *range = &r->window[r->first];
    TRY(stss3_request_wait(range->op->request, call));
    const regstore_status status = judge_range(r, call, range);
    if (status != REGSTORE_OK) {
        /* The same call may be made again: from where the caller is. */
        for (size_t i = 0; i < r->count; i++) {
            struct range *gone = &r->window[(r->first + i) % WINDOW];
            r->next -= gone->length;
            drop_range(gone);
        }
        r->count = 0;
    }
    return status;
}

/* The checksum of the whole is asked for together with the second range: whoever stops before costs
 * no request. */
static regstore_status read_ahead(struct stss3_reader *r, struct plug_call *call)
{
    if (!r->is_read)
        return REGSTORE_OK;
    if (r->is_verified && !r->is_asked) {
        if (!stss3_whole_ask(&r->whole, &r->store->running->client, r->key, &r->object))
            return plug_no_memory(call);
        r->is_asked = true;
    }
    while (ask(r))
        ;
    return REGSTORE_OK;
}

/* Range by range, in order; with the last one it shows whether they are what they should be. */
static regstore_status sum_first(struct stss3_reader *r, struct plug_call *call)
{
    struct range *range = &r->window[r->first];
    if (!r->is_verified)
        return REGSTORE_OK;
    TRY(stss3_whole_hear(&r->whole, call, r->key, &r->object));
    r->is_verified = stss3_whole_is_told(&r->whole);
    if (!r->is_verified)
        return REGSTORE_OK;
    if (!range->is_summed)
        TRY(stss3_whole_add(&r->whole, call, stss3_chunk_data(range->chunk),
                            (size_t)range->length));
    range->is_summed = true;
    return r->count == 1 && r->next == r->end ? stss3_whole_end(&r->whole, call) : REGSTORE_OK;
}

static void drop_first(struct stss3_reader *r)
{
    drop_range(&r->window[r->first]);
    r->first = (r->first + 1) % WINDOW;
    r->count--;
    r->given = 0;
}

/* A range that the caller has all of stays until it is summed, which must not cost the call that
 * hands it out a wait. */
static regstore_status leave_first(struct stss3_reader *r, struct plug_call *call)
{
    if (r->count == 0 || r->given < r->window[r->first].length)
        return REGSTORE_OK;
    TRY(sum_first(r, call));
    drop_first(r);
    return REGSTORE_OK;
}

regstore_status stss3_reader_next(struct stss3_reader *r, struct plug_call *call, void *buf,
                                  size_t cap, size_t *got)
{
    *got = 0;
    TRY(plug_call_check(call));
    TRY(read_ahead(r, call));
    TRY(leave_first(r, call));
    if (r->count == 0 && r->next == r->end)
        return REGSTORE_OK;
    if (r->count == 0 && !ask(r))
        return plug_no_memory(call);
    TRY(wait_for_first(r, call));
    TRY(read_ahead(r, call));
    r->is_read = true;
    if (r->count == 1 && r->next == r->end) /* none of the last ones unless all are right */
        TRY(sum_first(r, call));
    struct range *range = &r->window[r->first];
    const uint64_t left = range->length - r->given;
    const size_t n = left < cap ? (size_t)left : cap;
    memcpy(buf, stss3_chunk_data(range->chunk) + r->given, n);
    r->given += n;
    if (r->given == range->length && (range->is_summed || !r->is_verified))
        drop_first(r);
    *got = n;
    return REGSTORE_OK;
}

/* The first request, whose answer tells length and ETag.  Range is always sent, for a request
 * without one would bring the whole blob; past the end S3 says 416, and then HEAD tells the rest.
 */
static regstore_status begin(struct stss3_reader *r, struct plug_call *call, uint64_t offset,
                             uint64_t length, const char *etag)
{
    struct stss3_client *client = &r->store->running->client;
    if (etag != NULL)
        stss3_etag_copy(r->object.etag, etag);
    r->range_bytes = FIRST_BYTES;
    r->next = offset;
    r->end = length == 0 || length > UINT64_MAX - offset ? UINT64_MAX : offset + length;
    if (offset > INT64_MAX) { /* beyond what a Range can say, and beyond any blob */
        r->end = offset;
        TRY(stss3_head(client, call, r->key, &r->object));
    } else {
        if (!ask(r))
            return plug_no_memory(call);
        struct range *range = &r->window[r->first];
        TRY(stss3_request_wait(range->op->request, call));
        const struct plug_error *error = &range->op->request->error;
        if (error->status == REGSTORE_OK) {
            stss3_object_read(range->op->request, &r->object);
        } else if (error->status == REGSTORE_RANGE) {
            drop_range(range);
            r->count = 0;
            r->next = r->end = offset;
            TRY(stss3_head(client, call, r->key, &r->object));
            if (r->object.length > offset) /* another blob by now: not the end of this one */
                return plug_fail(call, REGSTORE_UNAVAILABLE,
                                 "GetObject: there is nothing at %llu, of a blob of %llu bytes",
                                 (unsigned long long)offset, (unsigned long long)r->object.length);
        } else if (error->status == REGSTORE_EXISTS) {
            return plug_fail(call, REGSTORE_CONFLICT, "the blob is another one than '%s'", etag);
        } else {
            return plug_call_adopt(call, error);
        }
    }
    if (etag != NULL && strcmp(r->object.etag, etag) != 0)
        return plug_fail(call, REGSTORE_CONFLICT, "the blob is another one than '%s'", etag);
    return REGSTORE_OK;
}

/* Only of a whole there is a checksum.  Where the first answer has all of it, its checksum is there
 * already. */
static regstore_status settle_sum(struct stss3_reader *r, struct plug_call *call, uint64_t offset)
{
    const struct range *range = &r->window[r->first];
    if (offset != 0 || r->end != r->object.length || range->length == 0)
        return REGSTORE_OK;
    if (range->length < r->end) {
        r->is_verified =
            stss3_whole_may_ask(&r->store->running->client) && r->object.etag[0] != '\0';
        return REGSTORE_OK;
    }
    r->is_verified = r->is_asked = true;
    TRY(stss3_whole_take(&r->whole, call, range->op->request));
    return sum_first(r, call);
}

/* Now the length is known: where to stop, and how long the first range really is. */
static regstore_status settle(struct stss3_reader *r, struct plug_call *call, uint64_t offset)
{
    if (r->end > r->object.length)
        r->end = r->object.length;
    if (r->count == 0) { /* at or past the end (READ-1) */
        r->end = r->next;
        return REGSTORE_OK;
    }
    struct range *range = &r->window[r->first];
    const uint64_t there = r->end > offset ? r->end - offset : 0;
    if (range->length > there)
        range->length = there;
    r->next = offset + range->length;
    if (range->op->request->sink_len < range->length)
        return plug_fail(call, REGSTORE_UNAVAILABLE, "GetObject: the range came short");
    TRY(settle_sum(r, call, offset));
    if (range->length == 0) {
        drop_range(range);
        r->count = 0;
        r->end = r->next;
    }
    return REGSTORE_OK;
}

regstore_status stss3_reader_new(struct stss3_store *store, struct plug_call *call, const char *key,
                                 uint64_t offset, uint64_t length, const char *etag,
                                 struct stss3_reader **out, struct stss3_object *object)
{
    TRY(plug_call_check(call));
    struct stss3_reader *r = calloc(1, sizeof *r);
    if (r == NULL)
        return plug_no_memory(call);
    r->store = stss3_store_ref(store);
    r->process = plug_process();
    r->key = strdup(key);
    regstore_status status =
        r->key == NULL ? plug_no_memory(call) : begin(r, call, offset, length, etag);
    if (status == REGSTORE_OK)
        status = settle(r, call, offset);
    if (status != REGSTORE_OK) {
        stss3_reader_free(r);
        return status;
    }
    *object = r->object;
    *out = r;
    return REGSTORE_OK;
}

regstore_status stss3_read_open(struct regstore_store *store, const struct regstore_call *call,
                                const char *key, const struct regstore_read_opts *opts,
                                struct regstore_reader **reader, struct regstore_stat *out)
{
    struct plug_call c;
    struct regstore_read_opts o;
    struct stss3_reader *r = NULL;
    struct stss3_object object;
    regstore_status status = plug_call_begin(&c, call);
    plug_call_measure(&c, &stss3_store_of(store)->host, "read_open");
    *reader = NULL;
    if (status == REGSTORE_OK)
        status = plug_take(&c, &o, sizeof o, opts, "read_opts");
    if (status == REGSTORE_OK)
        status = plug_take_flags(&c, o.flags, 0, "read_opts");
    if (status == REGSTORE_OK)
        status = plug_key_check(&c, key, "key");
    if (status == REGSTORE_OK)
        status = stss3_store_enter(stss3_store_of(store), &c);
    if (status == REGSTORE_OK && o.etag != NULL &&
        (strlen(o.etag) > 127 || strpbrk(o.etag, "\"\r\n") != NULL))
        status = plug_fail(&c, REGSTORE_INVALID, "etag is none that stat gave");
    if (status == REGSTORE_OK)
        status = stss3_reader_new(stss3_store_of(store), &c, key, o.offset, o.length, o.etag, &r,
                                  &object);
    if (status == REGSTORE_OK) {
        struct regstore_stat stat;
        stss3_stat_of(&object, &stat);
        plug_give(out, &stat, sizeof stat);
        *reader = (struct regstore_reader *)(void *)r;
    }
    return plug_call_end(&c, status);
}

regstore_status stss3_read_next(struct regstore_reader *reader, const struct regstore_call *call,
                                void *buf, size_t cap, size_t *got)
{
    struct stss3_reader *r = (struct stss3_reader *)(void *)reader;
    struct plug_call c;
    regstore_status status = plug_call_begin(&c, call);
    *got = 0;
    if (status == REGSTORE_OK && r->process != plug_process())
        status = plug_fail(&c, REGSTORE_STATE, "read: the handle was made before a fork (FORK-2)");
    if (status == REGSTORE_OK && (buf == NULL || cap == 0))
        status = plug_fail(&c, REGSTORE_INVALID, "read: buf is NULL, or cap is 0");
    if (status == REGSTORE_OK)
        status = stss3_reader_next(r, &c, buf, cap, got);
    if (*got != 0)
        plug_tally_add(&r->store->host, &r->told, PLUG_READ, *got);
    return plug_call_end(&c, status);
}

void stss3_read_close(struct regstore_reader *reader)
{
    struct stss3_reader *r = (struct stss3_reader *)(void *)reader;
    if (r != NULL && r->process == plug_process())
        plug_tally_end(&r->store->host, &r->told, PLUG_READ);
    stss3_reader_free(r);
}
