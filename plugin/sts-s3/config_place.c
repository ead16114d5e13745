/* SPDX-License-Identifier: Apache-2.0 */
/* Where we store: bucket, path, provider, region; config_endpoint.c has the endpoints. */
#include <stdio.h>
#include <string.h>

#include "buf.h"
#include "reading.h"
#include "settings.h"

/* In the order of the table; a test compares. */
static const char provider_names[] = "aws ceph minio r2 gcs ibm scaleway other";

/* As Quay joins it: one leading '/' goes; "" and "/" are the bucket's root. */
static regstore_status read_root(struct stss3_reading *r)
{
    const char *path = plug_setting(stss3_params, r->values, "storage_path");
    struct plug_buf root = {0};
    if (path[0] == '/')
        path++;
    size_t len = strlen(path);
    while (len > 0 && path[len - 1] == '/')
        len--;
    if (len > 512)
        return stss3_reading_wrong(r, "storage_path", "is longer than 512 bytes");
    if (len > 0 && path[0] == '/')
        return stss3_reading_wrong(r, "storage_path",
                                   "begins with '//': give it with one '/' at the most");
    plug_buf_add(&root, path, len);
    if (len > 0)
        plug_buf_char(&root, '/');
    r->config->root = plug_buf_steal(&root);
    return r->config->root == NULL ? plug_no_memory(r->call) : REGSTORE_OK;
}

static regstore_status read_bucket(struct stss3_reading *r)
{
    const char *bucket = stss3_reading_value(r, "s3_bucket");
    if (bucket == NULL)
        return stss3_reading_wrong(r, "s3_bucket", "is empty");
    const size_t len = strlen(bucket);
    /* Ceph allows capitals, '_' and tenants ("tenant:bucket"); '/' would name another bucket. */
    if (len > 255 || strspn(bucket, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                    "0123456789.-_:") != len)
        return stss3_reading_wrong(r, "s3_bucket",
                                   "is no bucket's name: letters, digits, '.', '-' and '_' only");
    return stss3_reading_copy(r, bucket, &r->config->bucket);
}

/* Named, or found by the endpoint's host. */
static regstore_status read_provider(struct stss3_reading *r)
{
    struct stss3_config *c = r->config;
    const char *name = stss3_reading_value(r, "provider");
    c->is_provider_named = name != NULL;
    if (name == NULL) {
        c->provider =
            c->is_aws_s3 ? stss3_provider_named("aws") : stss3_provider_of_host(c->s3.host);
        return REGSTORE_OK;
    }
    unsigned choice;
    TRY(plug_setting_choice(r->call, "provider", name, provider_names, &choice));
    c->provider = stss3_provider_at(choice);
    if (c->is_aws_s3 && !stss3_provider_is_aws(c->provider))
        return stss3_reading_wrong(r, "provider", "needs endpoint_url, which says where it is");
    return REGSTORE_OK;
}

/* The environment speaks of AWS: a provider with a region of its own is not asked for another one,
 * nor is a host of S3 that names one. */
static regstore_status read_region(struct stss3_reading *r)
{
    struct stss3_config *c = r->config;
    const char *region = stss3_reading_value(r, "s3_region");
    if (region == NULL)
        region = c->provider->first_region;
    char of_host[STSS3_REGION_MAX];
    if (region == NULL && stss3_region_of_s3_host(c->s3.host, of_host))
        region = of_host;
    if (region == NULL)
        region = stss3_reading_value_or_env(r, "s3_region", "AWS_REGION", "AWS_DEFAULT_REGION");
    if (region != NULL && !stss3_region_is_valid(region))
        return stss3_reading_wrong(r, "s3_region",
                                   "(or AWS_REGION) is no region: 'us-east-1' is one");
    if (c->partition == NULL)
        c->partition = region != NULL ? stss3_partition_of_region(region)
                                      : stss3_partition_named("aws", strlen("aws"));
    (void)snprintf(c->region, sizeof c->region, "%s",
                   region != NULL ? region : c->partition->first_region);
    return REGSTORE_OK;
}

/* A bucket with a dot would not match the certificate of *.s3.<region>; capitals and '_' are no
 * host name. */
static bool fits_host_name(const char *bucket)
{
    const size_t len = strlen(bucket);
    return len >= 3 && len <= 63 && strspn(bucket, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

static regstore_status read_addressing(struct stss3_reading *r)
{
    struct stss3_config *c = r->config;
    unsigned style;
    TRY(plug_setting_choice(r->call, "addressing_style", stss3_reading_value(r, "addressing_style"),
                            "auto path virtual", &style));
    if (style == 2 && (c->s3.is_address || !fits_host_name(c->bucket)))
        return stss3_reading_wrong(r, "addressing_style",
                                   c->s3.is_address
                                       ? "cannot be virtual: endpoint_url names an IP address"
                                       : "cannot be virtual: the bucket's name is no host name");
    /* Clients see one address for all buckets. */
    if (c->has_presign && c->presign.is_address && style == 0)
        style = 1;
    if (style == 2 && c->has_presign && c->presign.is_address)
        return stss3_reading_wrong(r, "presign_endpoint_url",
                                   "names an IP address, while addressing_style is virtual");
    c->is_virtual_host = style == 2 || (style == 0 && c->provider->is_virtual_host &&
                                        stss3_provider_is_host_of(c->provider, c->s3.host) &&
                                        fits_host_name(c->bucket));
    return REGSTORE_OK;
}

regstore_status stss3_read_place(struct stss3_reading *r)
{
    TRY(read_root(r));
    TRY(read_bucket(r));
    TRY(stss3_read_s3_endpoint(r));
    TRY(read_provider(r));
    TRY(read_region(r));
    TRY(stss3_read_other_endpoints(r));
    return read_addressing(r);
}
