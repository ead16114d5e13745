/* SPDX-License-Identifier: Apache-2.0 */
#include "multipart.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "numbers.h"
#include "timestamp.h"

#define ABORT_ROUNDS 5

regstore_status stss3_multipart_create(struct stss3_client *client, struct plug_call *call,
                                       const char *key, const struct stss3_meta *meta,
                                       char *upload_id)
{
    struct stss3_op *op = stss3_op_new(client, "POST", "CreateMultipartUpload", key);
    struct plug_buf id = {0};
    struct plug_error bad;
    if (op == NULL)
        return plug_no_memory(call);
    stss3_query_add(&op->query, "uploads", NULL);
    stss3_meta_headers(op, meta);
    if (stss3_sum_algorithm(meta->sum) != NULL) {
        stss3_op_header(op, "x-amz-checksum-algorithm", stss3_sum_algorithm(meta->sum));
        stss3_op_header(op, "x-amz-checksum-type",
                        stss3_sum_is_joined(meta->sum) ? "FULL_OBJECT" : "COMPOSITE");
    }
    op->xml_root = "InitiateMultipartUploadResult";
    regstore_status status = stss3_op_run(op, call);
    if (status == REGSTORE_OK) {
        status = stss3_xml_pick(plug_buf_text(&op->request->answer), op->request->answer.len,
                                "InitiateMultipartUploadResult",
                                &(struct stss3_xml_field){"UploadId", &id}, 1, &bad);
        if (status != REGSTORE_OK)
            status = plug_call_adopt(call, &bad);
        else if (id.len == 0 || id.len >= STSS3_UPLOAD_ID_MAX)
            status = plug_fail(call, REGSTORE_UNAVAILABLE,
                               "CreateMultipartUpload: the answer has no usable upload id");
        else
            memcpy(upload_id, id.data, id.len + 1);
    }
    plug_buf_clear(&id);
    stss3_op_drop(op);
    return status;
}

struct stss3_op *stss3_part_new(struct stss3_client *client, const char *key, const char *upload_id,
                                unsigned number, struct stss3_chunk *chunk, const char *sha256,
                                enum stss3_checksum sum)
{
    struct stss3_op *op = stss3_op_new(client, "PUT", "UploadPart", key);
    if (op == NULL)
        return NULL;
    stss3_query_add_number(&op->query, "partNumber", number);
    stss3_query_add(&op->query, "uploadId", upload_id);
    stss3_op_send_chunk(op, chunk, sha256, sum);
    return op;
}

struct stss3_op *stss3_part_copy_new(struct stss3_client *client, const char *from,
                                     const char *etag, uint64_t offset, uint64_t len,
                                     const char *to, const char *upload_id, unsigned number)
{
    struct stss3_op *op = stss3_op_new(client, "PUT", "UploadPartCopy", to);
    struct plug_buf source = {0};
    char text[160];
    if (op == NULL)
        return NULL;
    op->request->stall_timeout_ms = STSS3_SILENT_WORK_MS;
    stss3_query_add_number(&op->query, "partNumber", number);
    stss3_query_add(&op->query, "uploadId", upload_id);
    stss3_copy_source(client, from, &source);
    stss3_op_header(op, "x-amz-copy-source", plug_buf_text(&source));
    op->headers.failed |= source.failed;
    plug_buf_clear(&source);
    (void)snprintf(text, sizeof text, "bytes=%" PRIu64 "-%" PRIu64, offset, offset + len - 1);
    stss3_op_header(op, "x-amz-copy-source-range", text);
    if (etag != NULL && etag[0] != '\0') {
        (void)snprintf(text, sizeof text, "\"%s\"", etag);
        stss3_op_header(op, "x-amz-copy-source-if-match", text);
    }
    op->xml_root = "CopyPartResult";
    return op;
}

regstore_status stss3_part_copy_read(const struct stss3_op *op, struct plug_call *call,
                                     char etag[128])
{
    struct plug_buf text = {0};
    struct plug_error words;
    regstore_status status = stss3_xml_pick(
        plug_buf_text(&op->request->answer), op->request->answer.len, "CopyPartResult",
        &(struct stss3_xml_field){"ETag", &text}, 1, &words);
    stss3_etag_copy(etag, plug_buf_text(&text));
    if (status == REGSTORE_NO_MEMORY || plug_buf_failed(&text))
        status = plug_no_memory(call);
    else if (etag[0] == '\0')
        status = plug_fail(call, REGSTORE_UNAVAILABLE, "UploadPartCopy: the answer is not whole");
    else
        status = REGSTORE_OK;
    plug_buf_clear(&text);
    return status;
}

bool stss3_multipart_etag(const struct stss3_part *table, size_t n, char out[128])
{
    uint8_t raw[EVP_MAX_MD_SIZE];
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx != NULL && EVP_DigestInit_ex(ctx, EVP_md5(), NULL) == 1;
    for (size_t i = 0; ok && i < n; i++) {
        ok = strlen(table[i].etag) == 32;
        for (size_t j = 0; ok && j < 32; j += 2) {
            const char pair[3] = {table[i].etag[j], table[i].etag[j + 1], '\0'};
            char *end;
            const uint8_t byte = (uint8_t)strtoul(pair, &end, 16);
            ok = *end == '\0' && EVP_DigestUpdate(ctx, &byte, 1) == 1;
        }
    }
    ok = ok && EVP_DigestFinal_ex(ctx, raw, NULL) == 1;
    EVP_MD_CTX_free(ctx);
    if (ok) {
        char hex[33];
        plug_hex(raw, 16, hex);
        (void)snprintf(out, 128, "%s-%zu", hex, n);
    }
    return ok;
}

/* What S3 may compare before it makes an object of the parts: the length, and the checksum where we
 * have made all of them ourselves. */
static void describe_whole(struct stss3_op *op, const struct stss3_part *parts, size_t n)
{
    struct stss3_sum whole = parts[0].sum;
    struct plug_buf text = {0};
    uint64_t length = parts[0].length;
    bool is_joined = stss3_sum_is_joined(whole.kind);
    for (size_t i = 1; i < n; i++) {
        is_joined = is_joined && parts[i].sum.kind == whole.kind;
        if (is_joined)
            stss3_sum_join(&whole, &parts[i].sum, parts[i].length);
        length += parts[i].length;
    }
    if (stss3_provider_is_aws(op->client->config->provider)) {
        plug_buf_printf(&text, "%" PRIu64, length);
        stss3_op_header(op, "x-amz-mp-object-size", plug_buf_text(&text));
        plug_buf_reset(&text);
    }
    if (is_joined) {
        stss3_sum_base64(&whole, &text);
        stss3_op_header(op, stss3_sum_header(whole.kind), plug_buf_text(&text));
        stss3_op_header(op, "x-amz-checksum-type", "FULL_OBJECT");
    }
    op->headers.failed |= text.failed;
    plug_buf_clear(&text);
}

regstore_status stss3_multipart_complete(struct stss3_client *client, struct plug_call *call,
                                         const char *key, const char *upload_id,
                                         const struct stss3_part *parts, size_t n,
                                         bool is_if_absent, char *etag)
{
    struct stss3_op *op = stss3_op_new(client, "POST", "CompleteMultipartUpload", key);
    struct plug_buf text = {0};
    struct plug_error bad;
    if (op == NULL)
        return plug_no_memory(call);
    op->request->stall_timeout_ms = STSS3_SILENT_WORK_MS;
    stss3_query_add(&op->query, "uploadId", upload_id);
    if (is_if_absent)
        stss3_op_header(op, "if-none-match", "*");
    describe_whole(op, parts, n);
    plug_buf_str(&op->body, "<CompleteMultipartUpload "
                            "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
    for (size_t i = 0; i < n; i++) {
        plug_buf_printf(&op->body, "<Part><PartNumber>%zu</PartNumber><ETag>&quot;", i + 1);
        stss3_xml_escape(&op->body, parts[i].etag);
        plug_buf_str(&op->body, "&quot;</ETag>");
        if (parts[i].sum.kind == STSS3_SUM_SHA256) { /* COMPOSITE: each must be named */
            plug_buf_str(&op->body, "<ChecksumSHA256>");
            stss3_sum_base64(&parts[i].sum, &op->body);
            plug_buf_str(&op->body, "</ChecksumSHA256>");
        }
        plug_buf_str(&op->body, "</Part>");
    }
    plug_buf_str(&op->body, "</CompleteMultipartUpload>");
    stss3_op_send_body(op);
    op->xml_root = "CompleteMultipartUploadResult";
    regstore_status status = stss3_op_run(op, call);
    etag[0] = '\0';
    if (status == REGSTORE_OK) {
        status = stss3_xml_pick(plug_buf_text(&op->request->answer), op->request->answer.len,
                                "CompleteMultipartUploadResult",
                                &(struct stss3_xml_field){"ETag", &text}, 1, &bad);
        if (status != REGSTORE_OK) {
            bad.http_status = (uint32_t)op->request->http_status; /* an answer came: it is made */
            status = plug_call_adopt(call, &bad);
        } else {
            stss3_etag_copy(etag, plug_buf_text(&text));
        }
    }
    plug_buf_clear(&text);
    stss3_op_drop(op);
    return status;
}

/* A page of a list that is walked by markers; true while there are more. */
static bool is_true(const struct plug_buf *text)
{
    return strcmp(plug_buf_text(text), "true") == 0;
}

/* A page that says that there is more, and not where, or the place where it began itself: asking on
 * would never end, and to stop would pass for a whole list. */
static regstore_status refuse_page(struct plug_call *call, const char *operation)
{
    return plug_fail(call, REGSTORE_UNAVAILABLE,
                     "%s: the service says that its list goes on, but not from where", operation);
}

struct part_page {
    struct plug_call *call;
    struct plug_buf number, length, etag, mtime, sha256, truncated, next;
    uint64_t last; /* number of the newest part */
    regstore_status (*each)(void *ctx, unsigned number, const struct stss3_part *part,
                            int64_t mtime_ns);
    void *ctx;
};

/* False: no memory. */
static bool keep(struct plug_buf *b, const char *text)
{
    plug_buf_reset(b);
    plug_buf_str(b, text);
    return !plug_buf_failed(b);
}

static regstore_status part_end(void *ctx, const char *path, const char *text)
{
    struct part_page *p = ctx;
    const struct stss3_xml_field fields[] = {
        {"Part/PartNumber", &p->number},
        {"Part/Size", &p->length},
        {"Part/ETag", &p->etag},
        {"Part/LastModified", &p->mtime},
        {"IsTruncated", &p->truncated},
        {"NextPartNumberMarker", &p->next},
        {"Part/ChecksumSHA256", &p->sha256},
    };
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        if (strcmp(path, fields[i].path) == 0 && !keep(fields[i].text, text))
            return plug_no_memory(p->call);
    if (strcmp(path, "Part") != 0)
        return REGSTORE_OK;
    uint64_t number = 0;
    if (!stss3_number_parse(plug_buf_text(&p->number), &number) || number <= p->last ||
        number > STSS3_PARTS_MAX) /* a page that comes again is seen here too */
        return plug_fail(p->call, REGSTORE_UNAVAILABLE, "ListParts: the parts are not in order");
    p->last = number;
    if (p->each == NULL)
        return REGSTORE_OK;
    struct stss3_part part = {0};
    int64_t mtime_ns;
    (void)stss3_number_parse(plug_buf_text(&p->length), &part.length); /* what is none stays 0 */
    stss3_etag_copy(part.etag, plug_buf_text(&p->etag));
    if (!stss3_sum_parse(STSS3_SUM_SHA256, plug_buf_text(&p->sha256), &part.sum))
        part.sum.kind = STSS3_SUM_NONE;
    if (!stss3_time_parse_iso(plug_buf_text(&p->mtime), &mtime_ns))
        mtime_ns = 0;
    struct plug_buf *const own[] = {&p->number, &p->length, &p->etag, &p->mtime, &p->sha256};
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        plug_buf_reset(own[i]); /* the next part may be without */
    return p->each(p->ctx, (unsigned)number, &part, mtime_ns);
}

static regstore_status read_page(struct stss3_op *op, struct plug_call *call, const char *root,
                                 regstore_status (*end)(void *, const char *, const char *),
                                 void *page)
{
    const struct stss3_xml_handler handler = {root, page, NULL, end};
    struct plug_error bad = {0};
    op->request->answer_max = STSS3_XML_BYTES_MAX;
    op->xml_root = root;
    TRY(stss3_op_run(op, call));
    const regstore_status status = stss3_xml_read(plug_buf_text(&op->request->answer),
                                                  op->request->answer.len, &handler, &bad);
    if (status != REGSTORE_OK && bad.status == status)
        return plug_call_adopt(call, &bad);
    if (status == REGSTORE_NO_MEMORY)
        return plug_no_memory(call);
    return status; /* each() has set the words itself, in call */
}

regstore_status stss3_multipart_parts(struct stss3_client *client, struct plug_call *call,
                                      const char *key, const char *upload_id,
                                      regstore_status (*each)(void *ctx, unsigned number,
                                                              const struct stss3_part *part,
                                                              int64_t mtime_ns),
                                      void *ctx)
{
    struct part_page page = {.call = call, .each = each, .ctx = ctx};
    struct plug_buf marker = {0};
    regstore_status status = REGSTORE_OK;
    do {
        struct stss3_op *op = stss3_op_new(client, "GET", "ListParts", key);
        if (op == NULL) {
            status = plug_no_memory(call);
            break;
        }
        stss3_query_add(&op->query, "uploadId", upload_id);
        op->query.failed |= !keep(&marker, plug_buf_text(&page.next));
        if (marker.len != 0)
            stss3_query_add(&op->query, "part-number-marker", plug_buf_text(&marker));
        plug_buf_reset(&page.truncated);
        plug_buf_reset(&page.next);
        status = read_page(op, call, "ListPartsResult", part_end, &page);
        stss3_op_drop(op);
        if (status == REGSTORE_OK && is_true(&page.truncated) &&
            (page.next.len == 0 || strcmp(plug_buf_text(&page.next), plug_buf_text(&marker)) == 0))
            status = refuse_page(call, "ListParts");
    } while (status == REGSTORE_OK && is_true(&page.truncated));
    plug_buf_clear(&marker);
    if (status == REGSTORE_NOT_FOUND) /* a server that has no code for it */
        status = plug_fail(call, REGSTORE_GONE, "the multipart upload is gone");
    plug_buf_clear(&page.number);
    plug_buf_clear(&page.length);
    plug_buf_clear(&page.etag);
    plug_buf_clear(&page.mtime);
    plug_buf_clear(&page.sha256);
    plug_buf_clear(&page.truncated);
    plug_buf_clear(&page.next);
    return status;
}

static struct stss3_op *abort_op(struct stss3_client *client, const char *key,
                                 const char *upload_id)
{
    struct stss3_op *op = stss3_op_new(client, "DELETE", "AbortMultipartUpload", key);
    if (op != NULL)
        stss3_query_add(&op->query, "uploadId", upload_id);
    return op;
}

void stss3_multipart_abandon(struct stss3_client *client, const char *key, const char *upload_id)
{
    struct stss3_op *op = abort_op(client, key, upload_id);
    if (op != NULL)
        stss3_op_start(op);
}

static regstore_status abort_once(struct stss3_client *client, struct plug_call *call,
                                  const char *key, const char *upload_id)
{
    struct stss3_op *op = abort_op(client, key, upload_id);
    if (op == NULL)
        return plug_no_memory(call);
    const regstore_status status = stss3_op_run(op, call);
    stss3_op_drop(op);
    return status == REGSTORE_NOT_FOUND ? REGSTORE_GONE : status;
}

regstore_status stss3_multipart_abort(struct stss3_client *client, struct plug_call *call,
                                      const char *key, const char *upload_id)
{
    for (unsigned round = 0; round < ABORT_ROUNDS; round++) {
        regstore_status status = abort_once(client, call, key, upload_id);
        if (status == REGSTORE_OK) {
            status = stss3_multipart_parts(client, call, key, upload_id, NULL, NULL);
            if (status == REGSTORE_DENIED) /* may abort, may not list: the abort stands */
                return REGSTORE_OK;
        }
        if (status == REGSTORE_GONE)
            return REGSTORE_OK;
        TRY(status);
    }
    return plug_fail(call, REGSTORE_UNAVAILABLE,
                     "AbortMultipartUpload: parts are still there after %d tries", ABORT_ROUNDS);
}

struct upload_page {
    const char *root;
    int64_t now_ns;
    struct plug_buf key, id, begun, truncated, next_key, next_id;
    regstore_status (*each)(void *ctx, const char *key, const char *upload_id, int64_t begun_ns,
                            int64_t now_ns);
    void *ctx;
    struct stss3_op *op;
};

static regstore_status upload_end(void *ctx, const char *path, const char *text)
{
    struct upload_page *p = ctx;
    const struct stss3_xml_field fields[] = {
        {"Upload/Key", &p->key},         {"Upload/UploadId", &p->id},
        {"Upload/Initiated", &p->begun}, {"IsTruncated", &p->truncated},
        {"NextKeyMarker", &p->next_key}, {"NextUploadIdMarker", &p->next_id},
    };
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        if (strcmp(path, fields[i].path) == 0 && !keep(fields[i].text, text))
            return REGSTORE_NO_MEMORY;
    if (strcmp(path, "Upload") != 0)
        return REGSTORE_OK;
    int64_t begun_ns;
    const char *date = stss3_request_answer_header(p->op->request, "date");
    if (date == NULL || !stss3_time_parse_http(date, &p->now_ns))
        p->now_ns = stss3_service_clock_now_ns(p->op->client->clock);
    regstore_status status = REGSTORE_OK;
    /* Not ours, or without an age, or without an id: aborting it would delete what is at the key on
     * Ceph, to which a DELETE with an empty uploadId is the object's own. */
    if (strncmp(plug_buf_text(&p->key), p->root, strlen(p->root)) == 0 && p->id.len != 0 &&
        stss3_time_parse_iso(plug_buf_text(&p->begun), &begun_ns))
        status = p->each(p->ctx, plug_buf_text(&p->key) + strlen(p->root), plug_buf_text(&p->id),
                         begun_ns, p->now_ns);
    plug_buf_reset(&p->key); /* the next one may be without */
    plug_buf_reset(&p->id);
    plug_buf_reset(&p->begun);
    return status;
}

/* The two markers are one place: the id moves where many uploads are at one key. */
static bool is_same_place(const struct upload_page *page, const struct plug_buf *key,
                          const struct plug_buf *id)
{
    return page->next_key.len == 0 ||
           (strcmp(plug_buf_text(&page->next_key), plug_buf_text(key)) == 0 &&
            strcmp(plug_buf_text(&page->next_id), plug_buf_text(id)) == 0);
}

static struct stss3_op *uploads_op(struct stss3_client *client, const char *prefix,
                                   const struct upload_page *page)
{
    struct stss3_op *op = stss3_op_new(client, "GET", "ListMultipartUploads", NULL);
    struct plug_buf whole = {0};
    if (op == NULL)
        return NULL;
    plug_buf_printf(&whole, "%s%s", client->config->root, prefix);
    stss3_query_add(&op->query, "uploads", NULL);
    stss3_query_add(&op->query, "prefix", plug_buf_text(&whole));
    op->query.failed |= whole.failed;
    plug_buf_clear(&whole);
    /* The second marker alone is ignored (ListMultipartUploads): always both. */
    if (page->next_key.len != 0)
        stss3_query_add(&op->query, "key-marker", plug_buf_text(&page->next_key));
    if (page->next_key.len != 0 && page->next_id.len != 0)
        stss3_query_add(&op->query, "upload-id-marker", plug_buf_text(&page->next_id));
    return op;
}

regstore_status
stss3_multipart_uploads(struct stss3_client *client, struct plug_call *call, const char *prefix,
                        regstore_status (*each)(void *ctx, const char *key, const char *upload_id,
                                                int64_t begun_ns, int64_t now_ns),
                        void *ctx)
{
    struct upload_page page = {.root = client->config->root, .each = each, .ctx = ctx};
    struct plug_buf key = {0}, id = {0};
    regstore_status status = REGSTORE_OK;
    do {
        page.op = uploads_op(client, prefix, &page);
        if (page.op == NULL) {
            status = plug_no_memory(call);
            break;
        }
        page.op->query.failed |= !keep(&key, plug_buf_text(&page.next_key));
        page.op->query.failed |= !keep(&id, plug_buf_text(&page.next_id));
        plug_buf_reset(&page.truncated);
        plug_buf_reset(&page.next_key);
        plug_buf_reset(&page.next_id);
        status = read_page(page.op, call, "ListMultipartUploadsResult", upload_end, &page);
        stss3_op_drop(page.op);
        if (status == REGSTORE_OK && is_true(&page.truncated) && is_same_place(&page, &key, &id))
            status = refuse_page(call, "ListMultipartUploads");
    } while (status == REGSTORE_OK && is_true(&page.truncated));
    plug_buf_clear(&key);
    plug_buf_clear(&id);
    plug_buf_clear(&page.key);
    plug_buf_clear(&page.id);
    plug_buf_clear(&page.begun);
    plug_buf_clear(&page.truncated);
    plug_buf_clear(&page.next_key);
    plug_buf_clear(&page.next_id);
    return status;
}
