/* SPDX-License-Identifier: Apache-2.0 */
#include "at_rest.h"

#include "codec.h"
#include "exchange.h"

#include <string.h>

#define ENCRYPTION "x-amz-server-side-encryption"
#define KEY_ID     "x-amz-server-side-encryption-aws-kms-key-id"
#define BUCKET_KEY "x-amz-server-side-encryption-bucket-key-enabled"
#define CLASS      "x-amz-storage-class"

static bool wrong(struct exchange *x, const char *code, const char *name, const char *words)
{
    (void)refuse_saying(x, code, "%s", words);
    refuse_detail(x, "ArgumentName", name);
    refuse_detail(x, "ArgumentValue", header(x, name));
    return false;
}

/* A key's id, or an ARN of a key or an alias. */
static bool is_kms_key(const char *text)
{
    enum { UUID = 36 };
    if (starts_with(text, "arn:aws") && strstr(text, ":kms:") != NULL)
        return strstr(text, ":key/") != NULL || strstr(text, ":alias/") != NULL;
    if (starts_with(text, "mrk-"))
        return is_hex(text + 4, 32);
    return strlen(text) == UUID && strspn(text, "0123456789abcdef-") == UUID;
}

static bool read_class(struct exchange *x, struct fields *at_rest)
{
    static const char *const classes[] = {
        "STANDARD",           "STANDARD_IA", "ONEZONE_IA",   "INTELLIGENT_TIERING",
        "REDUCED_REDUNDANCY", "GLACIER",     "DEEP_ARCHIVE", "GLACIER_IR"};
    const char *class = header(x, CLASS);
    if (class == NULL)
        return true;
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++)
        if (strcmp(class, classes[i]) == 0) {
            if (i != 0) /* the usual one is never said */
                fields_add(at_rest, CLASS, class);
            return true;
        }
    (void)refuse(x, "InvalidStorageClass");
    refuse_detail(x, "StorageClassRequested", class);
    return false;
}

bool read_at_rest(struct exchange *x, struct fields *at_rest)
{
    const char *how = header(x, ENCRYPTION), *key = header(x, KEY_ID);
    const char *bucket_key = header(x, BUCKET_KEY);
    if (how == NULL)
        how = "AES256"; /* of every bucket, since 2023 */
    const bool is_dual = strcmp(how, "aws:kms:dsse") == 0;
    const bool is_kms = is_dual || strcmp(how, "aws:kms") == 0;
    if (!is_kms && strcmp(how, "AES256") != 0)
        return wrong(x, "InvalidEncryptionAlgorithmError", ENCRYPTION,
                     "The encryption method specified is not supported");
    if (key != NULL && !is_kms)
        return wrong(x, "InvalidArgument", ENCRYPTION,
                     "Server Side Encryption with AWS KMS managed key requires HTTP header "
                     "x-amz-server-side-encryption : aws:kms");
    if (key != NULL && !is_kms_key(key))
        return wrong(x, "KMS.NotFoundException", KEY_ID, "Invalid keyId");
    if (bucket_key != NULL && strcmp(bucket_key, "true") != 0 && strcmp(bucket_key, "false") != 0)
        return wrong(x, "InvalidArgument", BUCKET_KEY,
                     "The value of the bucket key header must be true or false");
    if (bucket_key != NULL && strcmp(bucket_key, "true") == 0 && (is_dual || !is_kms))
        return wrong(x, "InvalidArgument", BUCKET_KEY, "A bucket key is for SSE-KMS alone");
    fields_add(at_rest, ENCRYPTION, how);
    if (is_kms)
        fields_add(at_rest, KEY_ID,
                   key != NULL ? key : "arn:aws:kms:us-east-1:123492922789:key/aws-s3");
    if (bucket_key != NULL && strcmp(bucket_key, "true") == 0)
        fields_add(at_rest, BUCKET_KEY, "true");
    return read_class(x, at_rest);
}

bool refuse_at_rest(struct exchange *x)
{
    static const char *const names[] = {ENCRYPTION, KEY_ID, BUCKET_KEY};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (header(x, names[i]) != NULL) {
            (void)refuse_saying(x, "InvalidArgument",
                                "%s header is not supported for this operation.", names[i]);
            refuse_detail(x, "ArgumentName", names[i]);
            refuse_detail(x, "ArgumentValue", header(x, names[i]));
            return false;
        }
    return true;
}

void answer_at_rest(struct exchange *x, const struct fields *at_rest)
{
    for (size_t i = 0; i < at_rest->count; i++)
        answer_header(x, at_rest->items[i].name, at_rest->items[i].value);
}

char *etag_at_rest(const struct fields *at_rest)
{
    struct text etag = {0};
    char bytes[17], hex[33];
    if (fields_get(at_rest, KEY_ID) == NULL)
        return NULL;
    random_name(bytes, 16);
    hex_encode(hex, (const unsigned char *)bytes, 16);
    text_format(&etag, "\"%s\"", hex);
    return text_take(&etag);
}
