/* SPDX-License-Identifier: Apache-2.0 */
/* Brings back from S3 what a token only names: the table of parts, and the parked tail. */
#include <string.h>

#include "upload.h"

/* Of a parked tail, fetched at once. */
#define RANGE_BYTES (8ull * STSS3_MIB)
/* What lies between may cut an answer and make it look whole.  So one that is not what the token
 * says is odd: it is asked for so often, and believed when it says the same each time. */
#define READS 2

static regstore_status gone(struct plug_call *call, const char *what)
{
    return plug_fail(call, REGSTORE_GONE,
                     "%s is not there any more: the upload was committed, aborted or purged, or "
                     "went on with a newer token",
                     what);
}

static regstore_status believe(struct plug_call *call, regstore_status before,
                               regstore_status status)
{
    return before == status ? status
                            : plug_fail(call, REGSTORE_UNAVAILABLE,
                                        "the service told two things of what the upload has there");
}

struct listing_of_parts {
    struct stss3_upload *u;
    struct stss3_parts *parts;
    size_t n;
};

static regstore_status take_part(void *ctx, unsigned number, const struct stss3_part *part,
                                 int64_t mtime_ns)
{
    struct listing_of_parts *l = ctx;
    (void)mtime_ns;
    if (l->n == l->u->unlisted.n || number != l->n + 1)
        return REGSTORE_OK; /* what lies beyond the token was written after it */
    if (!stss3_parts_add(l->parts, part))
        return REGSTORE_NO_MEMORY;
    l->n++;
    return REGSTORE_OK;
}

/* *is_odd: the list is whole, but not what the token says.  One that came short proves nothing:
 * parts do not vanish one by one. */
static regstore_status list_table(struct stss3_upload *u, struct plug_call *call,
                                  struct stss3_parts *parts, bool *is_odd)
{
    uint8_t hash[32];
    struct listing_of_parts l = {u, parts, 0};
    const regstore_status status =
        stss3_multipart_parts(&u->store->running->client, call, stss3_parts_key(parts),
                              u->unlisted.upload_id, take_part, &l);
    if (status == REGSTORE_NO_MEMORY)
        return plug_no_memory(call);
    if (status == REGSTORE_GONE)
        return gone(call, "the multipart upload");
    TRY(status);
    if (!stss3_table_hash(stss3_parts_table(parts), l.n, hash))
        return plug_no_memory(call);
    *is_odd = l.n != u->unlisted.n || memcmp(hash, u->unlisted.hash, sizeof hash) != 0;
    if (l.n != u->unlisted.n)
        return plug_fail(call, REGSTORE_UNAVAILABLE, "ListParts: only %zu of %zu parts are told",
                         l.n, u->unlisted.n);
    return *is_odd ? plug_fail(call, REGSTORE_CONFLICT,
                               "parts of this upload were written again by another handle")
                   : REGSTORE_OK;
}

static regstore_status restore_table(struct stss3_upload *u, struct plug_call *call)
{
    char stage[STSS3_STAGE_KEY_MAX];
    regstore_status before = REGSTORE_OK, status = REGSTORE_OK;
    bool is_odd = true;
    stss3_stage_key(u, stage);
    for (unsigned n = 0; n < READS && is_odd; n++) {
        struct stss3_parts *parts =
            stss3_parts_new(&u->store->running->client, u->is_staged ? stage : u->key,
                            u->unlisted.upload_id, u->sum);
        if (parts == NULL)
            return plug_no_memory(call);
        is_odd = false;
        before = status;
        status = list_table(u, call, parts, &is_odd);
        if (status == REGSTORE_OK) {
            u->parts = parts;
            u->unlisted.n = 0;
            return REGSTORE_OK;
        }
        stss3_parts_drop(parts);
    }
    return is_odd ? believe(call, before, status) : status;
}

/* Whether these are bytes of what was parked.  Only where the service itself says that the object
 * of this ETag has another length, or another checksum, are they lost for certain. */
static regstore_status judge_tail(const struct stss3_upload *u, struct plug_call *call,
                                  const struct stss3_request *request, struct stss3_chunk *chunk)
{
    const uint64_t len = stss3_chunk_length(chunk);
    struct stss3_object seen;
    struct stss3_sum due, is;
    stss3_object_read(request, &seen);
    if (stss3_request_answer_header(request, "content-range") != NULL &&
        seen.length != u->parked.length && strcmp(seen.etag, u->parked.etag) == 0)
        return plug_fail(call, REGSTORE_CORRUPT, "the parked tail has another length");
    if (request->sink_len != len)
        return plug_fail(call, REGSTORE_UNAVAILABLE, "GetObject: the parked tail came short");
    if (len == u->parked.length && stss3_sum_told(request, &due) &&
        stss3_sum_of(due.kind, stss3_chunk_data(chunk), (size_t)len, &is) &&
        memcmp(due.bytes, is.bytes, sizeof due.bytes) != 0)
        return plug_fail(call, REGSTORE_CORRUPT,
                         "the parked tail has other bytes than its checksum says");
    return REGSTORE_OK;
}

/* *is_odd: there is an answer, but not what the token says. */
static regstore_status fetch_once(struct stss3_upload *u, struct plug_call *call,
                                  struct stss3_chunk *chunk, uint64_t offset, bool *is_odd)
{
    char key[STSS3_STAGE_KEY_MAX];
    stss3_park_key(u, u->parked.slot, key);
    struct stss3_op *op = stss3_get_new(&u->store->running->client, key, offset,
                                        stss3_chunk_length(chunk), u->parked.etag, chunk);
    if (op == NULL)
        return plug_no_memory(call);
    regstore_status status = stss3_op_run(op, call);
    if (status == REGSTORE_OK) {
        status = judge_tail(u, call, op->request, chunk);
        *is_odd = status != REGSTORE_OK;
    } else if (status == REGSTORE_RANGE) { /* of an object that is the one: If-Match held */
        status = plug_fail(call, REGSTORE_CORRUPT, "the parked tail is shorter than it was");
        *is_odd = true;
    }
    stss3_op_drop(op);
    if (status == REGSTORE_NOT_FOUND)
        return gone(call, "the parked tail");
    if (status == REGSTORE_EXISTS) /* If-Match: another handle parked its own there */
        return plug_fail(call, REGSTORE_CONFLICT, "the parked tail is another handle's by now");
    return status;
}

/* Bytes of the parked tail from offset on, into a chunk that is ready for them. */
static regstore_status fetch_range(struct stss3_upload *u, struct plug_call *call,
                                   struct stss3_chunk *chunk, uint64_t offset)
{
    regstore_status before = REGSTORE_OK, status = REGSTORE_OK;
    bool is_odd = true;
    for (unsigned n = 0; n < READS && is_odd; n++) {
        is_odd = false;
        before = status;
        status = fetch_once(u, call, chunk, offset, &is_odd);
    }
    return is_odd ? believe(call, before, status) : status;
}

static regstore_status append(struct stss3_chunk *tail, struct plug_call *call, const uint8_t *data,
                              size_t len)
{
    while (len > 0) {
        size_t taken;
        TRY(stss3_chunk_append(tail, call, data, len, &taken));
        if (taken == 0)
            TRY(stss3_chunk_spill(tail, call));
        data += taken;
        len -= taken;
    }
    return REGSTORE_OK;
}

/* The whole tail, hashed where it is not the whole blob.  Where all parts have one size it may be
 * large: no more than a range of it overdraws the budget. */
static regstore_status fetch_tail(struct stss3_upload *u, struct plug_call *call,
                                  struct stss3_chunk *tail, struct plug_digest *digest)
{
    const uint64_t length = u->parked.length;
    const bool is_small = length <= RANGE_BYTES;
    for (uint64_t at = 0, n; at < length; at += n) {
        n = length - at < RANGE_BYTES ? length - at : RANGE_BYTES;
        struct stss3_chunk *range =
            is_small ? stss3_chunk_ref(tail) : stss3_chunk_new(u->store->running->budget, n);
        regstore_status status = range != NULL && stss3_chunk_receive(range, n, true)
                                     ? fetch_range(u, call, range, at)
                                     : plug_no_memory(call);
        if (status == REGSTORE_OK && digest != NULL)
            plug_digest_update(digest, stss3_chunk_data(range), (size_t)n);
        if (status == REGSTORE_OK && !is_small)
            status = append(tail, call, stss3_chunk_data(range), (size_t)n);
        stss3_chunk_unref(range);
        TRY(status);
    }
    return REGSTORE_OK;
}

static regstore_status restore_tail(struct stss3_upload *u, struct plug_call *call)
{
    const uint64_t cap = stss3_upload_part_bytes(u);
    struct plug_digest *digest = NULL;
    if (u->parts != NULL) {
        digest = plug_digest_new(REGSTORE_UPLOAD_SHA256);
        if (digest == NULL)
            return plug_no_memory(call);
    }
    /* Other settings may have parked more than a part is now. */
    struct stss3_chunk *chunk =
        stss3_chunk_new(u->store->running->budget, cap > u->parked.length ? cap : u->parked.length);
    const regstore_status status =
        chunk == NULL ? plug_no_memory(call) : fetch_tail(u, call, chunk, digest);
    if (status != REGSTORE_OK) {
        stss3_chunk_unref(chunk);
        plug_digest_free(digest);
        return status;
    }
    u->tail = chunk;
    plug_digest_free(u->tail_digest);
    u->tail_digest = digest;
    return REGSTORE_OK;
}

regstore_status stss3_upload_restore(struct stss3_upload *u, struct plug_call *call, bool with_tail)
{
    if (u->unlisted.n != 0)
        TRY(restore_table(u, call));
    if (with_tail && u->tail == NULL && u->parked.length != 0)
        TRY(restore_tail(u, call));
    /* While no part was sent the tail begins at offset 0, and its digest is the upload's. */
    if (u->parts != NULL && u->tail_digest == NULL && stss3_parts_count(u->parts) != 0) {
        u->tail_digest = plug_digest_new(REGSTORE_UPLOAD_SHA256);
        if (u->tail_digest == NULL)
            return plug_no_memory(call);
    }
    return REGSTORE_OK;
}
