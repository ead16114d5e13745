/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Abort: everything goes that the handle, its token or a SOLE key can name, and nothing that a
 * commit made visible (ABO-2): at the key itself only unfinished multipart uploads are touched.
 */
#include <string.h>

#include "upload.h"

struct sweep {
    struct stss3_client *client;
    struct plug_call *call;
    const char *key; /* exactly this one: prefixes match more */
};

static regstore_status abort_found(void *ctx, const char *key, const char *upload_id,
                                   int64_t begun_ns, int64_t now_ns)
{
    const struct sweep *s = ctx;
    (void)begun_ns;
    (void)now_ns;
    if (strcmp(key, s->key) != 0)
        return REGSTORE_OK;
    return stss3_multipart_abort(s->client, s->call, key, upload_id);
}

/* All multipart uploads at a key.  Without the right to list them the one that is known is all. */
static regstore_status abort_all_at(struct stss3_upload *u, struct plug_call *call, const char *key)
{
    struct sweep s = {&u->store->running->client, call, key};
    const regstore_status status =
        stss3_multipart_uploads(&u->store->running->client, call, key, abort_found, &s);
    if (status != REGSTORE_DENIED)
        return status;
    plug_log(&u->store->host, REGSTORE_LOG_WARNING, "left_behind",
             PLUG_FIELDS({"upload", u->id}, {"key", key}, {"status", plug_status_word(status)},
                         {"message", "s3:ListBucketMultipartUploads is missing"}));
    return REGSTORE_OK;
}

/* Its multipart uploads lie at the key, and all there are its own. */
static bool is_sole(const struct stss3_upload *u)
{
    return (u->flags & REGSTORE_UPLOAD_SOLE) != 0 && u->key != NULL;
}

static regstore_status abort_multipart(struct stss3_upload *u, struct plug_call *call)
{
    char stage[STSS3_STAGE_KEY_MAX];
    struct stss3_client *client = &u->store->running->client;
    stss3_stage_key(u, stage);
    if (u->parts != NULL) {
        stss3_parts_cancel(u->parts);
        TRY(stss3_multipart_abort(client, call, stss3_parts_key(u->parts),
                                  stss3_parts_upload_id(u->parts)));
    }
    if (u->unlisted.n != 0)
        TRY(stss3_multipart_abort(client, call, u->is_staged ? stage : u->key,
                                  u->unlisted.upload_id));
    /* Whoever went on from a token of before a multipart upload created one of his own, and so may
     * a request have that was cut off: they lie at uploads/<id>, as this handle's does. */
    const bool is_there = u->parts != NULL || u->unlisted.n != 0;
    const bool may_be_more =
        !is_sole(u) && (u->may_be_more || (u->origin != NULL && (u->is_staged || !is_there)));
    return may_be_more ? abort_all_at(u, call, stage) : REGSTORE_OK;
}

static regstore_status delete_staged(struct stss3_upload *u, struct plug_call *call)
{
    char keys[1 + STSS3_PARK_SLOTS][STSS3_STAGE_KEY_MAX];
    const char *list[1 + STSS3_PARK_SLOTS];
    const bool may_be_parked = u->has_parked || u->origin != NULL || is_sole(u);
    const bool may_be_staged = (u->origin != NULL && !is_sole(u)) || u->is_staged;
    size_t n = 0;
    for (unsigned slot = 0; may_be_parked && slot < STSS3_PARK_SLOTS; slot++)
        stss3_park_key(u, slot, keys[n++]);
    if (may_be_staged)
        stss3_stage_key(u, keys[n++]);
    for (size_t i = 0; i < n; i++)
        list[i] = keys[i];
    return n == 0 ? REGSTORE_OK : stss3_store_delete(u->store, call, list, n, NULL);
}

static regstore_status abort_upload(struct stss3_upload *u, struct plug_call *call)
{
    TRY(plug_call_check(call));
    TRY(abort_multipart(u, call));
    TRY(delete_staged(u, call));
    if (is_sole(u))
        TRY(abort_all_at(u, call, u->key));
    return REGSTORE_OK;
}

regstore_status stss3_upload_abort(struct regstore_upload *upload, const struct regstore_call *call)
{
    struct stss3_upload *u = stss3_upload_of(upload);
    struct plug_call c;
    regstore_status status = plug_call_begin(&c, call);
    plug_call_measure(&c, &stss3_upload_of(upload)->store->host, "abort");
    if (status == REGSTORE_OK)
        status = stss3_upload_enter(u, &c, ~STSS3_STATE_BIT(STSS3_SUSPENDED), "abort");
    if (status != REGSTORE_OK || u->state == STSS3_COMMITTED || u->state == STSS3_ABORTED)
        return plug_call_end(&c, status);
    status = abort_upload(u, &c);
    u->state = status == REGSTORE_OK ? STSS3_ABORTED : STSS3_ABORTING;
    return plug_call_end(&c, status);
}
