/* SPDX-License-Identifier: Apache-2.0 */
/* Brings back from S3 what a token only names: the table of parts, and the parked tail. */
#include <string.h>

#include "upload.h"

/* Of a parked tail, fetched at once. */
#define RANGE_BYTES (8ull * STSS3_MIB)

static regstore_status gone(struct plug_call *call, const char *what)
{
    return plug_fail(call, REGSTORE_GONE,
                     "%s is not there any more: the upload was committed, aborted or purged, or "
                     "went on with a newer token",
                     what);
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

static regstore_status restore_table(struct stss3_upload *u, struct plug_call *call)
{
    char stage[STSS3_STAGE_KEY_MAX];
    uint8_t hash[32];
    stss3_stage_key(u, stage);
    const char *key = u->is_staged ? stage : u->key;
    struct stss3_parts *parts =
        stss3_parts_new(&u->store->running->client, key, u->unlisted.upload_id, u->sum);
    struct listing_of_parts l = {u, parts, 0};
    if (parts == NULL)
        return plug_no_memory(call);
    regstore_status status = stss3_multipart_parts(&u->store->running->client, call, key,
                                                   u->unlisted.upload_id, take_part, &l);
    if (status == REGSTORE_NO_MEMORY)
        status = plug_no_memory(call);
    else if (status == REGSTORE_GONE)
        status = gone(call, "the multipart upload");
    else if (status == REGSTORE_OK &&
             (l.n != u->unlisted.n || !stss3_table_hash(stss3_parts_table(parts), l.n, hash) ||
              memcmp(hash, u->unlisted.hash, sizeof hash) != 0))
        status = plug_fail(call, REGSTORE_CONFLICT,
                           "parts of this upload were written again by another handle");
    if (status != REGSTORE_OK) {
        stss3_parts_drop(parts);
        return status;
    }
    u->parts = parts;
    u->unlisted.n = 0;
    return REGSTORE_OK;
}

/* Bytes of the parked tail from offset on, into a chunk that is ready for them. */
static regstore_status fetch_range(struct stss3_upload *u, struct plug_call *call,
                                   struct stss3_chunk *chunk, uint64_t offset)
{
    char key[STSS3_STAGE_KEY_MAX];
    const uint64_t len = stss3_chunk_length(chunk);
    stss3_park_key(u, u->parked.slot, key);
    struct stss3_op *op =
        stss3_get_new(&u->store->running->client, key, offset, len, u->parked.etag, chunk);
    if (op == NULL)
        return plug_no_memory(call);
    regstore_status status = stss3_op_run(op, call);
    if (status == REGSTORE_OK && op->request->sink_len != len)
        status = plug_fail(call, REGSTORE_CORRUPT, "the parked tail has another length");
    stss3_op_drop(op);
    if (status == REGSTORE_NOT_FOUND)
        return gone(call, "the parked tail");
    if (status == REGSTORE_EXISTS) /* If-Match: another handle parked its own there */
        return plug_fail(call, REGSTORE_CONFLICT, "the parked tail is another handle's by now");
    return status;
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
    if (u->parts != NULL && u->tail_digest == NULL) {
        u->tail_digest = plug_digest_new(REGSTORE_UPLOAD_SHA256);
        if (u->tail_digest == NULL)
            return plug_no_memory(call);
    }
    return REGSTORE_OK;
}
