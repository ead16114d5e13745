/* SPDX-License-Identifier: Apache-2.0 */
/* The life of an upload up to its commit: open, write, suspend, close. */
#include "upload.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "key.h"
#include "process.h"

/* Bytes that are copied and hashed between two looks at the clock and the cancel flag. */
#define WRITE_STEP (1024u * 1024u)
/* Parts of one upload under way at once; the memory limit is usually reached first. */
#define FLYING_MAX 16
/* The same of parts that wait in files, since two of them do not fit into memory. */
#define FLYING_FILES_MAX 4

void stss3_stage_key(const struct stss3_upload *u, char out[STSS3_STAGE_KEY_MAX])
{
    (void)snprintf(out, STSS3_STAGE_KEY_MAX, PLUG_UPLOADS "%s", u->stage_id);
}

void stss3_park_key(const struct stss3_upload *u, unsigned slot, char out[STSS3_STAGE_KEY_MAX])
{
    (void)snprintf(out, STSS3_STAGE_KEY_MAX, PLUG_UPLOADS "%s.%u", u->stage_id,
                   slot % STSS3_PARK_SLOTS);
}

void stss3_sole_id(const char *key, char id[37])
{
    uint8_t hash[32];
    plug_sha256(key, strlen(key), hash);
    plug_uuid_of(hash, id);
}

void stss3_name_stage(struct stss3_upload *u)
{
    if ((u->flags & REGSTORE_UPLOAD_SOLE) != 0 && u->key != NULL)
        stss3_sole_id(u->key, u->stage_id);
    else
        memcpy(u->stage_id, u->id, sizeof u->stage_id);
}

void stss3_upload_sha256(const struct stss3_upload *u, char *out)
{
    /* Cannot fail: every upload's digest has SHA-256, and the room suffices. */
    (void)plug_digest_text(u->digest, "sha256", out, REGSTORE_DIGEST_MAX);
}

void stss3_upload_tail_sha256(const struct stss3_upload *u, char out[STSS3_SHA256_HEX])
{
    char text[REGSTORE_DIGEST_MAX];
    const struct plug_digest *d = u->tail_digest != NULL ? u->tail_digest : u->digest;
    (void)plug_digest_text(d, "sha256", text, sizeof text);
    memcpy(out, text + strlen("sha256:"), STSS3_SHA256_HEX);
}

void stss3_upload_free(struct stss3_upload *u)
{
    if (u == NULL)
        return;
    stss3_parts_drop(u->parts);
    stss3_chunk_unref(u->tail);
    plug_digest_free(u->digest);
    plug_digest_free(u->tail_digest);
    free(u->origin);
    free(u->key);
    free(u->sealed_key);
    free(u->content_type);
    free(u->content_encoding);
    stss3_store_unref(u->store);
    free(u);
}

regstore_status stss3_upload_enter(const struct stss3_upload *u, struct plug_call *call,
                                   unsigned states, const char *verb)
{
    static const char *const names[] = {"open",    "sealed",   "committed", "suspended",
                                        "aborted", "aborting", "lost"};
    if (u->process != plug_process())
        return plug_fail(call, REGSTORE_STATE,
                         "%s: the handle was made before a fork, in the parent (FORK-2)", verb);
    if ((states & STSS3_STATE_BIT(u->state)) == 0)
        return plug_fail(call, REGSTORE_STATE, "%s: the upload is %s", verb, names[u->state]);
    return REGSTORE_OK;
}

regstore_status stss3_upload_fate(struct stss3_upload *u, const struct plug_call *call,
                                  regstore_status status)
{
    if (status == REGSTORE_GONE || (status == REGSTORE_CONFLICT && call->error.retryable == 0))
        u->state = STSS3_LOST;
    return status;
}

static regstore_status copy_text(struct plug_call *call, const char *text, char **out)
{
    if (text == NULL)
        return REGSTORE_OK;
    *out = strdup(text);
    return *out == NULL ? plug_no_memory(call) : REGSTORE_OK;
}

/* What goes into a header must not end it. */
static regstore_status check_header(struct plug_call *call, const char *text, const char *what)
{
    for (const char *p = text; p != NULL && *p != '\0'; p++)
        if (*p < ' ' || *p > '~' || p - text > 255)
            return plug_fail(call, REGSTORE_INVALID,
                             "%s must be printable ASCII of at most 255 bytes", what);
    return REGSTORE_OK;
}

static regstore_status begin_new(struct stss3_upload *u, struct plug_call *call,
                                 const struct regstore_upload_opts *o)
{
    if (o->key != NULL) {
        TRY(plug_key_check_target(call, o->key, "key"));
        TRY(stss3_key_length(u->store, call, o->key, "key"));
    }
    TRY(check_header(call, o->content_type, "content_type"));
    TRY(check_header(call, o->content_encoding, "content_encoding"));
    u->flags = o->flags;
    u->expected_length = o->expected_length;
    TRY(copy_text(call, o->key, &u->key));
    TRY(copy_text(call, o->content_type, &u->content_type));
    TRY(copy_text(call, o->content_encoding, &u->content_encoding));
    if (!plug_uuid(u->id))
        return plug_fail(call, REGSTORE_INTERNAL, "the system gives no random numbers");
    stss3_name_stage(u);
    u->parked.token_slot = STSS3_PARK_SLOTS - 1; /* none, and the last that comes to pass */
    /* SHA-256 whether asked for or not: it signs the first part and marks what is committed. */
    u->digest = plug_digest_new(o->flags | REGSTORE_UPLOAD_SHA256);
    return u->digest == NULL ? plug_no_memory(call) : REGSTORE_OK;
}

static regstore_status begin_from_token(struct stss3_upload *u, struct plug_call *call,
                                        const struct regstore_upload_opts *o)
{
    if (o->key != NULL || o->flags != 0 || o->content_type != NULL || o->content_encoding != NULL)
        return plug_fail(call, REGSTORE_INVALID,
                         "with a token, key, flags and content types are the token's own");
    TRY(stss3_token_read(u, call, o->token));
    return copy_text(call, o->token, &u->origin);
}

static regstore_status open_upload(struct stss3_store *store, struct plug_call *call,
                                   const struct regstore_upload_opts *opts,
                                   struct stss3_upload **out)
{
    struct regstore_upload_opts o;
    TRY(plug_take(call, &o, sizeof o, opts, "upload_opts"));
    TRY(plug_take_flags(call, o.flags,
                        REGSTORE_UPLOAD_SHA256 | REGSTORE_UPLOAD_SHA512 | REGSTORE_UPLOAD_SOLE,
                        "upload_opts"));
    TRY(stss3_store_enter(store, call));
    struct stss3_upload *u = calloc(1, sizeof *u);
    if (u == NULL)
        return plug_no_memory(call);
    u->store = stss3_store_ref(store);
    u->process = plug_process();
    const regstore_status status =
        o.token != NULL ? begin_from_token(u, call, &o) : begin_new(u, call, &o);
    if (status != REGSTORE_OK) {
        stss3_upload_free(u);
        return status;
    }
    *out = u;
    return REGSTORE_OK;
}

regstore_status stss3_upload_open(struct regstore_store *store, const struct regstore_call *call,
                                  const struct regstore_upload_opts *opts,
                                  struct regstore_upload **out)
{
    struct plug_call c;
    struct stss3_upload *u = NULL;
    regstore_status status = plug_call_begin(&c, call);
    *out = NULL;
    if (status == REGSTORE_OK)
        status = open_upload(stss3_store_of(store), &c, opts, &u);
    if (status == REGSTORE_OK) {
        *out = (struct regstore_upload *)(void *)u;
        plug_gauge_add(&u->store->host, &u->store->uploads_open, 1);
    }
    return plug_call_end(&c, status);
}

static size_t count_parts(const struct stss3_upload *u)
{
    return u->parts == NULL ? 0 : stss3_parts_count(u->parts);
}

uint64_t stss3_upload_part_bytes(const struct stss3_upload *u)
{
    const struct stss3_config *c = u->store->config;
    const struct stss3_part_wish wish = {c->part_bytes, u->expected_length};
    const size_t n = count_parts(u);
    return stss3_part_size(&c->limits, &wish, n, n == 0 ? 0 : stss3_parts_table(u->parts)->length);
}

static bool is_for_files(const struct stss3_upload *u)
{
    return stss3_chunk_cap(u->tail) > u->store->config->memory_bytes / 2;
}

/*
 * Where the multipart upload goes: the key that open told, which saves the copy at commit.  But
 * once a token without its id is out, only a name that every token knows will do, or an abort with
 * that token could not find it (TOK-4).  A SOLE upload's abort takes all that is unfinished at the
 * key.
 */
static regstore_status create_multipart(struct stss3_upload *u, struct plug_call *call)
{
    char stage[STSS3_STAGE_KEY_MAX], upload_id[STSS3_UPLOAD_ID_MAX];
    stss3_stage_key(u, stage);
    const bool is_sole = (u->flags & REGSTORE_UPLOAD_SOLE) != 0;
    u->is_staged = u->key == NULL || (u->generation != 0 && !is_sole);
    const char *key = u->is_staged ? stage : u->key;
    const struct stss3_meta meta = {.content_type = u->content_type,
                                    .content_encoding = u->content_encoding,
                                    .mark = u->id,
                                    .sum = u->store->config->checksum,
                                    .is_passing = u->is_staged};
    /* First: were there no memory for it later, what S3 has made would be there, unknown to us. */
    struct stss3_parts *parts = stss3_parts_new(&u->store->running->client, key, "", meta.sum);
    if (parts == NULL)
        return plug_no_memory(call);
    const regstore_status status =
        stss3_multipart_create(&u->store->running->client, call, key, &meta, upload_id);
    if (status != REGSTORE_OK) {
        u->may_be_more |= u->is_staged;
        stss3_parts_drop(parts);
        return status;
    }
    const int64_t now_ns = stss3_service_clock_now_ns(u->store->running->client.clock);
    u->created_s = now_ns > 0 ? (uint64_t)(now_ns / STSS3_NS_PER_S) : 0;
    u->sum = meta.sum;
    stss3_parts_set_upload_id(parts, upload_id);
    u->parts = parts;
    return REGSTORE_OK;
}

regstore_status stss3_upload_flush(struct stss3_upload *u, struct plug_call *call)
{
    char sha256[STSS3_SHA256_HEX];
    uint8_t state[PLUG_DIGEST_SAVED_MAX];
    if (u->parts == NULL)
        TRY(create_multipart(u, call));
    struct plug_digest *next = plug_digest_new(REGSTORE_UPLOAD_SHA256);
    if (next == NULL)
        return plug_no_memory(call);
    stss3_upload_tail_sha256(u, sha256);
    const regstore_status status = stss3_parts_send(u->parts, call, u->tail, sha256, state,
                                                    plug_digest_save(u->digest, state));
    if (status != REGSTORE_OK) {
        plug_digest_free(next);
        return status;
    }
    stss3_chunk_unref(u->tail);
    u->tail = NULL;
    plug_digest_free(u->tail_digest);
    u->tail_digest = next;
    u->parked.length = 0; /* what was parked is in this part */
    return REGSTORE_OK;
}

/* Only parts of this very upload are waited for (THR-4). */
static regstore_status wait_for_one(struct stss3_upload *u, struct plug_call *call, unsigned flying)
{
    TRY(stss3_parts_wait(u->parts, call, flying));
    return stss3_parts_report(u->parts, call);
}

/* There is no disk either: the part is sent as short as may be, since better than to fail now is to
 * fail much later, if at all. */
static regstore_status do_without_disk(struct stss3_upload *u, struct plug_call *call,
                                       unsigned flying, regstore_status status)
{
    const struct stss3_part_limits *limits = &u->store->config->limits;
    const size_t n = count_parts(u);
    if (stss3_part_can_be_short(limits, n, stss3_chunk_length(u->tail)))
        return stss3_upload_flush(u, call);
    if (flying != 0)
        return wait_for_one(u, call, flying);
    if (!stss3_part_can_be_short(limits, n, limits->min_bytes))
        return status;
    stss3_chunk_overdraw(u->tail, limits->min_bytes);
    return REGSTORE_OK;
}

/* The budget has nothing left. */
static regstore_status find_memory(struct stss3_upload *u, struct plug_call *call)
{
    const unsigned flying = u->parts == NULL ? 0 : stss3_parts_flying(u->parts);
    if (flying != 0 && !is_for_files(u))
        return wait_for_one(u, call, flying);
    const regstore_status status = stss3_chunk_spill(u->tail, call);
    return status == REGSTORE_OK ? status : do_without_disk(u, call, flying, status);
}

static regstore_status make_tail(struct stss3_upload *u, struct plug_call *call)
{
    u->tail = stss3_chunk_new(u->store->running->budget, stss3_upload_part_bytes(u));
    return u->tail == NULL ? plug_no_memory(call) : REGSTORE_OK;
}

static void hash(struct stss3_upload *u, const void *data, size_t len)
{
    plug_digest_update(u->digest, data, len);
    if (u->tail_digest != NULL)
        plug_digest_update(u->tail_digest, data, len);
}

/* Before the last part is sent as one that is followed by others: commit could not tell so well. */
static regstore_status check_room(const struct stss3_upload *u, struct plug_call *call)
{
    const size_t most = u->store->config->limits.count;
    if (count_parts(u) + 1 < most)
        return REGSTORE_OK;
    return plug_fail(call, REGSTORE_INVALID,
                     "the blob needs more than %zu parts: raise minimum_chunk_size_mb, or tell "
                     "upload_open its length",
                     most);
}

static regstore_status write_some(struct stss3_upload *u, struct plug_call *call, const void *data,
                                  size_t len, size_t *taken)
{
    *taken = 0;
    if (u->tail != NULL && stss3_chunk_length(u->tail) == stss3_chunk_cap(u->tail)) {
        TRY(check_room(u, call));
        if (u->parts != NULL)
            TRY(stss3_parts_wait(u->parts, call, is_for_files(u) ? FLYING_FILES_MAX : FLYING_MAX));
        if (u->parts != NULL)
            TRY(stss3_parts_report(u->parts, call));
        TRY(stss3_upload_flush(u, call));
    }
    if (u->tail == NULL)
        TRY(make_tail(u, call));
    TRY(stss3_chunk_append(u->tail, call, data, len < WRITE_STEP ? len : WRITE_STEP, taken));
    if (*taken == 0)
        return find_memory(u, call);
    hash(u, data, *taken);
    return REGSTORE_OK;
}

static regstore_status write_all(struct stss3_upload *u, struct plug_call *call,
                                 const uint8_t *data, size_t len)
{
    if (len != 0)
        TRY(stss3_upload_restore(u, call, true));
    if (u->parts != NULL)
        TRY(stss3_parts_report(u->parts, call));
    while (len > 0) {
        size_t taken;
        TRY(plug_call_check(call));
        TRY(write_some(u, call, data, len, &taken));
        data += taken;
        len -= taken;
    }
    return REGSTORE_OK;
}

regstore_status stss3_upload_write(struct regstore_upload *upload, const struct regstore_call *call,
                                   const void *buf, size_t len)
{
    struct stss3_upload *u = stss3_upload_of(upload);
    struct plug_call c;
    const uint64_t before = plug_digest_length(u->digest);
    regstore_status status = plug_call_begin(&c, call);
    if (status == REGSTORE_OK)
        status = stss3_upload_enter(u, &c, STSS3_STATE_BIT(STSS3_OPEN), "write");
    if (status == REGSTORE_OK && buf == NULL && len != 0)
        status = plug_fail(&c, REGSTORE_INVALID, "buf is NULL");
    if (status == REGSTORE_OK)
        status = stss3_upload_fate(u, &c, write_all(u, &c, buf, len));
    plug_tally_add(&u->store->host, &u->written, PLUG_WRITTEN,
                   plug_digest_length(u->digest) - before);
    return plug_call_end(&c, status);
}

uint64_t stss3_upload_offset(const struct regstore_upload *upload)
{
    const struct stss3_upload *u = (const struct stss3_upload *)(const void *)upload;
    return plug_digest_length(u->digest);
}

regstore_status stss3_upload_digest(const struct regstore_upload *upload, const char *algorithm,
                                    char *digest, size_t cap)
{
    const struct stss3_upload *u = (const struct stss3_upload *)(const void *)upload;
    if (u->process != plug_process())
        return REGSTORE_STATE;
    if (algorithm == NULL || digest == NULL)
        return REGSTORE_INVALID;
    if (strcmp(algorithm, "sha256") == 0 && (u->flags & REGSTORE_UPLOAD_SHA256) == 0)
        return REGSTORE_UNSUPPORTED;
    return plug_digest_text(u->digest, algorithm, digest, cap);
}

/* After a PUT that may still land at this slot. */
static unsigned slot_beyond(const struct stss3_upload *u, unsigned slot)
{
    const unsigned next = ((slot | 1) + 1) % STSS3_PARK_SLOTS;
    return next == u->parked.token_slot ? next ^ 1 : next;
}

regstore_status stss3_upload_park(struct stss3_upload *u, struct plug_call *call,
                                  struct stss3_chunk *chunk, const char *sha256, char etag[128])
{
    char key[STSS3_STAGE_KEY_MAX];
    const struct stss3_meta meta = {.mark = u->id, .is_passing = true};
    const unsigned slot = u->parked.next;
    u->has_parked = true;
    u->parked.next = slot_beyond(u, slot);
    stss3_park_key(u, slot, key);
    TRY(stss3_put(&u->store->running->client, call, key, chunk, sha256, &meta, etag));
    u->parked.next = slot; /* until a token names it */
    return REGSTORE_OK;
}

/* Whether the tail is part enough to be sent, though more will come. */
static bool is_part(const struct stss3_upload *u)
{
    const struct stss3_part_limits *limits = &u->store->config->limits;
    const size_t n = count_parts(u);
    const uint64_t len = stss3_chunk_length(u->tail);
    return stss3_part_may_be_short(limits, n, len) ||
           (len == stss3_upload_part_bytes(u) && n + 1 < limits->count);
}

/* The tail goes where the next process finds it.  At an offset that has a token already, and
 * nothing written since, that is where it lies. */
static regstore_status park_tail(struct stss3_upload *u, struct plug_call *call)
{
    char sha256[STSS3_SHA256_HEX], etag[128];
    if (u->tail == NULL)
        return REGSTORE_OK;
    if (is_part(u))
        return stss3_upload_flush(u, call);
    stss3_upload_tail_sha256(u, sha256);
    TRY(stss3_upload_park(u, call, u->tail, sha256, etag));
    if (etag[0] == '\0')
        return plug_fail(call, REGSTORE_UNAVAILABLE, "PutObject: the answer has no ETag");
    u->parked.length = stss3_chunk_length(u->tail);
    u->parked.slot = u->parked.next;
    memcpy(u->parked.etag, etag, sizeof u->parked.etag);
    return REGSTORE_OK;
}

static regstore_status make_token(struct stss3_upload *u, struct plug_call *call, char *token,
                                  size_t cap)
{
    const unsigned token_slot = u->parked.token_slot, next = u->parked.next;
    u->generation++;
    if (u->parked.length != 0 && u->parked.slot != token_slot) {
        u->parked.token_slot = u->parked.slot;
        u->parked.next = u->parked.slot ^ 1;
    }
    const regstore_status status = stss3_token_make(u, call, token, cap);
    if (status != REGSTORE_OK) {
        u->parked.token_slot = token_slot;
        u->parked.next = next;
    }
    return status;
}

static regstore_status suspend(struct stss3_upload *u, struct plug_call *call, char *token,
                               size_t cap, uint64_t *kept)
{
    TRY(plug_call_check(call));
    regstore_status status = park_tail(u, call);
    if (status == REGSTORE_OK && u->parts != NULL)
        status = stss3_parts_settle(u->parts, call);
    if (status == REGSTORE_OK)
        status = make_token(u, call, token, cap);
    if (status == REGSTORE_OK) {
        *kept = plug_digest_length(u->digest);
        u->state = STSS3_SUSPENDED;
        return REGSTORE_OK;
    }
    if (stss3_upload_fate(u, call, status) != REGSTORE_OK && u->state != STSS3_LOST)
        stss3_token_make_safe(u, token, cap, kept);
    return status;
}

regstore_status stss3_upload_suspend(struct regstore_upload *upload,
                                     const struct regstore_call *call, char *token, size_t cap,
                                     uint64_t *kept)
{
    struct stss3_upload *u = stss3_upload_of(upload);
    struct plug_call c;
    uint64_t ignored;
    regstore_status status = plug_call_begin(&c, call);
    plug_call_measure(&c, &u->store->host, "suspend");
    if (kept == NULL)
        kept = &ignored;
    if (status == REGSTORE_OK)
        status = stss3_upload_enter(
            u, &c, STSS3_STATE_BIT(STSS3_OPEN) | STSS3_STATE_BIT(STSS3_SEALED), "suspend");
    if (status == REGSTORE_OK && (token == NULL || cap < REGSTORE_TOKEN_MAX))
        status =
            plug_fail(&c, REGSTORE_RANGE, "a token needs a buffer of %d bytes", REGSTORE_TOKEN_MAX);
    if (status == REGSTORE_OK) { /* a refused call leaves the host's token as it is */
        *kept = 0;
        token[0] = '\0';
        status = suspend(u, &c, token, cap, kept);
    }
    return plug_call_end(&c, status);
}

void stss3_upload_close(struct regstore_upload *upload)
{
    struct stss3_upload *u = stss3_upload_of(upload);
    if (u == NULL)
        return;
    if (u->process != plug_process()) {
        /* Requests and locks are the parent's, and a thread of it may have held one at the fork. */
        u->parts = NULL;
        u->tail = NULL;
    } else {
        plug_tally_end(&u->store->host, &u->written, PLUG_WRITTEN);
        plug_gauge_add(&u->store->host, &u->store->uploads_open, -1);
    }
    stss3_upload_free(u);
}
