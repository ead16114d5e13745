/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CopyObject and UploadPartCopy.
 *
 * The bytes stay where they are; what takes time is the MD5 of them, and for that the server's
 * lock is let go.
 */
#include "at_rest.h"
#include "authorize.h"
#include "clock.h"
#include "codec.h"
#include "exchange.h"
#include "multipart.h"
#include "object.h"
#include "operations.h"

#include <stdlib.h>
#include <string.h>

#define LARGEST_COPY  (5ULL << 30)
#define KMS_KEY       "x-amz-server-side-encryption-aws-kms-key-id"
#define SMALLEST_PART (5ULL << 20)

static const struct condition_names source_conditions = {
    "x-amz-copy-source-if-match", "x-amz-copy-source-if-none-match",
    "x-amz-copy-source-if-modified-since", "x-amz-copy-source-if-unmodified-since"};

static bool wrong_source(struct exchange *x)
{
    (void)refuse_saying(x, "InvalidArgument",
                        "Copy Source must mention the source bucket and "
                        "key: sourcebucket/sourcekey");
    refuse_detail(x, "ArgumentName", "x-amz-copy-source");
    refuse_detail(x, "ArgumentValue", header(x, "x-amz-copy-source"));
    return false;
}

/* The object at x-amz-copy-source, one more reference to it; NULL: refused. */
static struct object *find_source(struct exchange *x, char *path)
{
    char *key = path == NULL ? NULL : strchr(path, '/');
    bool is_unchanged;

    if (key == NULL || key == path || key[1] == '\0') {
        (void)wrong_source(x);
        return NULL;
    }
    *key++ = '\0';
    const struct bucket *b = store_bucket(&x->server->store, path);
    if (b == NULL) {
        (void)refuse(x, "NoSuchBucket");
        refuse_detail(x, "BucketName", path);
        return NULL;
    }
    if (!authorize(x, "s3:GetObject", path, key))
        return NULL;
    struct object *o = bucket_object(b, key);
    if (o == NULL) {
        if (authorize(x, "s3:ListBucket", path, NULL)) {
            (void)refuse(x, "NoSuchKey");
            refuse_detail(x, "Key", key);
        }
        return NULL;
    }
    if (!conditions_hold(x, &source_conditions, o, &is_unchanged)) {
        (void)refuse(x, "PreconditionFailed");
        return NULL;
    }
    return object_hold(o);
}

static struct object *need_source(struct exchange *x)
{
    const char *source = header(x, "x-amz-copy-source");
    source += *source == '/';
    const char *question = strchr(source, '?');
    if (question != NULL) {
        (void)refuse(x, "NotImplemented");
        refuse_detail(x, "Header", "versionId");
        return NULL;
    }
    char *path = uri_decode(source, strlen(source), false);
    struct object *o = find_source(x, path);
    free(path);
    return o;
}

static char *md5_etag(const struct content *c)
{
    enum { PIECE_BYTES = 1 << 20 };
    EVP_MD_CTX *md5 = EVP_MD_CTX_new();
    char *buffer = grab(PIECE_BYTES);
    unsigned char digest[16];
    char *etag = grab(35);

    (void)EVP_DigestInit_ex(md5, EVP_md5(), NULL);
    for (uint64_t at = 0; at < c->bytes;) {
        ssize_t got = content_read(c, at, buffer, PIECE_BYTES);
        if (got <= 0)
            break;
        (void)EVP_DigestUpdate(md5, buffer, (size_t)got);
        at += (uint64_t)got;
    }
    (void)EVP_DigestFinal_ex(md5, digest, NULL);
    EVP_MD_CTX_free(md5);
    free(buffer);
    etag[0] = '"';
    hex_encode(etag + 1, digest, sizeof digest);
    etag[33] = '"';
    return etag;
}

static char *md5_etag_unlocked(struct exchange *x, const struct content *c)
{
    (void)pthread_mutex_unlock(&x->server->lock);
    char *etag = md5_etag(c);
    (void)pthread_mutex_lock(&x->server->lock);
    return etag;
}

/* S3 makes the checksum of what it copies anew. */
static char *content_sum(const struct content *c, enum checksum_kind kind)
{
    enum { PIECE_BYTES = 1 << 20 };
    struct checksum sum;
    char *buffer = grab(PIECE_BYTES);
    checksum_start(&sum, kind);
    for (uint64_t at = 0; at < c->bytes;) {
        ssize_t got = content_read(c, at, buffer, PIECE_BYTES);
        if (got <= 0)
            break;
        checksum_add(&sum, buffer, (size_t)got);
        at += (uint64_t)got;
    }
    free(buffer);
    return checksum_end(&sum);
}

static void write_result(struct exchange *x, const char *root, const char *etag,
                         int64_t modified_ms, const struct stored_sum *sum,
                         const struct fields *at_rest)
{
    char modified[TIME_TEXT];
    write_iso_ms(modified, modified_ms);
    answer_xml_start(x, root);
    xml_element(&x->answer.body, "LastModified", modified);
    xml_element(&x->answer.body, "ETag", etag);
    if (sum != NULL)
        write_sum(&x->answer.body, sum);
    answer_xml_end(x, root);
    answer_at_rest(x, at_rest);
}

/* What a copy says of itself: what the source said, or what the request says. */
static bool read_directive(struct exchange *x, const struct object *source, struct object *copy)
{
    const char *directive = header(x, "x-amz-metadata-directive");
    bool replaces = directive != NULL && strcmp(directive, "REPLACE") == 0;

    if (directive != NULL && !replaces && strcmp(directive, "COPY") != 0) {
        (void)refuse_saying(x, "InvalidArgument", "Unknown metadata directive.");
        refuse_detail(x, "ArgumentName", "x-amz-metadata-directive");
        refuse_detail(x, "ArgumentValue", directive);
        return false;
    }
    if (replaces)
        return read_object_headers(x, &copy->headers);
    fields_copy(&copy->headers, &source->headers);
    return true;
}

static bool check_copy(struct exchange *x, const struct bucket *b, const struct object *source)
{
    const char *directive = header(x, "x-amz-metadata-directive");
    bool is_same = bucket_object(b, x->key) == source;

    if (source->content.bytes > LARGEST_COPY)
        return refuse_saying(x, "InvalidRequest",
                             "The specified copy source is larger than the maximum allowable size "
                             "for a copy source: 5368709120");
    if (is_same && (directive == NULL || strcmp(directive, "REPLACE") != 0) &&
        header(x, "x-amz-server-side-encryption") == NULL &&
        header(x, "x-amz-storage-class") == NULL)
        return refuse_saying(x, "InvalidRequest",
                             "This copy request is illegal because it is trying to copy an object "
                             "to itself without changing the object's metadata, storage class, "
                             "website redirect location or encryption attributes.");
    return check_object_wishes(x) && check_write_conditions(x, b);
}

/* An object that was one PUT has its ETag already; of parts no copy is made, the copy is whole. */
static void copy_content(struct exchange *x, const struct object *source, struct object *copy)
{
    content_add_range(&copy->content, &source->content, 0, source->content.bytes);
    copy->etag = etag_at_rest(&copy->at_rest);
    if (copy->etag != NULL)
        ; /* no MD5 */
    else if (source->part_count == 0 && fields_get(&source->at_rest, KMS_KEY) == NULL)
        copy->etag = copy_text(source->etag);
    else
        copy->etag = md5_etag_unlocked(x, &copy->content);
    if (source->sum.value == NULL)
        return;
    copy->sum.kind = source->sum.kind;
    copy->sum.value = source->sum.is_composite ? content_sum(&copy->content, copy->sum.kind)
                                               : copy_text(source->sum.value);
}

void copy_object(struct exchange *x)
{
    struct bucket *b = need_bucket(x);
    struct object *source = b == NULL ? NULL : need_source(x);
    if (source == NULL)
        return;
    struct object *copy = object_new(x->key);
    if (check_copy(x, b, source) && read_directive(x, source, copy) &&
        read_at_rest(x, &copy->at_rest)) {
        copy_content(x, source, copy);
        /* The lock was open: the bucket may be gone, the key may be there. */
        b = need_bucket(x);
        if (b != NULL && check_write_conditions(x, b)) {
            copy->modified_ms = server_now_ms(x->server);
            write_result(x, "CopyObjectResult", copy->etag, copy->modified_ms, &copy->sum,
                         &copy->at_rest);
            bucket_put(b, object_hold(copy));
        }
    }
    object_drop(copy);
    object_drop(source);
}

static bool choose_part(struct exchange *x, const struct object *source, uint64_t *first,
                        uint64_t *bytes)
{
    const char *range = header(x, "x-amz-copy-source-range");
    const char *dash = range == NULL ? NULL : strchr(range, '-');
    uint64_t last;

    *bytes = source->content.bytes;
    if (range == NULL && *bytes > LARGEST_COPY)
        return refuse_saying(x, "InvalidRequest",
                             "The specified copy source is larger than the maximum allowable size "
                             "for a copy source: 5368709120");
    if (range == NULL)
        return true;
    /* Both ends must be there and lie within the source. */
    if (dash == NULL || dash == range + 6 || dash[1] == '\0' ||
        read_range(range, UINT64_MAX, first, bytes) != 1) {
        (void)refuse_saying(x, "InvalidArgument",
                            "The x-amz-copy-source-range value must be of the form "
                            "bytes=first-last where first and last are the zero-based offsets of "
                            "the first and last bytes to copy");
        refuse_detail(x, "ArgumentName", "x-amz-copy-source-range");
        refuse_detail(x, "ArgumentValue", range);
        return false;
    }
    if (__builtin_add_overflow(*first, *bytes - 1, &last) || last >= source->content.bytes)
        return refuse_saying(x, "InvalidArgument",
                             "Range specified is not valid for source object of size: %llu",
                             (unsigned long long)source->content.bytes);
    if (source->content.bytes <= SMALLEST_PART)
        return refuse_saying(x, "InvalidRequest",
                             "The specified copy range is invalid for the source object size: "
                             "it must be larger than 5 MB");
    return *bytes <= LARGEST_COPY || refuse(x, "EntityTooLarge");
}

void upload_part_copy(struct exchange *x)
{
    uint32_t number;
    uint64_t first = 0, bytes;
    struct bucket *b = need_bucket(x);

    if (x->server->options->rules->refuses_part_copy ||
        x->server->options->rules->denies_part_copy) {
        (void)refuse(x, x->server->options->rules->denies_part_copy ? "AccessDenied"
                                                                    : "NotImplemented");
        return;
    }
    if (b == NULL || !read_part_number(x, &number) || need_upload(x, b) == NULL ||
        !refuse_at_rest(x))
        return;
    struct object *source = need_source(x);
    if (source == NULL)
        return;
    if (choose_part(x, source, &first, &bytes)) {
        struct part *p = grab(sizeof *p);
        p->number = number;
        p->sum.kind = SUM_NONE;
        content_add_range(&p->content, &source->content, first, bytes);
        p->etag = md5_etag_unlocked(x, &p->content);
        p->modified_ms = server_now_ms(x->server);
        b = need_bucket(x);
        struct upload *u = b == NULL ? NULL : need_upload(x, b);
        char *etag = u == NULL ? NULL : etag_at_rest(&u->plan->at_rest);
        if (etag != NULL) {
            free(p->etag);
            p->etag = etag;
        }
        if (u == NULL) {
            part_free(p);
        } else {
            p->sum.kind = u->sum_kind;
            if (u->sum_kind != SUM_NONE)
                p->sum.value = content_sum(&p->content, u->sum_kind);
            write_result(x, "CopyPartResult", p->etag, p->modified_ms, NULL, &u->plan->at_rest);
            upload_put_part(u, p);
        }
    }
    object_drop(source);
}
