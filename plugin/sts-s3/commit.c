/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commit: the digest first, then one of three ways, and the proof when an earlier try may have
 * gone through.
 *
 *   nothing at S3 yet       one PUT at the key
 *   only a parked tail      CopyObject from it
 *   parts                   the tail as the last part, Complete; and a copy, unless at the key
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "copying.h"
#include "key.h"
#include "reader.h"
#include "timestamp.h"
#include "upload.h"

/* Of a multipart upload, from where on it may be too old for a purge: no purge has a sensible age
 * below an hour, and most pushes do not take that long. */
#define OLD_S (60u * 60)

/* One commit under way. */
struct commit {
    struct stss3_upload *u;
    const char *key;
    char digest[REGSTORE_DIGEST_MAX]; /* as it is written beside the blob */
    bool is_if_absent;
};

static struct stss3_meta meta_of(const struct commit *c)
{
    return (struct stss3_meta){.content_type = c->u->content_type,
                               .content_encoding = c->u->content_encoding,
                               .digest = c->digest,
                               .mark = c->u->id,
                               .is_if_absent = c->is_if_absent};
}

/* Reads the blob: the last resort of a proof.  GONE: it is not there any more. */
static regstore_status compare_bytes(struct commit *c, struct plug_call *call,
                                     const struct stss3_object *object, bool *is_same)
{
    char theirs[REGSTORE_DIGEST_MAX], ours[REGSTORE_DIGEST_MAX];
    struct stss3_reader *reader = NULL;
    struct stss3_object seen;
    struct plug_digest *digest = plug_digest_new(REGSTORE_UPLOAD_SHA256);
    uint8_t *buf = malloc(STSS3_MIB);
    size_t got = 0;
    regstore_status status = digest == NULL || buf == NULL ? plug_no_memory(call) : REGSTORE_OK;
    if (status == REGSTORE_OK)
        status = stss3_reader_new(c->u->store, call, c->key, 0, 0,
                                  object->etag[0] == '\0' ? NULL : object->etag, &reader, &seen);
    while (status == REGSTORE_OK) {
        status = stss3_reader_next(reader, call, buf, STSS3_MIB, &got);
        if (status != REGSTORE_OK || got == 0)
            break;
        plug_digest_update(digest, buf, got);
    }
    if (status == REGSTORE_OK) {
        (void)plug_digest_text(digest, "sha256", theirs, sizeof theirs);
        stss3_upload_sha256(c->u, ours);
        *is_same = strcmp(theirs, ours) == 0;
    }
    if (status == REGSTORE_NOT_FOUND) /* whoever put it there has cleaned up meanwhile */
        status = plug_fail(call, REGSTORE_GONE, "what was at '%.200s' went away", c->key);
    stss3_reader_free(reader);
    plug_digest_free(digest);
    free(buf);
    return status;
}

/* False for a table that is not here. */
static bool parts_etag(const struct stss3_upload *u, char out[128])
{
    return u->parts != NULL &&
           stss3_multipart_etag(stss3_parts_table(u->parts), stss3_parts_count(u->parts), out);
}

/*
 * COM-2: does the key have this upload's bytes?  OK is proved: by the digest that our own commit
 * wrote beside them, by the mark and the ETag of exactly our parts, or by reading them.  GONE:
 * nothing is there.  CONFLICT: something else.
 */
static regstore_status prove(struct commit *c, struct plug_call *call)
{
    struct stss3_object object;
    char etag[128];
    bool is_ours = false;
    const regstore_status status = stss3_head(&c->u->store->running->client, call, c->key, &object);
    if (status == REGSTORE_NOT_FOUND)
        return plug_fail(call, REGSTORE_GONE,
                         "the upload's bytes are not there any more: it was committed elsewhere, "
                         "aborted or purged");
    TRY(status);
    if (object.length == plug_digest_length(c->u->digest)) {
        const regstore_status digest = plug_digest_compare(c->u->digest, object.digest);
        if (digest == REGSTORE_OK || digest == REGSTORE_DIGEST)
            is_ours = digest == REGSTORE_OK;
        else if (strcmp(object.mark, c->u->id) == 0 && parts_etag(c->u, etag) &&
                 strcmp(object.etag, etag) == 0)
            is_ours = true;
        else
            TRY(compare_bytes(c, call, &object, &is_ours));
    }
    if (!is_ours)
        return plug_fail(call, REGSTORE_CONFLICT,
                         "the upload is gone, and the key has other bytes than its own");
    stss3_stat_of(&object, &c->u->committed);
    return REGSTORE_OK;
}

/* What lies under uploads/ for an upload that is over.  COM-3: what cannot be removed is logged and
 * left to purge. */
static void clean_up(struct commit *c, struct plug_call *call)
{
    struct stss3_upload *u = c->u;
    char keys[1 + STSS3_PARK_SLOTS][STSS3_STAGE_KEY_MAX];
    const char *list[1 + STSS3_PARK_SLOTS];
    size_t n = 0;
    if (u->is_completed) {
        stss3_stage_key(u, keys[n]);
        n++;
    }
    /* An older or a newer token, or a suspend that failed, may have left one; beyond the first two
     * only where a request was cut off. */
    const bool was_cut_off = u->parked.slot > 1 || u->parked.next > 1;
    for (unsigned slot = 0; slot < (was_cut_off ? STSS3_PARK_SLOTS : 2); slot++)
        if (u->has_parked || u->origin != NULL)
            stss3_park_key(u, slot, keys[n++]);
    for (size_t i = 0; i < n; i++)
        list[i] = keys[i];
    struct plug_call aside = *call;
    const regstore_status status =
        n == 0 ? REGSTORE_OK : stss3_store_delete(u->store, &aside, list, n, NULL);
    if (status != REGSTORE_OK)
        plug_log(&u->store->host, REGSTORE_LOG_WARNING, "left_behind",
                 PLUG_FIELDS({"upload", u->id}, {"status", plug_status_word(status)},
                             {"message", aside.error.message}));
}

/* Ours after all?  A PUT whose answer was lost finds its own blob at the key when it is tried again
 * under If-None-Match.  EXISTS is not said before that is known. */
static regstore_status exists_or_ours(struct commit *c, struct plug_call *call)
{
    const struct plug_error exists = call->error;
    struct stss3_object object;
    const regstore_status status = stss3_head(&c->u->store->running->client, call, c->key, &object);
    if (status == REGSTORE_NOT_FOUND) {
        (void)plug_fail(call, REGSTORE_CONFLICT, "'%.200s' was taken, and is free again", c->key);
        call->error.retryable = 1;
        return REGSTORE_CONFLICT;
    }
    TRY(status);
    return strcmp(object.mark, c->u->id) == 0 ? prove(c, call) : plug_call_adopt(call, &exists);
}

/* The parts are gone, by our own Complete or not: after a 409 S3 wants all of them sent again,
 * which is the host's to do (GONE), unless the key is taken by now, and that is all it asks. */
static regstore_status prove_or_exists(struct commit *c, struct plug_call *call)
{
    const regstore_status status = prove(c, call);
    if (status != REGSTORE_CONFLICT || call->error.retryable != 0 || !c->is_if_absent)
        return status;
    return plug_fail(call, REGSTORE_EXISTS, "'%.200s' was taken meanwhile", c->key);
}

static regstore_status put_whole(struct commit *c, struct plug_call *call)
{
    const struct stss3_meta meta = meta_of(c);
    char sha256[STSS3_SHA256_HEX];
    stss3_upload_tail_sha256(c->u, sha256);
    const regstore_status status = stss3_put(&c->u->store->running->client, call, c->key,
                                             c->u->tail, sha256, &meta, c->u->committed.etag);
    return status == REGSTORE_EXISTS ? exists_or_ours(c, call) : status;
}

/* From where it is staged to the key.  Without a source an earlier try has gone through, or
 * nobody's will. */
static regstore_status copy_to_key(struct commit *c, struct plug_call *call, const char *from,
                                   const struct stss3_object *source)
{
    const struct stss3_meta meta = meta_of(c);
    const regstore_status status =
        stss3_copy_whole(c->u->store, call, from, source, c->key, &meta, c->u->committed.etag);
    if (status == REGSTORE_NOT_FOUND || (status == REGSTORE_CONFLICT && !call->error.retryable))
        return prove(c, call);
    return status == REGSTORE_EXISTS ? exists_or_ours(c, call) : status;
}

static regstore_status copy_parked(struct commit *c, struct plug_call *call)
{
    struct stss3_object source = {.length = c->u->parked.length};
    char from[STSS3_STAGE_KEY_MAX];
    stss3_park_key(c->u, c->u->parked.slot, from);
    memcpy(source.etag, c->u->parked.etag, sizeof source.etag);
    return copy_to_key(c, call, from, &source);
}

/* Complete answered that the upload is not there, when an earlier try of ours may have done it; or
 * it did not say what it made. */
static regstore_status find_staged(struct commit *c, struct plug_call *call, const char *stage)
{
    struct stss3_upload *u = c->u;
    struct stss3_object object;
    char etag[128];
    const regstore_status status = stss3_head(&u->store->running->client, call, stage, &object);
    if (status == REGSTORE_NOT_FOUND)
        return REGSTORE_GONE;
    TRY(status);
    struct commit staged = *c;
    staged.key = stage;
    bool is_ours = object.length == plug_digest_length(u->digest) && parts_etag(u, etag) &&
                   strcmp(etag, object.etag) == 0;
    if (!is_ours && object.length == plug_digest_length(u->digest))
        TRY(compare_bytes(&staged, call, &object, &is_ours));
    if (!is_ours)
        return plug_fail(call, REGSTORE_CONFLICT, "another handle has completed this upload");
    if (object.etag[0] == '\0')
        return plug_fail(call, REGSTORE_UNAVAILABLE, "HeadObject: the answer has no ETag");
    memcpy(u->staged_etag, object.etag, sizeof u->staged_etag);
    return REGSTORE_OK;
}

/* Ceph answers a Complete of an upload that is over with InternalError ("already in progress"): ask
 * whether it is there. */
static regstore_status gone_or_not(struct commit *c, struct plug_call *call, regstore_status status)
{
    const struct plug_error first = call->error;
    if (stss3_multipart_parts(&c->u->store->running->client, call, stss3_parts_key(c->u->parts),
                              stss3_parts_upload_id(c->u->parts), NULL, NULL) == REGSTORE_GONE)
        return REGSTORE_GONE;
    (void)plug_call_adopt(call, &first);
    return status;
}

struct learning {
    struct stss3_parts *parts;
    size_t n;
};

static regstore_status learn_part(void *ctx, unsigned number, const struct stss3_part *part,
                                  int64_t mtime_ns)
{
    struct learning *l = ctx;
    (void)mtime_ns;
    if (number >= 1 && number <= l->n &&
        strcmp(stss3_parts_table(l->parts)[number - 1].etag, part->etag) == 0)
        stss3_parts_learn(l->parts, number - 1, &part->sum);
    return REGSTORE_OK;
}

/* Where S3 wants the SHA-256 of each part named, those of an upload that was taken up are S3's to
 * tell: a token has no room for them. */
static regstore_status learn_sums(struct stss3_upload *u, struct plug_call *call)
{
    struct learning l = {u->parts, stss3_parts_count(u->parts)};
    size_t known = 0;
    if (u->sum != STSS3_SUM_SHA256)
        return REGSTORE_OK;
    while (known < l.n && stss3_parts_table(u->parts)[known].sum.kind != STSS3_SUM_NONE)
        known++;
    if (known == l.n)
        return REGSTORE_OK;
    return stss3_multipart_parts(&u->store->running->client, call, stss3_parts_key(u->parts),
                                 stss3_parts_upload_id(u->parts), learn_part, &l);
}

/* All bytes are parts, and all parts are there. */
static regstore_status gather(struct stss3_upload *u, struct plug_call *call)
{
    TRY(stss3_upload_restore(u, call, true));
    /* Complete wants at least one part, be it empty. */
    if (u->tail == NULL && stss3_parts_count(u->parts) == 0) {
        u->tail = stss3_chunk_new(u->store->running->budget, STSS3_PART_MIN);
        if (u->tail == NULL)
            return plug_no_memory(call);
    }
    if (u->tail != NULL)
        TRY(stss3_upload_flush(u, call));
    TRY(stss3_parts_settle(u->parts, call));
    return learn_sums(u, call);
}

/* S3 dates what Complete makes by the beginning of the multipart upload, so that purge would take
 * an old one's while it is copied.  Something young beside it tells otherwise. */
static regstore_status show_life(struct stss3_upload *u, struct plug_call *call)
{
    const int64_t now_ns = stss3_service_clock_now_ns(u->store->running->client.clock);
    const uint64_t now_s = now_ns > 0 ? (uint64_t)(now_ns / STSS3_NS_PER_S) : 0;
    char etag[128];
    if (!u->is_staged || (u->created_s <= now_s && now_s - u->created_s <= OLD_S))
        return REGSTORE_OK;
    return stss3_upload_park(u, call, NULL, NULL, etag);
}

static regstore_status complete(struct commit *c, struct plug_call *call)
{
    struct stss3_upload *u = c->u;
    char stage[STSS3_STAGE_KEY_MAX];
    char *etag = u->is_staged ? u->staged_etag : u->committed.etag;
    regstore_status status = gather(u, call);
    if (status == REGSTORE_OK)
        status = show_life(u, call);
    if (status == REGSTORE_OK) {
        status = stss3_multipart_complete(
            &u->store->running->client, call, stss3_parts_key(u->parts),
            stss3_parts_upload_id(u->parts), stss3_parts_table(u->parts),
            stss3_parts_count(u->parts), c->is_if_absent && !u->is_staged, etag);
        if (status == REGSTORE_UNAVAILABLE || status == REGSTORE_NOT_FOUND)
            status = gone_or_not(c, call, status);
    }
    stss3_stage_key(u, stage);
    /* Ceph's answer has no ETag: without one a copy could be of what another handle staged there.
     */
    if (u->is_staged && (status == REGSTORE_GONE || (status == REGSTORE_OK && etag[0] == '\0')))
        status = find_staged(c, call, stage);
    if (status == REGSTORE_OK)
        u->is_completed = u->is_staged;
    return status;
}

static regstore_status commit_parts(struct commit *c, struct plug_call *call)
{
    struct stss3_upload *u = c->u;
    char stage[STSS3_STAGE_KEY_MAX];
    if (!u->is_completed) {
        const regstore_status status = complete(c, call);
        if (status == REGSTORE_GONE)
            return prove_or_exists(c, call);
        if (status == REGSTORE_EXISTS)
            return exists_or_ours(c, call);
        TRY(status);
    }
    if (!u->is_staged)
        return REGSTORE_OK;
    struct stss3_object source = {.length = plug_digest_length(u->digest)};
    stss3_stage_key(u, stage);
    memcpy(source.etag, u->staged_etag, sizeof source.etag);
    return copy_to_key(c, call, stage, &source);
}

static regstore_status look_before_leap(struct commit *c, struct plug_call *call)
{
    struct stss3_object object;
    const regstore_status status = stss3_head(&c->u->store->running->client, call, c->key, &object);
    if (status == REGSTORE_NOT_FOUND)
        return REGSTORE_OK;
    TRY(status);
    if (strcmp(object.mark, c->u->id) == 0)
        return REGSTORE_OK; /* our own, of an earlier try: going on proves it */
    return plug_fail(call, REGSTORE_EXISTS, "'%s' is there already", c->key);
}

static regstore_status make_visible(struct commit *c, struct plug_call *call)
{
    struct stss3_upload *u = c->u;
    const bool is_multipart = u->parts != NULL || u->unlisted.n != 0;
    const bool is_parked = !is_multipart && u->tail == NULL && u->parked.length != 0;
    TRY(plug_call_check(call));
    /* Only AWS is known to keep If-None-Match in every operation. */
    if (c->is_if_absent && (is_multipart || is_parked || !u->store->config->is_aws_s3))
        TRY(look_before_leap(c, call));
    if (is_multipart)
        return commit_parts(c, call);
    return is_parked ? copy_parked(c, call) : put_whole(c, call);
}

/* Opts and state; *key is where to. */
static regstore_status check_arguments(struct stss3_upload *u, struct plug_call *call,
                                       const struct regstore_commit_opts *o, const char **key)
{
    *key = o->key != NULL ? o->key : u->key;
    if (*key == NULL)
        return plug_fail(call, REGSTORE_INVALID, "key is NULL, and upload_open had none");
    TRY(plug_key_check_target(call, *key, "key"));
    TRY(stss3_key_length(u->store, call, *key, "key"));
    if (u->key != NULL && strcmp(*key, u->key) != 0)
        return plug_fail(call, REGSTORE_INVALID,
                         "the upload was opened for another key: '%.200s' (UP-2)", u->key);
    const bool is_fixed =
        u->state == STSS3_COMMITTED || (u->state == STSS3_SEALED && !u->may_change_key);
    if (is_fixed && strcmp(*key, u->sealed_key) != 0)
        return plug_fail(call, REGSTORE_STATE, "the upload was committed to '%.200s'",
                         u->sealed_key);
    return REGSTORE_OK;
}

static bool was_asked_for(const struct stss3_upload *u, const char *digest)
{
    if (strncmp(digest, "sha256:", 7) == 0)
        return (u->flags & REGSTORE_UPLOAD_SHA256) != 0;
    return (u->flags & REGSTORE_UPLOAD_SHA512) != 0;
}

/* COM-1. */
static regstore_status check_digest(struct commit *c, struct plug_call *call, const char *digest)
{
    stss3_upload_sha256(c->u, c->digest);
    if (digest == NULL)
        return REGSTORE_OK;
    if (!was_asked_for(c->u, digest))
        return plug_fail(call, REGSTORE_INVALID,
                         "upload_open did not ask for the algorithm of '%.20s...'", digest);
    switch (plug_digest_compare(c->u->digest, digest)) {
    case REGSTORE_OK:
        (void)snprintf(c->digest, sizeof c->digest, "%s", digest);
        return REGSTORE_OK;
    case REGSTORE_DIGEST:
        return plug_fail(call, REGSTORE_DIGEST, "the bytes are %s, not %.143s", c->digest, digest);
    default:
        return plug_fail(call, REGSTORE_INVALID,
                         "'%.143s' is no digest: sha256: and 64 lower-case hex digits", digest);
    }
}

static regstore_status seal(struct stss3_upload *u, struct plug_call *call, const char *key)
{
    char *copy = strdup(key);
    if (copy == NULL)
        return plug_no_memory(call);
    free(u->sealed_key);
    u->sealed_key = copy;
    u->state = STSS3_SEALED;
    u->may_change_key = false;
    return REGSTORE_OK;
}

static regstore_status commit(struct stss3_upload *u, struct plug_call *call,
                              const struct regstore_commit_opts *opts)
{
    struct regstore_commit_opts o;
    struct commit c = {.u = u};
    TRY(plug_take(call, &o, sizeof o, opts, "commit_opts"));
    TRY(plug_take_flags(call, o.flags, REGSTORE_COMMIT_IF_ABSENT, "commit_opts"));
    TRY(stss3_upload_enter(u, call,
                           STSS3_STATE_BIT(STSS3_OPEN) | STSS3_STATE_BIT(STSS3_SEALED) |
                               STSS3_STATE_BIT(STSS3_COMMITTED),
                           "commit"));
    TRY(check_arguments(u, call, &o, &c.key));
    TRY(check_digest(&c, call, o.digest));
    if (u->state == STSS3_COMMITTED)
        return REGSTORE_OK;
    c.is_if_absent = (o.flags & REGSTORE_COMMIT_IF_ABSENT) != 0;
    TRY(seal(u, call, c.key));
    c.key = u->sealed_key;
    regstore_status status = make_visible(&c, call);
    u->may_change_key = status == REGSTORE_EXISTS;
    /* These would say that nothing was sent and the state is as it was. */
    if (status == REGSTORE_INVALID || status == REGSTORE_UNSUPPORTED || status == REGSTORE_DIGEST ||
        status == REGSTORE_STATE)
        status = REGSTORE_INTERNAL;
    if (status != REGSTORE_OK)
        return stss3_upload_fate(u, call, status);
    u->state = STSS3_COMMITTED;
    u->committed.length = plug_digest_length(u->digest);
    if (u->committed.mtime_ns == 0)
        u->committed.mtime_ns = plug_host_clock_ns(&u->store->host);
    (void)snprintf(u->committed.digest, sizeof u->committed.digest, "%s", c.digest);
    clean_up(&c, call);
    return REGSTORE_OK;
}

regstore_status stss3_upload_commit(struct regstore_upload *upload,
                                    const struct regstore_call *call,
                                    const struct regstore_commit_opts *opts,
                                    struct regstore_stat *out)
{
    struct stss3_upload *u = stss3_upload_of(upload);
    struct plug_call c;
    regstore_status status = plug_call_begin(&c, call);
    plug_call_measure(&c, &stss3_upload_of(upload)->store->host, "commit");
    if (status == REGSTORE_OK)
        status = commit(u, &c, opts);
    if (status == REGSTORE_OK)
        plug_give(out, &u->committed, sizeof u->committed);
    return plug_call_end(&c, status);
}
