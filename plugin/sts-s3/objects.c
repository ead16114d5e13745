/* SPDX-License-Identifier: Apache-2.0 */
#include "objects.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "numbers.h"
#include "printable.h"
#include "timestamp.h"

#define META_DIGEST "x-amz-meta-regstore-digest"
#define META_MARK   "x-amz-meta-regstore-upload"

void stss3_etag_copy(char out[128], const char *text)
{
    size_t len = text == NULL ? 0 : strlen(text);
    if (len >= 2 && text[0] == '"' && text[len - 1] == '"') {
        text++;
        len -= 2;
    }
    if (len >= 128)
        len = 0; /* never cut: half an ETag is none */
    for (size_t i = 0; i < len; i++)
        if (text[i] <= ' ' || text[i] > '~' || text[i] == '"')
            len = 0; /* a weak one, or what no header could carry back */
    if (len != 0)
        memcpy(out, text, len);
    out[len] = '\0';
}

void stss3_meta_headers(struct stss3_op *op, const struct stss3_meta *meta)
{
    stss3_op_header(op, "content-type", meta->content_type);
    stss3_op_header(op, "content-encoding", meta->content_encoding);
    stss3_op_header(op, META_DIGEST, meta->digest);
    stss3_op_header(op, META_MARK, meta->mark);
    const struct stss3_config *c = op->client->config;
    stss3_op_header(op, "x-amz-server-side-encryption", c->encryption);
    stss3_op_header(op, "x-amz-server-side-encryption-aws-kms-key-id", c->kms_key_id);
    stss3_op_header(op, "x-amz-server-side-encryption-bucket-key-enabled", c->bucket_key);
    if (!meta->is_passing)
        stss3_op_header(op, "x-amz-storage-class", c->storage_class);
    if (meta->is_if_absent)
        stss3_op_header(op, "if-none-match", "*");
}

static void copy_header(const struct stss3_request *request, const char *name, char *out,
                        size_t cap)
{
    const char *value = stss3_request_answer_header(request, name);
    if (value != NULL && strlen(value) < cap && plug_is_printable(value))
        (void)snprintf(out, cap, "%s", value);
}

void stss3_object_read(const struct stss3_request *request, struct stss3_object *out)
{
    memset(out, 0, sizeof *out);
    const char *length = stss3_request_answer_header(request, "content-length");
    const char *range = stss3_request_answer_header(request, "content-range");
    const char *modified = stss3_request_answer_header(request, "last-modified");
    uint64_t first, last;
    if (range == NULL || !stss3_content_range_parse(range, &first, &last, &out->length))
        out->length = 0;
    if (range == NULL && length != NULL && !stss3_number_parse(length, &out->length))
        out->length = 0;
    if (modified == NULL || !stss3_time_parse_http(modified, &out->mtime_ns))
        out->mtime_ns = 0;
    stss3_etag_copy(out->etag, stss3_request_answer_header(request, "etag"));
    copy_header(request, META_DIGEST, out->digest, sizeof out->digest);
    copy_header(request, META_MARK, out->mark, sizeof out->mark);
    copy_header(request, "content-type", out->content_type, sizeof out->content_type);
    copy_header(request, "content-encoding", out->content_encoding, sizeof out->content_encoding);
}

regstore_status stss3_head(struct stss3_client *client, struct plug_call *call, const char *key,
                           struct stss3_object *out)
{
    struct stss3_op *op = stss3_op_new(client, "HEAD", "HeadObject", key);
    if (op == NULL)
        return plug_no_memory(call);
    const regstore_status status = stss3_op_run(op, call);
    if (status == REGSTORE_OK)
        stss3_object_read(op->request, out);
    const bool has_length =
        status != REGSTORE_OK || stss3_request_answer_header(op->request, "content-length") != NULL;
    stss3_op_drop(op);
    return has_length ? status
                      : plug_fail(call, REGSTORE_UNAVAILABLE,
                                  "HeadObject: the answer does not tell the length");
}

regstore_status stss3_head_bucket(struct stss3_client *client, struct plug_call *call,
                                  int64_t *service_ns)
{
    struct stss3_op *op = stss3_op_new(client, "HEAD", "HeadBucket", NULL);
    *service_ns = 0;
    if (op == NULL)
        return plug_no_memory(call);
    const regstore_status status = stss3_op_run(op, call);
    const char *date = stss3_request_is_over(op->request)
                           ? stss3_request_answer_header(op->request, "date")
                           : NULL;
    if (date != NULL && !stss3_time_parse_http(date, service_ns))
        *service_ns = 0;
    stss3_op_drop(op);
    return status;
}

static void release_chunk(void *kept)
{
    stss3_chunk_unpin(kept);
}

static void keep_chunk(struct stss3_op *op, struct stss3_chunk *chunk)
{
    op->kept = stss3_chunk_pin(chunk);
    op->release = release_chunk;
    op->body.failed |= op->kept == NULL;
}

regstore_status stss3_put(struct stss3_client *client, struct plug_call *call, const char *key,
                          struct stss3_chunk *chunk, const char *sha256,
                          const struct stss3_meta *meta, char *etag)
{
    struct stss3_op *op = stss3_op_new(client, "PUT", "PutObject", key);
    if (op == NULL)
        return plug_no_memory(call);
    stss3_meta_headers(op, meta);
    stss3_op_send_chunk(op, chunk, sha256, client->config->checksum);
    const regstore_status status = stss3_op_run(op, call);
    if (status == REGSTORE_OK && etag != NULL)
        stss3_etag_copy(etag, stss3_request_answer_header(op->request, "etag"));
    stss3_op_drop(op);
    return status;
}

void stss3_op_send_chunk(struct stss3_op *op, struct stss3_chunk *chunk, const char *sha256,
                         enum stss3_checksum kind)
{
    if (chunk != NULL) {
        keep_chunk(op, chunk);
        op->request->body = stss3_chunk_data(chunk);
        op->request->body_fd = stss3_chunk_file(chunk);
        op->request->body_len = stss3_chunk_length(chunk);
        (void)snprintf(op->payload_sha256, sizeof op->payload_sha256, "%s", sha256);
    }
    op->is_chunk = true;
    if (kind == STSS3_SUM_NONE && atomic_load(&op->client->demands_checksum))
        kind = stss3_demanded_checksum();
    stss3_op_checksum(op, kind);
}

/* Of a COMPOSITE one S3 leaves away the number of parts in the answer to a range, and it looks like
 * another: only what is said to be of the whole is. */
bool stss3_sum_told(const struct stss3_request *request, struct stss3_sum *due)
{
    static const enum stss3_checksum kinds[] = {STSS3_SUM_CRC32C, STSS3_SUM_CRC64NVME,
                                                STSS3_SUM_SHA256};
    const char *type = stss3_request_answer_header(request, "x-amz-checksum-type");
    if (type == NULL || strcmp(type, "FULL_OBJECT") != 0)
        return false;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const char *text = stss3_request_answer_header(request, stss3_sum_header(kinds[i]));
        if (text != NULL && stss3_sum_parse(kinds[i], text, due))
            return true;
    }
    return false;
}

struct stss3_op *stss3_get_new(struct stss3_client *client, const char *key, uint64_t offset,
                               uint64_t len, const char *etag, struct stss3_chunk *chunk)
{
    struct stss3_op *op = stss3_op_new(client, "GET", "GetObject", key);
    char range[64], quoted[160];
    if (op == NULL)
        return NULL;
    const uint64_t last = len > INT64_MAX - offset ? INT64_MAX : offset + len - 1;
    (void)snprintf(range, sizeof range, "bytes=%" PRIu64 "-%" PRIu64, offset, last);
    stss3_op_header(op, "range", range);
    if (etag != NULL) {
        (void)snprintf(quoted, sizeof quoted, "\"%s\"", etag);
        stss3_op_header(op, "if-match", quoted);
    }
    const enum stss3_checksum sum = client->config->checksum;
    if (offset == 0 && (stss3_sum_algorithm(sum) != NULL ||
                        client->config->provider->put_checksum == STSS3_CHECKSUM_CRC))
        stss3_op_header(op, "x-amz-checksum-mode", "ENABLED"); /* S3 says it of whole objects */
    keep_chunk(op, chunk);
    op->is_range = true;
    op->range_offset = offset;
    op->request->sink = stss3_chunk_data(chunk);
    op->request->sink_cap = (size_t)len;
    return op;
}

regstore_status stss3_delete(struct stss3_client *client, struct plug_call *call, const char *key)
{
    struct stss3_op *op = stss3_op_new(client, "DELETE", "DeleteObject", key);
    if (op == NULL)
        return plug_no_memory(call);
    const regstore_status status = stss3_op_run(op, call);
    stss3_op_drop(op);
    return status == REGSTORE_NOT_FOUND ? REGSTORE_OK : status;
}

struct batch {
    struct stss3_client *client;
    const char *const *keys;
    size_t n;
    regstore_status *results;
    struct plug_buf key, code;
    struct plug_call *call;
    regstore_status first;
    regstore_status strange; /* of an error that names no key of ours: it may speak of any */
};

/* The answer names the keys that failed (Quiet), whole, with the root. */
static regstore_status batch_end(void *ctx, const char *path, const char *text)
{
    struct batch *b = ctx;
    const char *root = b->client->config->root;
    if (strcmp(path, "Error/Key") == 0) {
        plug_buf_reset(&b->key);
        plug_buf_str(&b->key, text);
    } else if (strcmp(path, "Error/Code") == 0) {
        plug_buf_reset(&b->code);
        plug_buf_str(&b->code, text);
    } else if (strcmp(path, "Error") == 0) {
        const regstore_status status = strcmp(plug_buf_text(&b->code), "AccessDenied") == 0
                                           ? REGSTORE_DENIED
                                           : REGSTORE_UNAVAILABLE;
        bool is_known = false;
        for (size_t i = 0; i < b->n; i++) {
            if (strncmp(plug_buf_text(&b->key), root, strlen(root)) != 0 ||
                strcmp(plug_buf_text(&b->key) + strlen(root), b->keys[i]) != 0)
                continue;
            b->results[i] = status;
            is_known = true;
        }
        if (!is_known)
            b->strange = status;
        if (b->first == REGSTORE_OK)
            b->first = plug_fail(b->call, status, "DeleteObjects: '%.200s': %.100s",
                                 plug_buf_text(&b->key), plug_buf_text(&b->code));
    }
    return REGSTORE_OK;
}

static bool wants_md5(const struct stss3_op *op)
{
    return strcmp(op->said.code, "MissingContentMD5") == 0 ||
           strstr(op->said.message, "Content-MD5") != NULL;
}

regstore_status stss3_delete_batch(struct stss3_client *client, struct plug_call *call,
                                   const char *const *keys, size_t n, regstore_status *results)
{
    struct stss3_op *op = stss3_op_new(client, "POST", "DeleteObjects", NULL);
    struct batch b = {client, keys, n, results, {0}, {0}, call, REGSTORE_OK, REGSTORE_OK};
    const struct stss3_xml_handler handler = {"DeleteResult", &b, NULL, batch_end};
    for (size_t i = 0; i < n; i++)
        results[i] = REGSTORE_INTERNAL;
    if (op == NULL)
        return plug_no_memory(call);
    stss3_query_add(&op->query, "delete", NULL);
    plug_buf_str(&op->body, "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
                            "<Quiet>true</Quiet>");
    for (size_t i = 0; i < n; i++) {
        plug_buf_str(&op->body, "<Object><Key>");
        stss3_xml_escape(&op->body, client->config->root);
        stss3_xml_escape(&op->body, keys[i]);
        plug_buf_str(&op->body, "</Key></Object>");
    }
    plug_buf_str(&op->body, "</Delete>");
    stss3_op_send_body(op);
    /* S3 demands one: MD5 is what every server knows, where FIPS has it. */
    const enum stss3_checksum sum = client->config->provider->delete_checksum == STSS3_CHECKSUM_CRC
                                        ? STSS3_SUM_CRC32C
                                        : stss3_demanded_checksum();
    stss3_op_checksum(op, sum);
    op->request->answer_max = STSS3_XML_BYTES_MAX;
    op->xml_root = "DeleteResult";
    regstore_status status = stss3_op_run(op, call);
    if (status == REGSTORE_INTERNAL && sum != STSS3_SUM_MD5 && wants_md5(op)) /* it has no other */
        status = plug_fail(call, REGSTORE_UNSUPPORTED, "DeleteObjects: only with Content-MD5");
    if (status == REGSTORE_OK) {
        struct plug_error bad;
        status = stss3_xml_read(plug_buf_text(&op->request->answer), op->request->answer.len,
                                &handler, &bad);
        for (size_t i = 0; status == REGSTORE_OK && i < n; i++)
            if (results[i] == REGSTORE_INTERNAL)
                results[i] = b.strange;
        status = status == REGSTORE_OK ? b.first : plug_call_adopt(call, &bad);
    }
    stss3_op_drop(op);
    plug_buf_clear(&b.key);
    plug_buf_clear(&b.code);
    return status;
}

/* Whether there is what a copy of source would be. */
static bool is_copy_of(const struct stss3_object *there, const struct stss3_object *source)
{
    if (there->length != source->length || strcmp(there->mark, source->mark) != 0)
        return false;
    return source->digest[0] != '\0' ? strcmp(there->digest, source->digest) == 0
                                     : strcmp(there->etag, source->etag) == 0;
}

/* 412: the target is taken, or the source is another one by now; the answer does not say which. Nor
 * does it say by whom: a copy whose answer was lost finds itself when it is tried again. */
static regstore_status which_precondition(struct stss3_client *client, struct plug_call *call,
                                          const char *to, const struct stss3_object *own,
                                          bool is_if_absent, char *etag)
{
    const struct plug_error taken = call->error;
    struct stss3_object object;
    if (is_if_absent) {
        const regstore_status status = stss3_head(client, call, to, &object);
        if (status == REGSTORE_OK && own != NULL && is_copy_of(&object, own)) {
            if (etag != NULL)
                memcpy(etag, object.etag, sizeof object.etag);
            return REGSTORE_OK;
        }
        if (status == REGSTORE_OK)
            return plug_call_adopt(call, &taken);
        if (status != REGSTORE_NOT_FOUND)
            return status;
    }
    return plug_fail(call, REGSTORE_CONFLICT, "the source of the copy is another one by now");
}

/* Only a whole answer says that it was done: S3 sends 200 before it knows. */
static regstore_status read_copy(const struct stss3_op *op, struct plug_call *call, char *etag)
{
    struct plug_buf text = {0};
    struct plug_error bad;
    const regstore_status status =
        stss3_xml_pick(plug_buf_text(&op->request->answer), op->request->answer.len,
                       "CopyObjectResult", &(struct stss3_xml_field){"ETag", &text}, 1, &bad);
    if (etag != NULL)
        stss3_etag_copy(etag, plug_buf_text(&text));
    plug_buf_clear(&text);
    if (status == REGSTORE_OK)
        return REGSTORE_OK;
    bad.http_status = (uint32_t)op->request->http_status; /* an answer came: the copy is made */
    return plug_call_adopt(call, &bad);
}

regstore_status stss3_copy_object(struct stss3_client *client, struct plug_call *call,
                                  const char *from, const struct stss3_object *source,
                                  const char *to, const struct stss3_meta *meta, bool is_if_absent,
                                  char *to_etag)
{
    struct stss3_op *op = stss3_op_new(client, "PUT", "CopyObject", to);
    const struct stss3_meta none = {.is_if_absent = is_if_absent};
    struct plug_buf path = {0};
    char quoted[160];
    if (op == NULL)
        return plug_no_memory(call);
    op->request->stall_timeout_ms = STSS3_SILENT_WORK_MS;
    stss3_copy_source(client, from, &path);
    stss3_op_header(op, "x-amz-copy-source", plug_buf_text(&path));
    op->headers.failed |= path.failed;
    plug_buf_clear(&path);
    if (source->etag[0] != '\0') {
        (void)snprintf(quoted, sizeof quoted, "\"%s\"", source->etag);
        stss3_op_header(op, "x-amz-copy-source-if-match", quoted);
    }
    if (meta != NULL)
        stss3_op_header(op, "x-amz-metadata-directive", "REPLACE");
    /* Neither encryption nor storage class is inherited: they are asked for again. */
    stss3_meta_headers(op, meta != NULL ? meta : &none);
    op->xml_root = "CopyObjectResult";
    regstore_status status = stss3_op_run(op, call);
    if (status == REGSTORE_OK)
        status = read_copy(op, call, to_etag);
    const struct stss3_object *own = meta == NULL && op->sendings > 1 ? source : NULL;
    stss3_op_drop(op);
    return status == REGSTORE_EXISTS
               ? which_precondition(client, call, to, own, is_if_absent, to_etag)
               : status;
}
