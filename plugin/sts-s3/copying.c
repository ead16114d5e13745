/* SPDX-License-Identifier: Apache-2.0 */
#include "copying.h"

#include <stdlib.h>
#include <string.h>

#include "key.h"
#include "multipart.h"

/* Below this one CopyObject is as quick, and it is one request. */
#ifndef SIDE_BY_SIDE_FROM /* a test of all allocations cannot move that much each time */
#define SIDE_BY_SIDE_FROM (256ull * STSS3_MIB)
#define PART_COPY_MIN     (64ull * STSS3_MIB)
#endif
#define COPIES_AT_ONCE    8
#define READ_WRITE_BYTES  (8ull * STSS3_MIB)

/* A multipart copy under way. */
struct copying {
    struct stss3_store *store;
    const char *from, *to, *etag;
    uint64_t length, part_bytes;
    enum stss3_checksum sum; /* as Create has announced it: S3 takes no other with a part */
    char upload_id[STSS3_UPLOAD_ID_MAX];
    struct stss3_part *table;
    size_t n;
};

static uint64_t part_offset(const struct copying *c, size_t i)
{
    return i * c->part_bytes;
}

static uint64_t part_length(const struct copying *c, size_t i)
{
    const uint64_t left = c->length - part_offset(c, i);
    return left < c->part_bytes ? left : c->part_bytes;
}

static regstore_status finish_part(struct copying *c, struct plug_call *call, struct stss3_op *op,
                                   size_t i)
{
    regstore_status status = stss3_request_wait(op->request, call);
    if (status == REGSTORE_OK && op->request->error.status != REGSTORE_OK)
        status = plug_call_adopt(call, &op->request->error);
    if (status == REGSTORE_OK)
        status = stss3_part_copy_read(op, call, c->table[i].etag);
    else
        stss3_request_cancel(op->request);
    c->table[i].length = part_length(c, i);
    if (status == REGSTORE_EXISTS)
        status = plug_fail(call, REGSTORE_CONFLICT, "the source of the copy is another one by now");
    stss3_op_drop(op);
    return status;
}

/* A window of requests slides over the parts; the first failure ends it. */
static regstore_status copy_parts(struct copying *c, struct plug_call *call)
{
    struct stss3_op *window[COPIES_AT_ONCE] = {NULL};
    regstore_status status = REGSTORE_OK;
    size_t begun = 0, ended = 0;
    while (status == REGSTORE_OK && ended < c->n) {
        if (begun < c->n && begun - ended < COPIES_AT_ONCE) {
            struct stss3_op *op = stss3_part_copy_new(&c->store->running->client, c->from, c->etag,
                                                      part_offset(c, begun), part_length(c, begun),
                                                      c->to, c->upload_id, (unsigned)begun + 1);
            if (op == NULL) {
                status = plug_no_memory(call);
                break;
            }
            window[begun++ % COPIES_AT_ONCE] = op;
            stss3_request_start(c->store->running->http, op->request);
        } else {
            status = finish_part(c, call, window[ended % COPIES_AT_ONCE], ended);
            ended++;
        }
    }
    for (; ended < begun; ended++) {
        stss3_request_cancel(window[ended % COPIES_AT_ONCE]->request);
        stss3_op_drop(window[ended % COPIES_AT_ONCE]);
    }
    return status;
}

/* Read and write, one part after the other, in a buffer that may overdraw the budget by one part: a
 * copy must not depend on what uploads hold. */
static regstore_status pump_part(struct copying *c, struct plug_call *call, size_t i)
{
    char sha256[STSS3_SHA256_HEX];
    struct stss3_chunk *chunk = stss3_chunk_new(c->store->running->budget, c->part_bytes);
    struct stss3_op *op = NULL;
    const uint64_t len = part_length(c, i);
    regstore_status status = REGSTORE_OK;
    if (chunk == NULL || !stss3_chunk_receive(chunk, len, true))
        status = plug_no_memory(call);
    if (status == REGSTORE_OK) {
        op = stss3_get_new(&c->store->running->client, c->from, part_offset(c, i), len, c->etag,
                           chunk);
        status = op == NULL ? plug_no_memory(call) : stss3_op_run(op, call);
        if (status == REGSTORE_OK && op->request->sink_len != len)
            status = plug_fail(call, REGSTORE_UNAVAILABLE, "GetObject: the range came short");
        if (status == REGSTORE_EXISTS)
            status =
                plug_fail(call, REGSTORE_CONFLICT, "the source of the copy is another one by now");
        stss3_op_drop(op);
    }
    if (status == REGSTORE_OK) {
        stss3_sha256_hex(stss3_chunk_data(chunk), (size_t)len, sha256);
        op = stss3_part_new(&c->store->running->client, c->to, c->upload_id, (unsigned)i + 1, chunk,
                            sha256, c->sum);
        status = op == NULL ? plug_no_memory(call) : stss3_op_run(op, call);
        if (status == REGSTORE_OK)
            stss3_etag_copy(c->table[i].etag, stss3_request_answer_header(op->request, "etag"));
        stss3_op_drop(op);
    }
    c->table[i].length = len;
    stss3_chunk_unref(chunk);
    return status;
}

static regstore_status pump_parts(struct copying *c, struct plug_call *call)
{
    for (size_t i = 0; i < c->n; i++)
        TRY(pump_part(c, call, i));
    return REGSTORE_OK;
}

/* As large as the setting allows, small enough that they go side by side, and never too many: the
 * provider's limits come before the setting. */
static uint64_t choose_part(const struct stss3_config *config, uint64_t length)
{
    uint64_t bytes = length / COPIES_AT_ONCE + 1;
    if (bytes < PART_COPY_MIN)
        bytes = PART_COPY_MIN;
    if (bytes > config->copy_part_bytes)
        bytes = config->copy_part_bytes;
    return stss3_copy_part_size(&config->limits, bytes, length);
}

/* An answer came, and there was no memory for it: whether the copy was made nobody knows, which
 * NO_MEMORY would deny (CALL-5). */
static regstore_status in_doubt(struct plug_call *call, regstore_status status)
{
    if (status != REGSTORE_NO_MEMORY || call->error.http_status == 0)
        return status;
    return plug_fail(call, REGSTORE_UNAVAILABLE,
                     "there was no memory for the answer: the copy may have been made");
}

/* Complete says that there is no such upload: an earlier try of ours, whose answer was lost, may
 * have done it. */
static regstore_status find_copy(const struct copying *c, struct plug_call *call,
                                 const struct stss3_meta *meta, char *etag)
{
    struct stss3_object there = {0};
    char due[128] = "";
    const regstore_status status = stss3_head(&c->store->running->client, call, c->to, &there);
    if (status != REGSTORE_OK && status != REGSTORE_NOT_FOUND)
        return status;
    /* Not every server makes its ETags as AWS does (R2, KMS): then what we wrote beside it counts.
     */
    const bool has_etag = stss3_multipart_etag(c->table, c->n, due) && strcmp(due, there.etag) == 0;
    const bool has_digest = meta->digest != NULL && strcmp(meta->digest, there.digest) == 0;
    const bool is_ours =
        status == REGSTORE_OK && there.length == c->length && (has_etag || has_digest);
    if (!is_ours)
        return plug_fail(call, REGSTORE_UNAVAILABLE,
                         "the copy to '%.200s' was ended by somebody else", c->to);
    memcpy(etag, there.etag, sizeof there.etag);
    return REGSTORE_OK;
}

/* 412, but the parts are gone, which a Complete that is refused leaves alone: an earlier try of
 * ours has done it. */
static regstore_status exists_or_gone(const struct copying *c, struct plug_call *call)
{
    const struct plug_error exists = call->error;
    if (stss3_multipart_parts(&c->store->running->client, call, c->to, c->upload_id, NULL, NULL) ==
        REGSTORE_GONE)
        return REGSTORE_GONE;
    return plug_call_adopt(call, &exists);
}

static regstore_status
copy_multipart(struct copying *c, struct plug_call *call, const struct stss3_meta *meta,
               regstore_status (*parts)(struct copying *, struct plug_call *), char *etag)
{
    struct stss3_client *client = &c->store->running->client;
    struct stss3_meta create = *meta;
    create.is_if_absent = false; /* said at Complete */
    /* Of parts that S3 copies it makes the checksums itself; but for COMPOSITE we would have to
     * name them. */
    c->sum = client->config->checksum == STSS3_SUM_SHA256 ? STSS3_SUM_NONE
                                                          : client->config->checksum;
    create.sum = c->sum;
    c->n = (size_t)((c->length + c->part_bytes - 1) / c->part_bytes);
    if (c->n > c->store->config->limits.count)
        return plug_fail(call, REGSTORE_INVALID,
                         "a blob of this size cannot be copied in %zu parts",
                         c->store->config->limits.count);
    c->table = calloc(c->n, sizeof *c->table);
    if (c->table == NULL)
        return plug_no_memory(call);
    regstore_status status = stss3_multipart_create(client, call, c->to, &create, c->upload_id);
    if (status != REGSTORE_OK) {
        free(c->table);
        return status;
    }
    status = parts(c, call);
    if (status == REGSTORE_OK)
        status = in_doubt(call, stss3_multipart_complete(client, call, c->to, c->upload_id,
                                                         c->table, c->n, meta->is_if_absent, etag));
    if (status == REGSTORE_EXISTS)
        status = exists_or_gone(c, call);
    if (status == REGSTORE_GONE)
        status = find_copy(c, call, meta, etag);
    if (status != REGSTORE_OK)
        stss3_multipart_abandon(client, c->to, c->upload_id);
    free(c->table);
    return status;
}

static bool is_refused(regstore_status status)
{
    return status == REGSTORE_DENIED || status == REGSTORE_UNSUPPORTED;
}

/* Whether CopyObject declines this source for its size. */
static bool is_too_large(regstore_status status, const struct plug_call *call)
{
    return status == REGSTORE_UNSUPPORTED || (status == REGSTORE_INVALID) ||
           (status == REGSTORE_INTERNAL && strcmp(call->error.code, "InvalidRequest") == 0);
}

static const char *or_null(const char *text)
{
    return text[0] == '\0' ? NULL : text;
}

regstore_status stss3_copy_whole(struct stss3_store *store, struct plug_call *call,
                                 const char *from, const struct stss3_object *source,
                                 const char *to, const struct stss3_meta *meta, char *etag)
{
    struct copying c = {.store = store, .from = from, .to = to, .length = source->length};
    const struct stss3_meta kept = {.digest = or_null(source->digest),
                                    .mark = or_null(source->mark),
                                    .content_type = or_null(source->content_type),
                                    .content_encoding = or_null(source->content_encoding),
                                    .is_if_absent = meta->is_if_absent};
    const struct stss3_provider *provider = store->config->provider;
    const bool is_new = meta->digest != NULL || meta->mark != NULL;
    c.etag = or_null(source->etag);
    regstore_status status = REGSTORE_UNSUPPORTED;
    etag[0] = '\0';
    if (source->length >= SIDE_BY_SIDE_FROM &&
        !atomic_load(&store->running->client.refuses_part_copy)) {
        c.part_bytes = choose_part(store->config, source->length);
        status = copy_multipart(&c, call, is_new ? meta : &kept, copy_parts, etag);
        if (!is_refused(status))
            return status;
        if (!atomic_exchange(&store->running->client.refuses_part_copy, true))
            plug_log(&store->host, REGSTORE_LOG_INFO, "fallback",
                     PLUG_FIELDS({"operation", "UploadPartCopy"}, {"instead", "CopyObject"},
                                 {"code", call->error.code}));
    }
    if (source->length <= provider->copy_max) {
        status = in_doubt(call, stss3_copy_object(&store->running->client, call, from, source, to,
                                                  is_new ? meta : NULL, kept.is_if_absent, etag));
        if (!is_too_large(status, call))
            return status;
    }
    plug_log(&store->host, REGSTORE_LOG_INFO, "fallback",
             PLUG_FIELDS({"operation", "CopyObject"}, {"instead", "GetObject and UploadPart"},
                         {"code", call->error.code},
                         {"bytes", plug_number((int64_t)source->length).text}));
    if (source->length == 0) /* it has no parts */
        return stss3_put(&store->running->client, call, to, NULL, NULL, is_new ? meta : &kept,
                         etag);
    c.part_bytes = stss3_copy_part_size(&store->config->limits, READ_WRITE_BYTES, c.length);
    return copy_multipart(&c, call, is_new ? meta : &kept, pump_parts, etag);
}

/* The length decides how it is copied, and the source must be there in any case: a HEAD first. */
static regstore_status copy_slot(struct stss3_store *s, struct plug_call *call, const char *from,
                                 const char *to, const struct regstore_copy_opts *opts)
{
    struct regstore_copy_opts o;
    struct stss3_object source, there;
    char etag[128];
    TRY(plug_take(call, &o, sizeof o, opts, "copy_opts"));
    TRY(plug_take_flags(call, o.flags, REGSTORE_COPY_IF_ABSENT, "copy_opts"));
    TRY(plug_key_check(call, from, "from"));
    TRY(stss3_key_length(s, call, from, "from"));
    TRY(plug_key_check_target(call, to, "to"));
    TRY(stss3_key_length(s, call, to, "to"));
    TRY(stss3_store_enter(s, call));
    const struct stss3_meta meta = {.is_if_absent = (o.flags & REGSTORE_COPY_IF_ABSENT) != 0};
    TRY(stss3_head(&s->running->client, call, from, &source));
    if (strcmp(from, to) == 0) /* S3 refuses to copy onto itself what does not change (COPY-1) */
        return REGSTORE_OK;
    if (meta.is_if_absent) {
        const regstore_status status = stss3_head(&s->running->client, call, to, &there);
        if (status == REGSTORE_OK)
            return plug_fail(call, REGSTORE_EXISTS, "'%s' is there already", to);
        if (status != REGSTORE_NOT_FOUND)
            return status;
    }
    return stss3_copy_whole(s, call, from, &source, to, &meta, etag);
}

regstore_status stss3_copy(struct regstore_store *store, const struct regstore_call *call,
                           const char *from, const char *to, const struct regstore_copy_opts *opts)
{
    struct plug_call c;
    regstore_status status = plug_call_begin(&c, call);
    plug_call_measure(&c, &stss3_store_of(store)->host, "copy");
    if (status == REGSTORE_OK)
        status = copy_slot(stss3_store_of(store), &c, from, to, opts);
    return plug_call_end(&c, status);
}
