/* SPDX-License-Identifier: Apache-2.0 */
/* Partitions, regions, host names, role ARNs. */
#include "region.h"

#include <stdio.h>
#include <string.h>

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* After the partitions.json that AWS publishes with its SDKs.  No prefix begins another one but "",
 * which is the last. */
static const struct stss3_partition partitions[] = {
    {"aws-cn", "cn-", "amazonaws.com.cn", "cn-north-1", "api.amazonwebservices.com.cn", false,
     false},
    {"aws-us-gov", "us-gov-", "amazonaws.com", "us-gov-west-1", "api.aws", true, true},
    {"aws-iso", "us-iso-", "c2s.ic.gov", "us-iso-east-1", NULL, true, false},
    {"aws-iso-b", "us-isob-", "sc2s.sgov.gov", "us-isob-east-1", NULL, true, false},
    {"aws-iso-e", "eu-isoe-", "cloud.adc-e.uk", "eu-isoe-west-1", NULL, true, false},
    {"aws-iso-f", "us-isof-", "csp.hci.ic.gov", "us-isof-south-1", NULL, true, false},
    {"aws-eusc", "eusc-", "amazonaws.eu", "eusc-de-east-1", "api.amazonwebservices.eu", true,
     false},
    {"aws", "", "amazonaws.com", "us-east-1", "api.aws", true, false},
};
#define PARTITIONS (sizeof partitions / sizeof partitions[0])

const struct stss3_partition *stss3_partition_of_region(const char *region)
{
    size_t i = 0;
    while (!starts_with(region, partitions[i].region_prefix))
        i++;
    return &partitions[i];
}

const struct stss3_partition *stss3_partition_named(const char *name, size_t len)
{
    for (size_t i = 0; i < PARTITIONS; i++)
        if (strlen(partitions[i].name) == len && memcmp(partitions[i].name, name, len) == 0)
            return &partitions[i];
    return NULL;
}

bool stss3_region_is_valid(const char *region)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    const size_t len = strspn(region, allowed);
    return len > 0 && len < STSS3_REGION_MAX && region[len] == '\0';
}

bool stss3_aws_host_of(enum stss3_service service, const char *region, bool use_fips,
                       bool use_dualstack, char out[STSS3_HOST_MAX])
{
    const struct stss3_partition *p = stss3_partition_of_region(region);
    const bool is_s3 = service == STSS3_SERVICE_S3;
    if ((use_dualstack && p->dual_suffix == NULL) || (use_fips && is_s3 && !p->has_fips_s3))
        return false;
    /* A valid region and our own words always fit. */
    if (is_s3) /* keeps the partition's suffix */
        (void)snprintf(out, STSS3_HOST_MAX, "s3%s%s.%s.%s", use_fips ? "-fips" : "",
                       use_dualstack ? ".dualstack" : "", region, p->dns_suffix);
    else
        (void)snprintf(out, STSS3_HOST_MAX, "sts%s.%s.%s",
                       use_fips && (use_dualstack || !p->is_sts_fips) ? "-fips" : "", region,
                       use_dualstack ? p->dual_suffix : p->dns_suffix);
    return true;
}

static const char *after(const char *text, const char *prefix)
{
    return starts_with(text, prefix) ? text + strlen(prefix) : NULL;
}

bool stss3_region_of_s3_host(const char *host, char region[STSS3_REGION_MAX])
{
    static const char *const services[] = {"s3.dualstack.", "s3-fips.dualstack.", "s3-fips.", "s3.",
                                           "s3-"};
    const char *rest = NULL;
    for (size_t i = 0; rest == NULL && i < sizeof services / sizeof services[0]; i++)
        rest = after(host, services[i]);
    const size_t len = rest == NULL ? 0 : strcspn(rest, ".");
    if (len == 0 || len >= STSS3_REGION_MAX || rest[len] == '\0')
        return false;
    memcpy(region, rest, len);
    region[len] = '\0';
    /* "s3-external-1" and the like are no regions, and need not be followed. */
    return stss3_region_is_valid(region) && !starts_with(region, "external-") &&
           strcmp(rest + len + 1, stss3_partition_of_region(region)->dns_suffix) == 0;
}

static const char *check_resource(const char *resource)
{
    static const struct {
        const char *prefix, *wrong;
    } mistakes[] = {
        {"user/", "names a user; a role is wanted, arn:aws:iam::ACCOUNT:role/NAME"},
        {"group/", "names a group; a role is wanted, arn:aws:iam::ACCOUNT:role/NAME"},
        {"instance-profile/",
         "names an instance profile; its role is wanted, arn:aws:iam::ACCOUNT:role/NAME"},
    };

    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++)
        if (starts_with(resource, mistakes[i].prefix))
            return mistakes[i].wrong;
    if (!starts_with(resource, "role/"))
        return "must end in role/NAME";
    if (resource[strlen(resource) - 1] == '/')
        return "must end in a role's name, not in '/'";
    return NULL;
}

const char *stss3_role_arn_check(const char *arn, const struct stss3_partition **partition)
{
    enum { PARTITION = 1, SERVICE, REGION, ACCOUNT, RESOURCE, FIELDS };
    const char *field[FIELDS] = {arn};

    if (arn[0] == '\0')
        return "is empty";
    if (strlen(arn) >= STSS3_ROLE_ARN_MAX)
        return "has more than 2048 characters";
    for (const char *p = arn; *p != '\0'; p++)
        if ((unsigned char)*p <= ' ' || (unsigned char)*p > '~')
            return "has a space, a control character or a letter that is not ASCII in it";
    if (!starts_with(arn, "arn:"))
        return "must begin with 'arn:', as in arn:aws:iam::ACCOUNT:role/NAME";
    for (int i = PARTITION; i < FIELDS; i++) {
        const char *colon = strchr(field[i - 1], ':');
        if (colon == NULL)
            return "must have five ':', as in arn:aws:iam::ACCOUNT:role/NAME";
        field[i] = colon + 1;
    }
    if (field[SERVICE] - field[PARTITION] == 1)
        return "has no partition between its first two ':' (aws, aws-cn, aws-us-gov ...)";
    if (starts_with(field[SERVICE], "sts:") && starts_with(field[RESOURCE], "assumed-role/"))
        return "names a session; its role is wanted, arn:aws:iam::ACCOUNT:role/NAME";
    if (!starts_with(field[SERVICE], "iam:"))
        return "must have 'iam' between its second and third ':'";
    if (field[REGION][0] != ':')
        return "must have nothing between its third and fourth ':': a role belongs to no region";
    const char *wrong = check_resource(field[RESOURCE]);
    if (wrong != NULL)
        return wrong;
    *partition =
        stss3_partition_named(field[PARTITION], (size_t)(field[SERVICE] - field[PARTITION]) - 1);
    return NULL;
}
