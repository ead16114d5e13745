/* SPDX-License-Identifier: Apache-2.0 */
/* Which request means what. */
#include "operations.h"

#include "codec.h"
#include "exchange.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define COPY "x-amz-copy-source"

enum { KEY_BYTES = 1024 };

/* The first row that fits is meant. */
static const struct operation operations[] = {
    {"AssumeRole", ON_STS, "", NULL, NULL, assume_role, NULL, false},
    {"AssumeRoleWithWebIdentity", ON_STS, "", NULL, NULL, assume_role_with_web_identity, NULL,
     false},
    {"GetCallerIdentity", ON_STS, "", NULL, NULL, get_caller_identity, NULL, false},

    {"ListBuckets", ON_SERVICE, "GET", NULL, NULL, list_buckets, "s3:ListAllMyBuckets", false},

    {"HeadBucket", ON_BUCKET, "HEAD", NULL, NULL, head_bucket, "s3:ListBucket", false},
    {"GetBucketLocation", ON_BUCKET, "GET", "location", NULL, get_bucket_location,
     "s3:GetBucketLocation", false},
    {"ListMultipartUploads", ON_BUCKET, "GET", "uploads", NULL, list_multipart_uploads,
     "s3:ListBucketMultipartUploads", false},
    {"ListObjectsV2", ON_BUCKET, "GET", "list-type", NULL, list_objects_v2, "s3:ListBucket", false},
    {"ListObjects", ON_BUCKET, "GET", NULL, NULL, list_objects, "s3:ListBucket", false},
    {"DeleteObjects", ON_BUCKET, "POST", "delete", NULL, delete_objects, NULL, true},
    {"CreateBucket", ON_BUCKET, "PUT", NULL, NULL, create_bucket, "s3:CreateBucket", false},
    {"DeleteBucket", ON_BUCKET, "DELETE", NULL, NULL, delete_bucket, "s3:DeleteBucket", false},

    {"HeadObject", ON_OBJECT, "HEAD", NULL, NULL, get_object, NULL, false},
    {"ListParts", ON_OBJECT, "GET", "uploadId", NULL, list_parts, "s3:ListMultipartUploadParts",
     false},
    {"GetObject", ON_OBJECT, "GET", NULL, NULL, get_object, NULL, false},
    {"UploadPartCopy", ON_OBJECT, "PUT", "uploadId", COPY, upload_part_copy, "s3:PutObject", false},
    {"UploadPart", ON_OBJECT, "PUT", "uploadId", NULL, upload_part, "s3:PutObject", true},
    {"CopyObject", ON_OBJECT, "PUT", NULL, COPY, copy_object, "s3:PutObject", false},
    {"PutObject", ON_OBJECT, "PUT", NULL, NULL, put_object, "s3:PutObject", true},
    {"CreateMultipartUpload", ON_OBJECT, "POST", "uploads", NULL, create_multipart_upload,
     "s3:PutObject", false},
    {"CompleteMultipartUpload", ON_OBJECT, "POST", "uploadId", NULL, complete_multipart_upload,
     "s3:PutObject", false},
    {"AbortMultipartUpload", ON_OBJECT, "DELETE", "uploadId", NULL, abort_multipart_upload,
     "s3:AbortMultipartUpload", false},
    {"DeleteObject", ON_OBJECT, "DELETE", NULL, NULL, delete_object, "s3:DeleteObject", false},
};

/* What S3 has and we do not. Without this list `?acl` would be taken for the object itself. */
static const char *const unknown_subresources[] = {
    "accelerate",
    "acl",
    "analytics",
    "attributes",
    "cors",
    "encryption",
    "intelligent-tiering",
    "inventory",
    "legal-hold",
    "lifecycle",
    "logging",
    "metrics",
    "notification",
    "object-lock",
    "ownershipControls",
    "policy",
    "policyStatus",
    "publicAccessBlock",
    "replication",
    "requestPayment",
    "restore",
    "retention",
    "select",
    "tagging",
    "torrent",
    "versioning",
    "versions",
    "website",
    "versionId",
};

static bool ends_with(const char *s, size_t length, const char *end)
{
    size_t end_length = strlen(end);
    return length >= end_length && strncasecmp(s + length - end_length, end, end_length) == 0;
}

static void set_region(struct exchange *x, const char *region, size_t length)
{
    free(x->region);
    x->region = copy_text_n(region, length);
}

/* [BUCKET.]s3[.REGION], sts[.REGION], without what stands behind them on AWS. */
static void read_aws_host(struct exchange *x, const char *host, size_t length)
{
    char *name = copy_text_n(host, length);
    char *s3 = name;
    if (strcasecmp(name, "sts") == 0 || strncasecmp(name, "sts.", 4) == 0) {
        x->is_sts = true;
        const char *region = name[3] == '.' ? name + 4 : "us-east-1";
        set_region(x, region, strlen(region));
        free(name);
        return;
    }
    while (s3 != NULL && strcasecmp(s3, "s3") != 0 && strncasecmp(s3, "s3.", 3) != 0) {
        s3 = strchr(s3, '.');
        s3 = s3 == NULL ? NULL : s3 + 1;
    }
    if (s3 != NULL) {
        x->is_global_host = s3[2] == '\0';
        const char *region = x->is_global_host ? "us-east-1" : s3 + 3;
        set_region(x, region, strlen(region));
        if (s3 > name) {
            x->is_virtual_host = true;
            x->bucket_name = copy_text_n(name, (size_t)(s3 - name) - 1);
        }
    }
    free(name);
}

static void read_host(struct exchange *x, const char *host)
{
    static const char *const suffixes[] = {".amazonaws.com", ".amazonaws.com.cn"};
    size_t length = strcspn(host, ":");
    char address[16];

    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++)
        if (ends_with(host, length, suffixes[i])) {
            read_aws_host(x, host, length - strlen(suffixes[i]));
            return;
        }
    char *name = copy_text_n(host, length);
    bool is_address = inet_pton(AF_INET, name, address) == 1;
    if (!is_address && ends_with(name, length, ".localhost")) {
        x->is_virtual_host = true;
        x->bucket_name = copy_text_n(name, length - strlen(".localhost"));
    }
    free(name);
}

static bool read_path(struct exchange *x)
{
    char *path = uri_decode(x->path, strlen(x->path), false);
    if (path == NULL || *path != '/' || !is_utf8(path)) {
        free(path);
        return refuse(x, "InvalidURI");
    }
    const char *key = path + 1;
    if (!x->is_virtual_host) {
        size_t length = strcspn(key, "/");
        if (length > 0)
            x->bucket_name = copy_text_n(key, length);
        key += length;
        key += *key == '/';
    }
    if (*key != '\0')
        x->key = copy_text(key);
    free(path);
    if (x->key != NULL && x->bucket_name == NULL)
        return refuse(x, "InvalidBucketName");
    if (x->key != NULL && strlen(x->key) > KEY_BYTES) {
        (void)refuse(x, "KeyTooLongError");
        refuse_detail(x, "MaxSizeAllowed", "1024");
        return false;
    }
    return true;
}

static bool fits(const struct exchange *x, const struct operation *o, enum operation_level level)
{
    return o->level == level && strcmp(o->method, x->method) == 0 &&
           (o->subresource == NULL || parameter(x, o->subresource) != NULL) &&
           (o->header == NULL || header(x, o->header) != NULL);
}

static bool find_operation(struct exchange *x)
{
    enum operation_level level = x->key != NULL           ? ON_OBJECT
                                 : x->bucket_name != NULL ? ON_BUCKET
                                                          : ON_SERVICE;
    size_t unknown = sizeof unknown_subresources / sizeof unknown_subresources[0];
    for (size_t i = 0; i < unknown; i++)
        if (parameter(x, unknown_subresources[i]) != NULL) {
            (void)refuse(x, "NotImplemented");
            refuse_detail(x, "Header", unknown_subresources[i]);
            return false;
        }
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++)
        if (fits(x, &operations[i], level)) {
            x->operation = &operations[i];
            return true;
        }
    (void)refuse(x, "MethodNotAllowed");
    refuse_detail(x, "Method", x->method);
    return false;
}

/* STS names the operation in the form, which is still to come: see sts.c. */
static bool is_sts_call(const struct exchange *x)
{
    return x->bucket_name == NULL && x->key == NULL &&
           (strcmp(x->method, "POST") == 0 || parameter(x, "Action") != NULL);
}

const struct operation *sts_operation(const char *action)
{
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++)
        if (operations[i].level == ON_STS && strcmp(operations[i].name, action) == 0)
            return &operations[i];
    return NULL;
}

bool route(struct exchange *x)
{
    const char *host = header(x, "Host");
    size_t length = strcspn(x->target, "?");

    x->path = copy_text_n(x->target, length);
    x->query_text = copy_text(x->target[length] == '?' ? x->target + length + 1 : "");
    if (!query_decode(x->query_text, &x->query))
        return refuse(x, "InvalidURI");
    if (host != NULL)
        read_host(x, host);
    if (!x->is_sts && !read_path(x))
        return false;
    if (!x->is_sts && is_sts_call(x))
        x->is_sts = true;
    if (!x->is_sts)
        return find_operation(x);
    x->operation = &operations[0];
    return true;
}
