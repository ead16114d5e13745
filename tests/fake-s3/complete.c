/* SPDX-License-Identifier: Apache-2.0 */
/* CompleteMultipartUpload. */
#include "at_rest.h"
#include "authorize.h"
#include "codec.h"
#include "exchange.h"
#include "multipart.h"
#include "object.h"
#include "operations.h"
#include "xml_in.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

enum { XML_BYTES = 4 << 20 };

static bool same_etag(const char *etag, const char *claimed)
{
    size_t length = strlen(claimed);
    if (length >= 2 && claimed[0] == '"' && claimed[length - 1] == '"') {
        claimed++;
        length -= 2;
    }
    return strlen(etag) == length + 2 && strncmp(etag + 1, claimed, length) == 0;
}

static bool invalid_part(struct exchange *x, const struct upload *u, const char *number,
                         const char *etag)
{
    (void)refuse(x, "InvalidPart");
    refuse_detail(x, "UploadId", u->id);
    refuse_detail(x, "PartNumber", number);
    refuse_detail(x, "ETag", etag);
    return false;
}

static bool too_small(struct exchange *x, const struct part *p)
{
    struct text number = {0};
    (void)refuse(x, "EntityTooSmall");
    text_format(&number, "%llu", (unsigned long long)p->content.bytes);
    refuse_detail(x, "ProposedSize", text_str(&number));
    text_clear(&number);
    text_format(&number, "%llu", (unsigned long long)x->server->part_rules.min_bytes);
    refuse_detail(x, "MinSizeAllowed", text_str(&number));
    text_clear(&number);
    text_format(&number, "%u", p->number);
    refuse_detail(x, "PartNumber", text_str(&number));
    text_clear(&number);
    refuse_detail(x, "ETag", p->etag);
    return false;
}

/* The checksum that the request names for a part, against the part's own. */
static bool check_part_sum(struct exchange *x, const struct upload *u, const struct part *p,
                           const struct element *e)
{
    if (u->sum_kind == SUM_NONE)
        return true;
    const char *claimed = element_text(e, checksum_element(u->sum_kind));
    if (claimed == NULL)
        return !u->sum_is_composite ||
               refuse_saying(x, "InvalidRequest",
                             "The upload was created using a %s checksum. The complete request "
                             "must include the checksum for each part. It was missing for part "
                             "%u in the request.",
                             checksum_name(u->sum_kind), p->number);
    if (p->sum.value == NULL || strcmp(claimed, p->sum.value) != 0)
        return invalid_part(x, u, element_text(e, "PartNumber"), p->etag);
    return true;
}

/* One <Part>. `last` is the number before it, and becomes its own. */
static const struct part *choose_part(struct exchange *x, const struct upload *u,
                                      const struct element *e, uint32_t *last)
{
    const char *text = element_text(e, "PartNumber"), *etag = element_text(e, "ETag");
    uint64_t number;

    if (strcmp(e->name, "Part") != 0 || text == NULL || etag == NULL ||
        !read_number(text, UINT32_MAX, &number)) {
        (void)refuse(x, "MalformedXML");
        return NULL;
    }
    if (number <= *last) {
        (void)refuse(x, "InvalidPartOrder");
        refuse_detail(x, "UploadId", u->id);
        return NULL;
    }
    *last = (uint32_t)number;
    const struct part *p = find_part(u, (uint32_t)number);
    if (p == NULL || !same_etag(p->etag, etag)) {
        (void)invalid_part(x, u, text, etag);
        return NULL;
    }
    return check_part_sum(x, u, p, e) ? p : NULL;
}

/* Cloudflare R2's, in its words. */
static bool has_equal_parts(struct exchange *x, const struct part *const *parts, size_t count)
{
    for (size_t i = 1; x->server->part_rules.are_equal && i < count; i++) {
        const uint64_t due = parts[0]->content.bytes, is = parts[i]->content.bytes;
        if (is > due || (is < due && i + 1 < count))
            return refuse_saying(x, "InvalidPart",
                                 "All non-trailing parts must have the same length.");
    }
    return true;
}

/* The list as parts, `count` of them; to be freed. NULL: refused. */
static const struct part **choose_parts(struct exchange *x, const struct upload *u,
                                        const struct element *root, size_t *count)
{
    uint32_t last = 0;
    *count = root == NULL ? 0 : root->child_count;
    if (*count == 0 || strcmp(root->name, "CompleteMultipartUpload") != 0) {
        (void)refuse(x, "MalformedXML");
        return NULL;
    }
    const struct part **parts = grab(*count * sizeof(struct part *));
    for (size_t i = 0; i < *count && !is_refused(x); i++)
        parts[i] = choose_part(x, u, root->children[i], &last);
    for (size_t i = 0; i + 1 < *count && !is_refused(x); i++)
        if (parts[i]->content.bytes < x->server->part_rules.min_bytes)
            (void)too_small(x, parts[i]);
    if (!is_refused(x) && has_equal_parts(x, parts, *count))
        return parts;
    free(parts);
    return NULL;
}

/* The MD5 of the parts' MD5s, and their number. */
static char *parts_etag(const struct part *const *parts, size_t count)
{
    EVP_MD_CTX *md5 = EVP_MD_CTX_new();
    unsigned char digest[16];
    char hex[33];
    struct text etag = {0};

    (void)EVP_DigestInit_ex(md5, EVP_md5(), NULL);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < sizeof digest; j++) {
            const char byte[3] = {parts[i]->etag[1 + 2 * j], parts[i]->etag[2 + 2 * j], '\0'};
            digest[j] = (unsigned char)strtoul(byte, NULL, 16);
        }
        (void)EVP_DigestUpdate(md5, digest, sizeof digest);
    }
    (void)EVP_DigestFinal_ex(md5, digest, NULL);
    EVP_MD_CTX_free(md5);
    hex_encode(hex, digest, sizeof digest);
    text_format(&etag, "\"%s-%zu\"", hex, count);
    return text_take(&etag);
}

static char *composite_sum(enum checksum_kind kind, const struct part *const *parts, size_t count)
{
    struct checksum sum;
    struct text value = {0};
    unsigned char bytes[CHECKSUM_BYTES];

    checksum_start(&sum, kind);
    for (size_t i = 0; i < count; i++) {
        (void)base64_decode(parts[i]->sum.value, bytes, checksum_length(kind));
        checksum_add(&sum, bytes, checksum_length(kind));
    }
    char *whole = checksum_end(&sum);
    text_format(&value, "%s-%zu", whole, count);
    free(whole);
    return text_take(&value);
}

static char *full_sum(enum checksum_kind kind, const struct part *const *parts, size_t count)
{
    char *whole = copy_text(parts[0]->sum.value);
    for (size_t i = 1; i < count && whole != NULL; i++) {
        char *joined = checksum_join(kind, whole, parts[i]->sum.value, parts[i]->content.bytes);
        free(whole);
        whole = joined;
    }
    return whole;
}

/* A part that was copied in has no checksum, and so the whole has none. */
static void sum_parts(struct object *o, const struct upload *u, const struct part *const *parts,
                      size_t count)
{
    o->sum.kind = u->sum_kind;
    o->sum.is_composite = u->sum_is_composite;
    for (size_t i = 0; i < count; i++)
        if (u->sum_kind == SUM_NONE || parts[i]->sum.value == NULL)
            return;
    o->sum.value = u->sum_is_composite ? composite_sum(u->sum_kind, parts, count)
                                       : full_sum(u->sum_kind, parts, count);
}

/* What the request says of the whole: x-amz-mp-object-size, x-amz-checksum-*. */
static bool check_whole(struct exchange *x, const struct object *o)
{
    const char *size = header(x, "x-amz-mp-object-size");
    uint64_t bytes = 0;
    if (size != NULL && (!read_number(size, INT64_MAX, &bytes) || bytes != o->content.bytes))
        return refuse_saying(x, "InvalidRequest",
                             "The provided 'x-amz-mp-object-size' header value %s does not match "
                             "what was computed: %llu",
                             size, (unsigned long long)o->content.bytes);
    const char *sum = o->sum.value == NULL ? NULL : header(x, checksum_header(o->sum.kind));
    if (sum != NULL && strcmp(sum, o->sum.value) != 0)
        return refuse_saying(x, "BadDigest",
                             "The %s you specified did not match the calculated checksum.",
                             checksum_name(o->sum.kind));
    return true;
}

/* Its date is that of the upload's beginning, as AWS documents Last-Modified. */
static struct object *assemble(const struct exchange *x, const struct upload *u,
                               const struct part *const *parts, size_t count)
{
    struct object *o = object_new(u->key);
    for (size_t i = 0; i < count; i++)
        content_add_range(&o->content, &parts[i]->content, 0, parts[i]->content.bytes);
    /* Under KMS the parts' ETags are random, so it is too. */
    o->etag = parts_etag(parts, count);
    if (x->server->options->rules->has_random_etags) {
        random_name(o->etag + 1, 32);
        o->etag[33] = '-'; /* which it has overwritten with its NUL */
    }
    o->part_count = (uint32_t)count;
    o->modified_ms = u->initiated_ms;
    fields_copy(&o->headers, &u->plan->headers);
    fields_copy(&o->at_rest, &u->plan->at_rest);
    sum_parts(o, u, parts, count);
    return o;
}

static void answer_complete(struct exchange *x, const struct object *o)
{
    struct text *body = &x->answer.body;
    struct text location = {0};
    text_format(&location, "%s://%s/%s", x->is_secure ? "https" : "http", header(x, "Host"),
                x->is_virtual_host ? "" : x->bucket_name);
    text_add(&location, x->is_virtual_host ? "" : "/");
    uri_encode(&location, o->key, strlen(o->key), false);
    answer_at_rest(x, &o->at_rest);
    answer_xml_start(x, "CompleteMultipartUploadResult");
    xml_element(body, "Location", text_str(&location));
    xml_element(body, "Bucket", x->bucket_name);
    xml_element(body, "Key", o->key);
    xml_element(body, "ETag", o->etag);
    write_sum(body, &o->sum);
    answer_xml_end(x, "CompleteMultipartUploadResult");
    text_clear(&location);
}

void complete_multipart_upload(struct exchange *x)
{
    struct bucket *b = need_bucket(x);
    struct upload *u = b == NULL ? NULL : need_upload(x, b);
    size_t count;
    if (u == NULL || !refuse_at_rest(x))
        return;
    char *xml = body_text(&x->body, XML_BYTES);
    struct element *root = xml == NULL ? NULL : xml_read(xml);
    free(xml);
    const struct part **parts = choose_parts(x, u, root, &count);
    element_free(root);
    if (parts == NULL)
        return;
    struct object *o = assemble(x, u, parts, count);
    free(parts);
    if (!check_whole(x, o) || !check_write_conditions(x, b)) {
        object_drop(o);
        return;
    }
    bucket_remove_upload(b, u);
    answer_complete(x, o);
    bucket_put(b, o);
}
