/* SPDX-License-Identifier: Apache-2.0 */
#include "rules.h"

#include <stddef.h>
#include <string.h>

static const struct rules all[] = {
    {.name = "aws", .most_parts = 10000},
    {.name = "ceph",
     .most_parts = 10000,
     .denies_part_copy = true,
     .knows_no_list_v2 = true,
     .refuses_encoding = true,
     .wants_md5 = true,
     .refuses_checksums = true},
    {.name = "minio", .most_parts = 10000, .wants_md5 = true, .refuses_encryption = true},
    {.name = "r2",
     .most_parts = 10000,
     .wants_equal_parts = true,
     .has_random_etags = true,
     .refuses_encryption = true},
    {.name = "gcs",
     .most_parts = 10000,
     .refuses_part_copy = true,
     .wants_md5 = true,
     .ignores_if_none_match = true,
     .refuses_encryption = true,
     .refuses_checksums = true},
    {.name = "scaleway", .most_parts = 1000, .wants_md5 = true, .refuses_checksums = true},
};

const struct rules *rules_named(const char *name)
{
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (strcmp(all[i].name, name) == 0)
            return &all[i];
    return NULL;
}
