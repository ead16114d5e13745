/* SPDX-License-Identifier: Apache-2.0 */
/* What we write, and with how much memory. */
#include <stdlib.h>

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

static regstore_status read_rest(struct stss3_reading *r)
{
    struct stss3_config *c = r->config;
    unsigned choice;
    const char *folder = secure_getenv("TMPDIR");
    TRY(plug_setting_choice(r->call, "signature_version",
                            stss3_reading_value(r, "signature_version"), "s3v4", &choice));
    const char *sse = stss3_reading_value(r, "server_side_encryption");
    c->is_sse_s3 = c->provider->is_sse_s3;
    if (sse != NULL) {
        TRY(plug_setting_choice(r->call, "server_side_encryption", sse, "none AES256", &choice));
        c->is_sse_s3 = choice == 1;
    }
    /* Not /tmp: it may be memory, and memory is what ran out. */
    return stss3_reading_copy(r, folder == NULL || folder[0] != '/' ? "/var/tmp" : folder,
                              &c->spill_folder);
}

regstore_status stss3_read_writing(struct stss3_reading *r)
{
    TRY(read_sizes(r));
    return read_rest(r);
}
