/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The settings of a store, as Quay's STSS3Storage names them, checked and turned into what the code
 * below wants: endpoints, sizes, names.  Reads the environment once; no I/O.
 */
#ifndef STSS3_CONFIG_H
#define STSS3_CONFIG_H

#include "call.h"
#include "checksum.h"
#include "host.h"
#include "part_size.h"
#include "provider.h"
#include "proxy.h"
#include "region.h"
#include "uri.h"
#include "who.h"

extern const struct regstore_param stss3_params[];

#define STSS3_MIB (1024u * 1024u)
#define STSS3_GIB (1024ull * STSS3_MIB)

struct stss3_config {
    char *bucket;
    char *root;                       /* what every key lies under: "" or "datastorage/" */
    char *role_arn;                   /* NULL: the source's credentials go to S3 as they are */
    char *source_role_arn;            /* assumes it, and is assumed before it; or NULL */
    char *session_name, *external_id; /* external_id may be NULL */
    struct stss3_who who;             /* whose credentials assume it */
    char *ca_bundle;                  /* may be NULL */
    char *spill_folder;
    struct stss3_part_limits limits; /* the provider's */
    struct stss3_proxies proxies;
    uint64_t connect_timeout_ms, stall_timeout_ms;
    uint64_t request_timeout_ms; /* of one try in all; 0: no limit */
    uint64_t duration_s, part_bytes, copy_part_bytes, memory_bytes;
    unsigned loops;
    char region[STSS3_REGION_MAX]; /* the one to begin with; S3 may teach another (s3.h) */
    const struct stss3_partition *partition;
    struct stss3_endpoint s3, sts;
    struct stss3_endpoint presign; /* what clients see in place of s3, when has_presign */
    bool has_presign, use_fips, use_dualstack;
    const char *s3_from;  /* what named s3: a key or a variable, a literal; NULL: it is AWS's own */
    bool is_host_ignored; /* host and port say another place than endpoint_url, which is obeyed */
    const struct stss3_provider *provider; /* never NULL: what is known of the server at s3 */
    bool is_provider_named;                /* by the setting; else found by s3's host */
    bool is_aws_s3;      /* s3 is AWS's own endpoint for a region, not one that was named */
    bool is_sts_implied; /* endpoint_url names a foreign server, and sts_endpoint_url is missing */
    bool is_region_assumed;       /* and the settings do not say which region */
    bool is_endpoint_over_region; /* both were given: Quay would ignore the endpoint */
    bool is_virtual_host;         /* the bucket stands in the host name */
    /* What objects are to be at rest, as S3 spells it in headers; NULL: the bucket's own way. */
    char *encryption, *kms_key_id, *storage_class;
    const char *bucket_key;       /* "true", "false" or NULL */
    enum stss3_checksum checksum; /* of what is sent; more than this only where it is demanded */
    char *beyond_quay; /* the keys given that Quay's own driver does not take: "a, b"; or NULL */
};

/* CONFIG names the key.  On failure nothing is held.  *out is on the heap. */
regstore_status stss3_config_new(struct plug_call *call, const struct regstore_pair *settings,
                                 size_t n, struct stss3_config **out);
void stss3_config_free(struct stss3_config *config);

/* The endpoint of S3 for a region, when it is AWS's: a bucket may lie elsewhere than we thought. */
void stss3_config_endpoint(const struct stss3_config *config, const char *region,
                           struct stss3_endpoint *out);

#endif
