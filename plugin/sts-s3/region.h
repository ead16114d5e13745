/* SPDX-License-Identifier: Apache-2.0 */
/* What AWS calls its places: partitions, regions, host names, and the ARN of a role.  Pure. */
#ifndef STSS3_REGION_H
#define STSS3_REGION_H

#include <stdbool.h>
#include <stddef.h>

#define STSS3_REGION_MAX   64   /* with the NUL */
#define STSS3_HOST_MAX     256  /* with the NUL */
#define STSS3_ROLE_ARN_MAX 2049 /* with the NUL */

/* What hosts there are, by AWS's endpoint rules. */
enum stss3_service { STSS3_SERVICE_S3, STSS3_SERVICE_STS };

struct stss3_partition {
    const char *name;          /* "aws-cn": the second field of an ARN */
    const char *region_prefix; /* "cn-"; "" for aws, which takes what no other one does */
    const char *dns_suffix;    /* "amazonaws.com.cn" */
    const char *first_region;  /* "cn-north-1": asked when no region is known */
    const char *dual_suffix;   /* of hosts with IPv6, S3's own aside: "api.aws"; NULL: none */
    bool has_fips_s3;
    bool is_sts_fips; /* the ordinary host of STS keeps to FIPS, and there is no other one */
};

/* Never NULL. */
const struct stss3_partition *stss3_partition_of_region(const char *region);
/* NULL: no such partition is known. */
const struct stss3_partition *stss3_partition_named(const char *name, size_t len);

/* Letters, digits, '-' and '_', at most STSS3_REGION_MAX - 1: what other stores than AWS call a
 * region goes as well. */
bool stss3_region_is_valid(const char *region);

/* "s3.us-east-1.amazonaws.com", or the one with FIPS or dual stack; false: the partition has none.
 * The region must be valid. */
bool stss3_aws_host_of(enum stss3_service service, const char *region, bool use_fips,
                       bool use_dualstack, char out[STSS3_HOST_MAX]);

/* True: it is S3's own host of a region, s3.REGION.SUFFIX with its FIPS and dual-stack forms or the
 * older s3-REGION.SUFFIX, in lower case and without a bucket; and which. */
bool stss3_region_of_s3_host(const char *host, char region[STSS3_REGION_MAX]);

/*
 * Looks at the shape of a role's ARN, arn:PARTITION:iam::ACCOUNT:role/NAME.  Ceph leaves the
 * account empty or has a tenant there.  Returns NULL and sets *partition (to NULL when it is not
 * one of AWS's: another STS may use its own word), or returns what is wrong as words that continue
 * "sts_role_arn ...".
 */
const char *stss3_role_arn_check(const char *arn, const struct stss3_partition **partition);

#endif
