/* SPDX-License-Identifier: Apache-2.0 */
/* What requests say of objects in their headers: metadata, conditions, encryption, ranges. */
#include "object.h"

#include "clock.h"
#include "codec.h"
#include "exchange.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { METADATA_BYTES = 2048 };

static const char meta[] = "x-amz-meta-";

/* Kept and given back as they are. */
static const char *const kept_headers[] = {"Cache-Control", "Content-Disposition",
                                           "Content-Language", "Expires"};

/* Content-Encoding without aws-chunked, which is about the request. */
static void keep_encoding(struct exchange *x, struct fields *headers)
{
    const char *encoding = header(x, "Content-Encoding");
    struct text kept = {0};
    while (encoding != NULL && *encoding != '\0') {
        encoding += strspn(encoding, ", ");
        size_t length = strcspn(encoding, ", ");
        if (length > 0 && !(length == 11 && strncasecmp(encoding, "aws-chunked", 11) == 0)) {
            text_add(&kept, kept.length == 0 ? "" : ",");
            text_add_n(&kept, encoding, length);
        }
        encoding += length;
    }
    if (kept.length > 0)
        fields_add(headers, "Content-Encoding", text_str(&kept));
    text_clear(&kept);
}

static char *lower(const char *name)
{
    char *copy = copy_text(name);
    for (char *c = copy; *c != '\0'; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c + 32);
    return copy;
}

static bool keep_metadata(struct exchange *x, struct fields *headers)
{
    size_t bytes = 0;
    for (size_t i = 0; i < x->headers.count; i++) {
        const struct field *h = &x->headers.items[i];
        if (strncasecmp(h->name, meta, strlen(meta)) != 0)
            continue;
        char *name = lower(h->name);
        bytes += strlen(name) - strlen(meta) + strlen(h->value);
        fields_add(headers, name, h->value);
        free(name);
    }
    if (bytes <= METADATA_BYTES)
        return true;
    (void)refuse(x, "MetadataTooLarge");
    refuse_detail(x, "MaxSizeAllowed", "2048");
    return false;
}

bool read_object_headers(struct exchange *x, struct fields *headers)
{
    const char *type = header(x, "Content-Type");

    fields_add(headers, "Content-Type", type == NULL ? "binary/octet-stream" : type);
    for (size_t i = 0; i < sizeof kept_headers / sizeof kept_headers[0]; i++)
        if (header(x, kept_headers[i]) != NULL)
            fields_add(headers, kept_headers[i], header(x, kept_headers[i]));
    keep_encoding(x, headers);
    return keep_metadata(x, headers);
}

bool check_lock(struct exchange *x, const struct bucket *b, const char *words)
{
    if (!b->is_locked || x->body.content_md5 != NULL || x->body.sum_kind != SUM_NONE)
        return true;
    return refuse_saying(x, "InvalidRequest",
                         "Content-MD5 OR x-amz-checksum- HTTP header is required for %s requests "
                         "with Object Lock parameters",
                         words);
}

bool check_object_wishes(struct exchange *x)
{
    static const char *const unknown[] = {"x-amz-tagging",
                                          "x-amz-object-lock-mode",
                                          "x-amz-object-lock-legal-hold",
                                          "x-amz-server-side-encryption-customer-algorithm",
                                          "x-amz-website-redirect-location",
                                          "x-amz-grant-read",
                                          "x-amz-write-offset-bytes"};
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++)
        if (header(x, unknown[i]) != NULL) {
            (void)refuse(x, "NotImplemented");
            refuse_detail(x, "Header", unknown[i]);
            return false;
        }
    if (header(x, "x-amz-server-side-encryption") != NULL &&
        x->server->options->rules->refuses_encryption) {
        (void)refuse_saying(x, "NotImplemented",
                            "Server side encryption specified but KMS is not configured");
        return false;
    }
    if (x->body.sum_kind != SUM_NONE && x->server->options->rules->refuses_checksums) {
        (void)refuse(x, "NotImplemented");
        refuse_detail(x, "Header", "x-amz-checksum");
        return false;
    }
    return true;
}

/* With its quotes or without, alone or in a list. */
static bool etag_is_in(const char *list, const char *etag)
{
    while (*list != '\0') {
        list += strspn(list, ", ");
        size_t length = strcspn(list, ", ");
        if (length == 1 && *list == '*')
            return true;
        if (length == strlen(etag) && strncmp(list, etag, length) == 0)
            return true;
        if (length + 2 == strlen(etag) && strncmp(list, etag + 1, length) == 0)
            return true;
        list += length;
    }
    return false;
}

static bool failed_precondition(struct exchange *x, const char *condition)
{
    (void)refuse(x, "PreconditionFailed");
    refuse_detail(x, "Condition", condition);
    return false;
}

bool check_write_conditions(struct exchange *x, const struct bucket *b)
{
    const char *match = header(x, "If-Match"), *none = header(x, "If-None-Match");
    const struct object *there = bucket_object(b, x->key);

    if (x->server->options->rules->ignores_if_none_match)
        none = NULL;
    if (none != NULL && strcmp(none, "*") != 0) {
        (void)refuse(x, "NotImplemented");
        refuse_detail(x, "Header", "If-None-Match");
        return false;
    }
    if (none != NULL && there != NULL)
        return failed_precondition(x, "If-None-Match");
    if (match != NULL && there == NULL) {
        (void)refuse(x, "NoSuchKey");
        refuse_detail(x, "Key", x->key);
        return false;
    }
    if (match != NULL && !etag_is_in(match, there->etag))
        return failed_precondition(x, "If-Match");
    return true;
}

/* HTTP's times have whole seconds. */
static bool is_modified_since(const struct exchange *x, const char *name, const struct object *o)
{
    int64_t since_ms;
    return !read_http_date(header(x, name), &since_ms) || o->modified_ms / 1000 > since_ms / 1000;
}

bool conditions_hold(const struct exchange *x, const struct condition_names *names,
                     const struct object *o, bool *is_unchanged)
{
    const char *match = header(x, names->match), *none = header(x, names->none_match);
    *is_unchanged = false;
    if (match != NULL && !etag_is_in(match, o->etag))
        return false;
    /* If-Match outweighs If-Unmodified-Since, If-None-Match outweighs If-Modified-Since. */
    if (match == NULL && header(x, names->unmodified_since) != NULL &&
        is_modified_since(x, names->unmodified_since, o))
        return false;
    *is_unchanged = true;
    if (none != NULL)
        return !etag_is_in(none, o->etag);
    return header(x, names->modified_since) == NULL ||
           is_modified_since(x, names->modified_since, o);
}

static const char *sum_type(const struct stored_sum *sum)
{
    return sum->is_composite ? "COMPOSITE" : "FULL_OBJECT";
}

void answer_sum(struct exchange *x, const struct stored_sum *sum)
{
    if (sum->value == NULL)
        return;
    answer_header(x, checksum_header(sum->kind), sum->value);
    answer_header(x, "x-amz-checksum-type", sum_type(sum));
}

void write_sum(struct text *to, const struct stored_sum *sum)
{
    if (sum->value == NULL)
        return;
    xml_element(to, checksum_element(sum->kind), sum->value);
    xml_element(to, "ChecksumType", sum_type(sum));
}

/* RFC 9110, 14.1.1: numbers may be larger than any that we hold. */
static bool read_position(const char *s, uint64_t *position)
{
    if (*s == '\0' || s[strspn(s, "0123456789")] != '\0')
        return false;
    if (!read_number(s, INT64_MAX, position))
        *position = INT64_MAX;
    return true;
}

int read_range(const char *range, uint64_t size, uint64_t *first, uint64_t *bytes)
{
    uint64_t from = 0, to = UINT64_MAX;
    const char *dash = strchr(range, '-');
    if (!starts_with(range, "bytes=") || dash == NULL)
        return 0;
    char *low = copy_text_n(range + 6, (size_t)(dash - range - 6));
    bool has_low = *low != '\0', has_high = dash[1] != '\0';
    bool is_good = (!has_low || read_position(low, &from)) &&
                   (!has_high || read_position(dash + 1, &to)) && (has_low || has_high) &&
                   !(has_low && has_high && to < from);
    free(low);
    if (!is_good)
        return 0;
    if (!has_low) {
        if (to == 0 || size == 0)
            return -1;
        *bytes = to < size ? to : size;
        *first = size - *bytes;
        return 1;
    }
    if (from >= size)
        return -1;
    *first = from;
    *bytes = (to < size - 1 ? to : size - 1) - from + 1;
    return 1;
}
