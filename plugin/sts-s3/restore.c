/* SPDX-License-Identifier: Apache-2.0 */
/* Brings back from S3 what a token only names: the table of parts, and the parked tail. */
#include <string.h>

#include "upload.h"

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
        stss3_parts_new(&u->store->running->client, key, u->unlisted.upload_id);
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

static regstore_status fetch_tail(struct stss3_upload *u, struct plug_call *call,
                                  struct stss3_chunk *chunk)
{
    char key[STSS3_STAGE_KEY_MAX];
    stss3_park_key(u, u->parked.slot, key);
    struct stss3_op *op =
        stss3_get_new(&u->store->running->client, key, 0, u->parked.length, u->parked.etag, chunk);
    if (op == NULL)
        return plug_no_memory(call);
    regstore_status status = stss3_op_run(op, call);
    if (status == REGSTORE_OK && op->request->sink_len != u->parked.length)
        status = plug_fail(call, REGSTORE_CORRUPT, "the parked tail has another length");
    stss3_op_drop(op);
    if (status == REGSTORE_NOT_FOUND)
        return gone(call, "the parked tail");
    if (status == REGSTORE_EXISTS) /* If-Match: another handle parked its own there */
        return plug_fail(call, REGSTORE_CONFLICT, "the parked tail is another handle's by now");
    return status;
}

static regstore_status restore_tail(struct stss3_upload *u, struct plug_call *call)
{
    const uint64_t cap = u->store->config->part_bytes;
    struct stss3_chunk *chunk =
        stss3_chunk_new(u->store->running->budget, cap > STSS3_PART_MIN ? cap : STSS3_PART_MIN);
    struct plug_digest *digest = NULL;
    if (chunk == NULL || !stss3_chunk_receive(chunk, u->parked.length, true)) {
        stss3_chunk_unref(chunk);
        return plug_no_memory(call);
    }
    regstore_status status = fetch_tail(u, call, chunk);
    if (status == REGSTORE_OK && u->parts != NULL) {
        digest = plug_digest_new(REGSTORE_UPLOAD_SHA256);
        if (digest == NULL)
            status = plug_no_memory(call);
        else
            plug_digest_update(digest, stss3_chunk_data(chunk), u->parked.length);
    }
    if (status != REGSTORE_OK) {
        stss3_chunk_unref(chunk);
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
