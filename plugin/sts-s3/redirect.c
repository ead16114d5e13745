/* SPDX-License-Identifier: Apache-2.0 */
#include "redirect.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* The origin of an absolute URL; false: it has none that can be read. */
static bool read_origin(const char *location, struct stss3_endpoint *out)
{
    char origin[STSS3_HOST_MAX + 300];
    const char *host = strstr(location, "://");
    if (host == NULL)
        return false;
    const size_t len = (size_t)(host - location) + 3 + strcspn(host + 3, "/?#");
    if (len >= sizeof origin)
        return false;
    memcpy(origin, location, len);
    origin[len] = '\0';
    return stss3_endpoint_parse(origin, out) == NULL;
}

/* The host without "bucket." before it; is_virtual_host says whether that was there. */
static const char *without_bucket(const struct stss3_config *config, const char *host,
                                  bool *is_virtual_host)
{
    const size_t len = strlen(config->bucket);
    *is_virtual_host = strcmp(host, config->s3.host) != 0 && /* whose name may begin like it */
                       strncasecmp(host, config->bucket, len) == 0 && host[len] == '.';
    return *is_virtual_host ? host + len + 1 : host;
}

static bool is_fips(const char *host)
{
    return strncmp(host, "s3-fips.", strlen("s3-fips.")) == 0;
}

/* AWS names the ordinary host of the region also to who keeps to FIPS. */
static void keep_to_fips(const struct stss3_config *config, struct stss3_detour *out)
{
    struct stss3_endpoint there;
    stss3_config_endpoint(config, out->region, &there);
    (void)snprintf(out->host, sizeof out->host, "%s%s%s",
                   out->is_virtual_host ? config->bucket : "", out->is_virtual_host ? "." : "",
                   there.authority);
}

enum stss3_redirect stss3_redirect_read(const struct stss3_config *config, const char *location,
                                        struct stss3_detour *out)
{
    struct stss3_endpoint to;
    *out = (struct stss3_detour){0};
    if (location == NULL || location[0] == '\0' || (location[0] == '/' && location[1] != '/'))
        return STSS3_REDIRECT_NONE;
    if (!read_origin(location, &to))
        return STSS3_REDIRECT_FOREIGN;
    const char *host = without_bucket(config, to.host, &out->is_virtual_host);
    const bool is_endpoint = strcmp(host, config->s3.host) == 0 && to.port == config->s3.port &&
                             to.tls == config->s3.tls;
    char of_endpoint[STSS3_REGION_MAX];
    const bool is_from_aws =
        config->is_aws_s3 || stss3_region_of_s3_host(config->s3.host, of_endpoint);
    const bool is_aws =
        is_from_aws && to.tls && to.port == 443 && stss3_region_of_s3_host(host, out->region) &&
        stss3_partition_of_region(out->region) == stss3_partition_of_region(config->region);
    if (!is_endpoint && !is_aws)
        return STSS3_REDIRECT_FOREIGN;
    if (is_endpoint)
        out->region[0] = '\0';
    (void)snprintf(out->host, sizeof out->host, "%s", to.authority);
    if (is_fips(config->s3.host) && !is_fips(host))
        keep_to_fips(config, out);
    out->tls = to.tls;
    return STSS3_REDIRECT_FOLLOW;
}
