/* SPDX-License-Identifier: Apache-2.0 */
/* Where S3 and STS are asked, and under which host clients see S3. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "reading.h"
#include "settings.h"

/* The SDKs' switch for their variables; "" and anything but true is off. */
static bool is_on(const char *variable)
{
    const char *value = secure_getenv(variable);
    return value != NULL && strcasecmp(value, "true") == 0;
}

/* The variables that botocore obeys, so a deployment that has them need not say it again; the one
 * of the service counts before the general one. */
static const char *endpoint_of_environment(const char *variable, const char **from)
{
    const char *const variables[] = {variable, "AWS_ENDPOINT_URL"};
    if (is_on("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"))
        return NULL;
    for (size_t i = 0; i < 2; i++) {
        const char *value = secure_getenv(variables[i]);
        *from = variables[i];
        if (value != NULL && value[0] != '\0')
            return value;
    }
    *from = NULL;
    return NULL;
}

/* host, port and is_secure as a URL; "" without a host. */
static regstore_status read_host(struct stss3_reading *r, char url[STSS3_HOST_MAX + 32])
{
    const char *host = stss3_reading_value(r, "host"), *port = stss3_reading_value(r, "port");
    bool is_secure;
    uint64_t number = 0;
    url[0] = '\0';
    TRY(plug_setting_bool(r->call, "is_secure", stss3_reading_value(r, "is_secure"), &is_secure));
    if (port != NULL)
        TRY(plug_setting_integer(r->call, "port", port, 1, UINT16_MAX, &number));
    if (host == NULL)
        return port == NULL
                   ? REGSTORE_OK
                   : stss3_reading_wrong(r, "port", "needs host, or endpoint_url for both");
    if (strlen(host) >= STSS3_HOST_MAX || strpbrk(host, "/@?#") != NULL)
        return stss3_reading_wrong(r, "host", "is no host: give a name alone, s3.example.com");
    const bool has_port = strchr(host, ':') != NULL && host[0] != '[';
    if (has_port && port != NULL)
        return stss3_reading_wrong(r, "host", "has a port of its own: leave it out, or port");
    (void)snprintf(url, STSS3_HOST_MAX + 32, "%s://%s", is_secure ? "https" : "http", host);
    if (port != NULL)
        (void)snprintf(url + strlen(url), 8, ":%" PRIu64, number);
    return REGSTORE_OK;
}

static regstore_status parse(struct stss3_reading *r, const char *key, const char *url,
                             struct stss3_endpoint *out)
{
    const char *bad = stss3_endpoint_parse(url, out);
    return bad == NULL ? REGSTORE_OK : stss3_reading_wrong(r, key, bad);
}

regstore_status stss3_read_s3_endpoint(struct stss3_reading *r)
{
    struct stss3_config *c = r->config;
    const char *url = stss3_reading_value(r, "endpoint_url");
    char of_host[STSS3_HOST_MAX + 32];
    struct stss3_endpoint host = {0};
    TRY(read_host(r, of_host));
    if (of_host[0] != '\0')
        TRY(parse(r, "host", of_host, &host));
    if (url != NULL) {
        c->s3_from = "endpoint_url";
    } else if (of_host[0] != '\0') {
        url = of_host;
        c->s3_from = "host";
    } else {
        url = endpoint_of_environment("AWS_ENDPOINT_URL_S3", &c->s3_from);
    }
    c->is_aws_s3 = url == NULL;
    if (url == NULL)
        return REGSTORE_OK;
    TRY(parse(r, c->s3_from, url, &c->s3));
    c->is_host_ignored = of_host[0] != '\0' && (host.tls != c->s3.tls || host.port != c->s3.port ||
                                                strcmp(host.host, c->s3.host) != 0);
    return REGSTORE_OK;
}

/* Our own words: they are whole. */
static void set_endpoint(const char *host, struct stss3_endpoint *out)
{
    char url[STSS3_HOST_MAX + 16];
    (void)snprintf(url, sizeof url, "https://%s", host);
    (void)stss3_endpoint_parse(url, out);
}

static regstore_status read_flag(struct stss3_reading *r, const char *key, const char *variable,
                                 bool *out)
{
    const char *value = stss3_reading_value(r, key);
    *out = is_on(variable);
    if (value == NULL)
        return REGSTORE_OK;
    TRY(plug_setting_bool(r->call, key, value, out));
    /* The environment may speak to others; a key speaks to us. */
    return *out && !r->config->is_aws_s3
               ? stss3_reading_wrong(r, key,
                                     "is for AWS's own endpoints: name the one that is "
                                     "meant in endpoint_url, or leave endpoint_url out")
               : REGSTORE_OK;
}

static regstore_status set_aws_endpoint(struct stss3_reading *r, enum stss3_service service,
                                        struct stss3_endpoint *out)
{
    const struct stss3_config *c = r->config;
    char host[STSS3_HOST_MAX];
    if (stss3_aws_host_of(service, c->region, c->use_fips, c->use_dualstack, host)) {
        set_endpoint(host, out);
        return REGSTORE_OK;
    }
    const bool is_dualstack_missing =
        c->use_dualstack && !stss3_aws_host_of(service, c->region, false, true, host);
    return stss3_reading_wrong(
        r, is_dualstack_missing ? "use_dualstack_endpoint" : "use_fips_endpoint",
        "(or the environment's) asks for what AWS does not have in the "
        "partition of s3_region");
}

/* *is_told: something says where; else it is AWS's. */
static regstore_status read_sts(struct stss3_reading *r, bool *is_told)
{
    struct stss3_config *c = r->config;
    const char *url = stss3_reading_value(r, "sts_endpoint_url"), *from = "sts_endpoint_url";
    bool is_at_s3;
    TRY(plug_setting_bool(r->call, "sts_use_s3_endpoint",
                          stss3_reading_value(r, "sts_use_s3_endpoint"), &is_at_s3));
    *is_told = true;
    if (is_at_s3 && (url != NULL || c->is_aws_s3))
        return stss3_reading_wrong(r, "sts_use_s3_endpoint",
                                   url != NULL ? "and sts_endpoint_url cannot both be obeyed"
                                               : "needs endpoint_url, where AWS's STS is not");
    if (is_at_s3) {
        c->sts = c->s3;
        return REGSTORE_OK;
    }
    if (url == NULL)
        url = endpoint_of_environment("AWS_ENDPOINT_URL_STS", &from);
    if (url != NULL)
        return parse(r, from, url, &c->sts);
    *is_told = false;
    return set_aws_endpoint(r, STSS3_SERVICE_STS, &c->sts);
}

regstore_status stss3_read_other_endpoints(struct stss3_reading *r)
{
    struct stss3_config *c = r->config;
    const char *presign = stss3_reading_value(r, "presign_endpoint_url");
    const bool has_region = stss3_reading_value(r, "s3_region") != NULL;
    bool is_sts_told;
    TRY(read_flag(r, "use_fips_endpoint", "AWS_USE_FIPS_ENDPOINT", &c->use_fips));
    TRY(read_flag(r, "use_dualstack_endpoint", "AWS_USE_DUALSTACK_ENDPOINT", &c->use_dualstack));
    if (c->is_aws_s3)
        TRY(set_aws_endpoint(r, STSS3_SERVICE_S3, &c->s3));
    TRY(read_sts(r, &is_sts_told));
    c->has_presign = presign != NULL;
    if (presign != NULL)
        TRY(parse(r, "presign_endpoint_url", presign, &c->presign));
    c->is_sts_implied = !is_sts_told && !stss3_provider_is_aws(stss3_provider_of_host(c->s3.host));
    c->is_region_assumed = c->is_aws_s3 && !has_region;
    c->is_endpoint_over_region = !c->is_aws_s3 && has_region;
    return REGSTORE_OK;
}

/* An endpoint_url that is AWS's own for a region moves with the bucket, too. */
void stss3_config_endpoint(const struct stss3_config *config, const char *region,
                           struct stss3_endpoint *out)
{
    char host[STSS3_HOST_MAX], old[STSS3_REGION_MAX];
    *out = config->s3;
    if (config->is_aws_s3 && stss3_aws_host_of(STSS3_SERVICE_S3, region, config->use_fips,
                                               config->use_dualstack, host)) {
        set_endpoint(host, out);
    } else if (config->s3.tls && config->s3.port == 443 &&
               stss3_region_of_s3_host(config->s3.host, old)) {
        const char *at = strstr(config->s3.host, old);
        (void)snprintf(host, sizeof host, "%.*s%s%s", (int)(at - config->s3.host), config->s3.host,
                       region, at + strlen(old));
        set_endpoint(host, out);
    }
}
