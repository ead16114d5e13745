/* SPDX-License-Identifier: Apache-2.0 */
#include "provider.h"

#include <fnmatch.h>
#include <stddef.h>
#include <string.h>

#define MIB (1024ull * 1024)
#define GIB (1024 * MIB)
#define TIB (1024 * GIB)
#define ANY UINT64_MAX /* no limit is known, so a refusal is waited for */

/* clang-format off */
static const struct stss3_provider providers[] = {
    {
        .name = "aws", .title = "Amazon S3",
        .hosts = "*.amazonaws.com *.amazonaws.com.cn *.amazonaws.eu *.c2s.ic.gov *.sc2s.sgov.gov "
                 "*.cloud.adc-e.uk *.csp.hci.ic.gov *.api.aws *.api.amazonwebservices.com.cn "
                 "*.api.amazonwebservices.eu",
        .is_virtual_host = true,
        .list_version = 2, .encodes_lists = true,
        .parts_max = 10000, .part_min = 5 * MIB, .part_max = 5 * GIB, .object_max = 50000 * GIB,
        .put_checksum = STSS3_CHECKSUM_CRC, .delete_checksum = STSS3_CHECKSUM_CRC,
        .has_batch_delete = true, .has_part_copy = true, .copy_max = 5 * GIB,
        .is_sse_s3 = true,
    },
    {
        /* Some releases do not encode all of a list that was asked for encoded, and refuse
         * UploadPartCopy to whoever has assumed a role; CopyObject takes any size. */
        .name = "ceph", .title = "Ceph RGW, OpenShift Data Foundation",
        .hosts = "rook-ceph-rgw-* *-cephobjectstore-*",
        .list_version = 1,
        .parts_max = 10000, .part_min = 5 * MIB, .part_max = 5 * GIB, .object_max = 50000 * GIB,
        .put_checksum = STSS3_CHECKSUM_MD5, .delete_checksum = STSS3_CHECKSUM_MD5,
        .has_batch_delete = true, .copy_max = ANY,
    },
    {
        /* An encryption header needs a KMS there. */
        .name = "minio", .title = "MinIO",
        .hosts = "*.min.io minio minio.* minio-*",
        .list_version = 2, .encodes_lists = true,
        .parts_max = 10000, .part_min = 5 * MIB, .part_max = 5 * GIB, .object_max = 50000 * GIB,
        .put_checksum = STSS3_CHECKSUM_MD5, .delete_checksum = STSS3_CHECKSUM_MD5,
        .has_batch_delete = true, .has_part_copy = true, .copy_max = ANY,
    },
    {
        .name = "r2", .title = "Cloudflare R2",
        .hosts = "*.r2.cloudflarestorage.com",
        .first_region = "auto",
        .list_version = 2, .encodes_lists = true,
        .wants_equal_parts = true,
        .parts_max = 10000, .part_min = 5 * MIB, .part_max = 5 * GIB - 5 * MIB,
        .object_max = 5 * TIB - 5 * GIB,
        .put_checksum = STSS3_CHECKSUM_MD5, .delete_checksum = STSS3_CHECKSUM_MD5,
        .has_batch_delete = true, .has_part_copy = true, .copy_max = 5 * GIB - 5 * MIB,
    },
    {
        /* Its generations take the place of If-None-Match; CopyObject takes any size. */
        .name = "gcs", .title = "Google Cloud Storage (XML API)",
        .hosts = "storage.googleapis.com *.storage.googleapis.com",
        .first_region = "auto",
        .list_version = 1,
        .parts_max = 10000, .part_min = 5 * MIB, .part_max = 5 * GIB, .object_max = 5 * TIB,
        .put_checksum = STSS3_CHECKSUM_MD5, .delete_checksum = STSS3_CHECKSUM_MD5,
        .has_batch_delete = true, .copy_max = ANY,
    },
    {
        .name = "ibm", .title = "IBM Cloud Object Storage",
        .hosts = "*.cloud-object-storage.appdomain.cloud *.objectstorage.softlayer.net",
        .list_version = 1,
        .parts_max = 10000, .part_min = 5 * MIB, .part_max = 5 * GIB, .object_max = 10 * TIB,
        .put_checksum = STSS3_CHECKSUM_MD5, .delete_checksum = STSS3_CHECKSUM_MD5,
        .has_batch_delete = true, .has_part_copy = true, .copy_max = 5 * GIB,
    },
    {
        .name = "scaleway", .title = "Scaleway Object Storage",
        .hosts = "*.scw.cloud",
        .list_version = 2, .encodes_lists = true,
        .parts_max = 1000, .part_min = 5 * MIB, .part_max = 5 * GIB, .object_max = 5000 * GIB,
        .put_checksum = STSS3_CHECKSUM_MD5, .delete_checksum = STSS3_CHECKSUM_MD5,
        .has_batch_delete = true, .has_part_copy = true, .copy_max = 5 * GIB,
    },
    {
        .name = "other", .title = "another S3",
        .hosts = "*",
        .list_version = 1,
        .parts_max = 10000, .part_min = 5 * MIB, .part_max = 5 * GIB, .object_max = 50000 * GIB,
        .put_checksum = STSS3_CHECKSUM_NONE, .delete_checksum = STSS3_CHECKSUM_MD5,
        .has_batch_delete = true, .has_part_copy = true, .copy_max = ANY,
    },
};
/* clang-format on */
#define PROVIDERS (sizeof providers / sizeof providers[0])

const struct stss3_provider *stss3_provider_at(unsigned i)
{
    return i < PROVIDERS ? &providers[i] : NULL;
}

const struct stss3_provider *stss3_provider_named(const char *name)
{
    for (size_t i = 0; i < PROVIDERS; i++)
        if (strcmp(providers[i].name, name) == 0)
            return &providers[i];
    return NULL;
}

bool stss3_provider_is_host_of(const struct stss3_provider *provider, const char *host)
{
    char pattern[64];
    for (const char *at = provider->hosts; *at != '\0';) {
        const size_t len = strcspn(at, " ");
        if (len < sizeof pattern) { /* our own words: they fit, and a test says so */
            memcpy(pattern, at, len);
            pattern[len] = '\0';
            if (fnmatch(pattern, host, 0) == 0)
                return true;
        }
        at += len + (at[len] == ' ');
    }
    return false;
}

const struct stss3_provider *stss3_provider_of_host(const char *host)
{
    size_t i = 0;
    while (i + 1 < PROVIDERS && !stss3_provider_is_host_of(&providers[i], host))
        i++;
    return &providers[i];
}

bool stss3_provider_is_aws(const struct stss3_provider *provider)
{
    return provider == &providers[0];
}
