/* SPDX-License-Identifier: Apache-2.0 */
/* What we write, and with how much memory. */
#include <stdlib.h>
#include <string.h>

#include "reading.h"
#include "settings.h"

/* The first parts, in MiB.  Equal ones cannot grow: ten thousand of 16 MiB are 156 GiB, and a few
 * of them fit into memory. */
#define PART_MB       "5"
#define EQUAL_PART_MB "16"
/* What fits at least, in parts that begin small, of a blob whose length nobody told: what S3's
 * largest object was for years, or nearly all that a provider with few parts takes. */
#define UNKNOWN_BYTES (5 * 1024 * STSS3_GIB)

static struct stss3_part_limits limits_of(const struct stss3_provider *p)
{
    const uint64_t most = p->parts_max * p->part_max / 10 * 9;
    const uint64_t largest = p->object_max < most ? p->object_max : most;
    return (struct stss3_part_limits){
        .min_bytes = p->part_min,
        .max_bytes = p->part_max,
        .unknown_bytes = largest < UNKNOWN_BYTES ? largest : UNKNOWN_BYTES,
        .count = p->parts_max,
        .are_equal = p->wants_equal_parts,
    };
}

static regstore_status read_sizes(struct stss3_reading *r)
{
    struct stss3_config *c = r->config;
    uint64_t copy_gb, part_mb, memory_mb, loops;
    const char *part = stss3_reading_value(r, "minimum_chunk_size_mb");
    c->limits = limits_of(c->provider);
    if (part == NULL)
        part = c->limits.are_equal ? EQUAL_PART_MB : PART_MB;
    TRY(plug_setting_integer(r->call, "maximum_chunk_size_gb",
                             stss3_reading_value(r, "maximum_chunk_size_gb"), 1, UINT32_MAX,
                             &copy_gb));
    TRY(plug_setting_integer(r->call, "minimum_chunk_size_mb", part, 5, 5120, &part_mb));
    TRY(plug_setting_integer(r->call, "memory_limit_mb", stss3_reading_value(r, "memory_limit_mb"),
                             16, 65536, &memory_mb));
    TRY(plug_setting_integer(r->call, "io_threads", stss3_reading_value(r, "io_threads"), 1, 16,
                             &loops));
    c->copy_part_bytes = (copy_gb > 5 ? 5 : copy_gb) * STSS3_GIB; /* S3 copies no more at once */
    c->part_bytes = part_mb * STSS3_MIB;
    c->memory_bytes = memory_mb * STSS3_MIB;
    c->loops = (unsigned)loops;
    return REGSTORE_OK;
}

/* What stands in a header as it is given. */
static bool is_word(const char *text)
{
    const size_t len = strlen(text);
    return len <= 255 && strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                      "0123456789_-./:") == len;
}

static regstore_status read_encryption(struct stss3_reading *r)
{
    struct stss3_config *c = r->config;
    const char *how = stss3_reading_value(r, "server_side_encryption"),
               *key = stss3_reading_value(r, "sse_kms_key_id"),
               *bucket_key = stss3_reading_value(r, "sse_bucket_key");
    unsigned choice;
    bool is_on = false;
    if (how == NULL)
        how = key != NULL ? "aws:kms" : c->provider->is_sse_s3 ? "AES256" : "none";
    TRY(plug_setting_choice(r->call, "server_side_encryption", how,
                            "none AES256 aws:kms aws:kms:dsse", &choice));
    if (key != NULL && choice < 2)
        return stss3_reading_wrong(r, "sse_kms_key_id",
                                   "needs server_side_encryption aws:kms or aws:kms:dsse");
    if (key != NULL && !is_word(key))
        return stss3_reading_wrong(r, "sse_kms_key_id",
                                   "is no KMS key: give its id, or arn:aws:kms:...:key/<id>");
    if (bucket_key != NULL)
        TRY(plug_setting_bool(r->call, "sse_bucket_key", bucket_key, &is_on));
    if (is_on && choice != 2)
        return stss3_reading_wrong(r, "sse_bucket_key", "needs server_side_encryption aws:kms");
    if (bucket_key != NULL && choice == 2)
        c->bucket_key = is_on ? "true" : "false";
    TRY(stss3_reading_copy(r, key, &c->kms_key_id));
    return stss3_reading_copy(r, choice == 0 ? NULL : how, &c->encryption);
}

/* AWS's are known; other servers let their operators name their own. */
static regstore_status read_storage_class(struct stss3_reading *r)
{
    static const char classes[] = "STANDARD STANDARD_IA ONEZONE_IA INTELLIGENT_TIERING GLACIER_IR "
                                  "REDUCED_REDUNDANCY EXPRESS_ONEZONE OUTPOSTS SNOW FSX_OPENZFS";
    const char *class = stss3_reading_value(r, "storage_class");
    unsigned choice;
    if (class == NULL)
        return REGSTORE_OK;
    if (strcmp(class, "GLACIER") == 0 || strcmp(class, "DEEP_ARCHIVE") == 0)
        return stss3_reading_wrong(r, "storage_class",
                                   "cannot be read at once; GLACIER_IR is the coldest that can");
    if (stss3_provider_is_aws(r->config->provider))
        TRY(plug_setting_choice(r->call, "storage_class", class, classes, &choice));
    if (!is_word(class))
        return stss3_reading_wrong(r, "storage_class", "is no storage class: STANDARD is one");
    return stss3_reading_copy(r, class, &r->config->storage_class);
}

/* CRC-32C costs the least on AWS, and is the one that a reader of the whole can check. */
static regstore_status read_checksum(struct stss3_reading *r)
{
    static const enum stss3_checksum kinds[] = {STSS3_SUM_NONE,      STSS3_SUM_NONE,
                                                STSS3_SUM_MD5,       STSS3_SUM_CRC32C,
                                                STSS3_SUM_CRC64NVME, STSS3_SUM_SHA256};
    struct stss3_config *c = r->config;
    unsigned choice;
    TRY(plug_setting_choice(r->call, "checksum_algorithm",
                            stss3_reading_value(r, "checksum_algorithm"),
                            "auto none md5 crc32c crc64nvme sha256", &choice));
    c->checksum = kinds[choice];
    if (choice == 0 && c->provider->put_checksum == STSS3_CHECKSUM_CRC)
        c->checksum = STSS3_SUM_CRC32C;
    return REGSTORE_OK;
}

static regstore_status read_rest(struct stss3_reading *r)
{
    struct stss3_config *c = r->config;
    unsigned choice;
    const char *folder = secure_getenv("TMPDIR");
    TRY(plug_setting_choice(r->call, "signature_version",
                            stss3_reading_value(r, "signature_version"), "s3v4", &choice));
    /* Not /tmp: it may be memory, and memory is what ran out. */
    return stss3_reading_copy(r, folder == NULL || folder[0] != '/' ? "/var/tmp" : folder,
                              &c->spill_folder);
}

regstore_status stss3_read_writing(struct stss3_reading *r)
{
    TRY(read_sizes(r));
    TRY(read_encryption(r));
    TRY(read_storage_class(r));
    TRY(read_checksum(r));
    return read_rest(r);
}
