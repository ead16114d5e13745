/* SPDX-License-Identifier: Apache-2.0 */
/* Where we store: what the settings and the environment make of provider, region and endpoints. */
#include "suites.h"

#include "config.h"
#include "redirect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct plug_call call;

/* A config of the keys that every store has and of those given; NULL values are left out. */
static struct stss3_config *try(const struct regstore_pair *more, size_t n)
{
    struct regstore_pair pairs[24] = {
        {"s3_bucket", "quay-bucket"},
        {"storage_path", "/datastorage"},
        {"sts_user_access_key", "AKIAIOSFODNN7EXAMPLE"},
        {"sts_user_secret_key", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"},
    };
    size_t count = 4;
    struct stss3_config *config = NULL;
    for (size_t i = 0; i < n; i++)
        if (more[i].value != NULL)
            pairs[count++] = more[i];
    call = (struct plug_call){.deadline_ns = PLUG_NEVER};
    (void)stss3_config_new(&call, pairs, count, &config);
    return config;
}

static struct stss3_config *take(const struct regstore_pair *more, size_t n)
{
    struct stss3_config *config = try(more, n);
    ck_assert_msg(config != NULL, "%s", call.error.message);
    return config;
}

static const struct {
    const char *provider, *endpoint, *region, *aws_region;
    const char *found, *found_region;
    bool is_named, is_virtual, is_sse;
} providers[] = {
    {NULL, NULL, NULL, NULL, "aws", "us-east-1", false, true, true},
    {"aws", NULL, NULL, NULL, "aws", "us-east-1", true, true, true},
    {NULL, "https://minio:9000", NULL, NULL, "minio", "us-east-1", false, false, false},
    {NULL, "https://abc.r2.cloudflarestorage.com", NULL, NULL, "r2", "auto", false, false, false},
    {NULL, "https://abc.r2.cloudflarestorage.com", NULL, "eu-west-1", "r2", "auto", false, false,
     false},
    {NULL, "https://abc.r2.cloudflarestorage.com", "weur", NULL, "r2", "weur", false, false, false},
    {NULL, "https://storage.googleapis.com", NULL, NULL, "gcs", "auto", false, false, false},
    {NULL, "https://s3.fr-par.scw.cloud", "fr-par", NULL, "scaleway", "fr-par", false, false,
     false},
    {NULL, "https://s3.example.com", NULL, "eu-west-1", "other", "eu-west-1", false, false, false},
    {"ceph", "https://s3.example.com", NULL, NULL, "ceph", "us-east-1", true, false, false},
    /* A stand-in for AWS is asked as AWS is, but has no host for each bucket. */
    {"aws", "http://localhost:4566", NULL, NULL, "aws", "us-east-1", true, false, true},
    {"other", "https://s3.eu-west-1.amazonaws.com", "eu-west-1", NULL, "other", "eu-west-1", true,
     false, false},
};

START_TEST(provider_is_named_or_found_by_the_endpoint)
{
    if (providers[_i].aws_region != NULL)
        (void)setenv("AWS_REGION", providers[_i].aws_region, 1);
    const struct regstore_pair more[] = {{"provider", providers[_i].provider},
                                         {"endpoint_url", providers[_i].endpoint},
                                         {"s3_region", providers[_i].region}};
    struct stss3_config *c = take(more, COUNT(more));
    ck_assert_str_eq(c->provider->name, providers[_i].found);
    ck_assert_int_eq(c->is_provider_named, providers[_i].is_named);
    ck_assert_str_eq(c->region, providers[_i].found_region);
    ck_assert_int_eq(c->is_virtual_host, providers[_i].is_virtual);
    ck_assert_int_eq(c->encryption != NULL, providers[_i].is_sse);
    stss3_config_free(c);
}
END_TEST

START_TEST(every_provider_can_be_named)
{
    for (unsigned i = 0; stss3_provider_at(i) != NULL; i++) {
        const struct regstore_pair more[] = {{"provider", stss3_provider_at(i)->name},
                                             {"endpoint_url", "https://s3.example.com"}};
        struct stss3_config *c = take(more, COUNT(more));
        ck_assert_ptr_eq(c->provider, stss3_provider_at(i));
        stss3_config_free(c);
        /* Only AWS is to be found without being told where. */
        c = try(more, 1);
        ck_assert_int_eq(c != NULL, i == 0);
        if (c == NULL)
            ck_assert_ptr_nonnull(strstr(call.error.message, "'provider' needs endpoint_url"));
        stss3_config_free(c);
    }
    ck_assert_ptr_null(try((struct regstore_pair[]){{"provider", "amazon"}}, 1));
    ck_assert_ptr_nonnull(strstr(call.error.message, "provider"));
    ck_assert_ptr_nonnull(strstr(call.error.message, "scaleway"));
}
END_TEST

#define KEYS_MAX 4

/* Settings and variables, and where S3 and STS are asked; s3 NULL: CONFIG, with these words. */
static const struct {
    struct regstore_pair set[KEYS_MAX], environment[KEYS_MAX];
    const char *s3, *sts, *words;
    const char *region;
} endpoints[] = {
    {{{"host", "s3.example.com"}},
     {{NULL, NULL}},
     "https://s3.example.com",
     "https://sts.us-east-1.amazonaws.com",
     NULL,
     "us-east-1"},
    {{{"host", "s3.example.com"}, {"port", "9000"}, {"is_secure", "false"}},
     {{NULL, NULL}},
     "http://s3.example.com:9000",
     "https://sts.us-east-1.amazonaws.com",
     NULL,
     "us-east-1"},
    {{{"host", "s3.example.com:9000"}},
     {{NULL, NULL}},
     "https://s3.example.com:9000",
     "https://sts.us-east-1.amazonaws.com",
     NULL,
     "us-east-1"},
    {{{"host", "[::1]"}, {"port", "9000"}},
     {{NULL, NULL}},
     "https://[::1]:9000",
     "https://sts.us-east-1.amazonaws.com",
     NULL,
     "us-east-1"},
    {{{"host", "s3.eu-west-1.amazonaws.com"}},
     {{NULL, NULL}},
     "https://s3.eu-west-1.amazonaws.com",
     "https://sts.eu-west-1.amazonaws.com",
     NULL,
     "eu-west-1"},
    {{{"host", "s3.example.com:9000"}, {"port", "9000"}},
     {{NULL, NULL}},
     NULL,
     NULL,
     "'host' has a port of its own",
     NULL},
    {{{"host", "https://s3.example.com"}}, {{NULL, NULL}}, NULL, NULL, "'host' is no host", NULL},
    {{{"host", "a b"}}, {{NULL, NULL}}, NULL, NULL, "'host' has a host that is no DNS name", NULL},
    {{{"port", "9000"}}, {{NULL, NULL}}, NULL, NULL, "'port' needs host", NULL},
    {{{"host", "h"}, {"port", "65536"}}, {{NULL, NULL}}, NULL, NULL, "'port'", NULL},
    {{{"host", "h"}, {"is_secure", "perhaps"}}, {{NULL, NULL}}, NULL, NULL, "'is_secure'", NULL},
    {{{"endpoint_url", "https://minio:9000"}, {"host", "s3.example.com"}},
     {{NULL, NULL}},
     "https://minio:9000",
     "https://sts.us-east-1.amazonaws.com",
     NULL,
     "us-east-1"},
    {{{"endpoint_url", "https://minio:9000"}, {"sts_use_s3_endpoint", "true"}},
     {{NULL, NULL}},
     "https://minio:9000",
     "https://minio:9000",
     NULL,
     "us-east-1"},
    {{{"sts_use_s3_endpoint", "true"}},
     {{NULL, NULL}},
     NULL,
     NULL,
     "'sts_use_s3_endpoint' needs endpoint_url",
     NULL},
    {{{"endpoint_url", "https://minio:9000"},
      {"sts_use_s3_endpoint", "true"},
      {"sts_endpoint_url", "https://sts"}},
     {{NULL, NULL}},
     NULL,
     NULL,
     "cannot both be obeyed",
     NULL},
    /* FIPS and dual stack */
    {{{"use_fips_endpoint", "true"}, {"s3_region", "us-east-2"}},
     {{NULL, NULL}},
     "https://s3-fips.us-east-2.amazonaws.com",
     "https://sts-fips.us-east-2.amazonaws.com",
     NULL,
     "us-east-2"},
    {{{"s3_region", "us-east-2"}},
     {{"AWS_USE_FIPS_ENDPOINT", "true"}, {"AWS_USE_DUALSTACK_ENDPOINT", "TRUE"}},
     "https://s3-fips.dualstack.us-east-2.amazonaws.com",
     "https://sts-fips.us-east-2.api.aws",
     NULL,
     "us-east-2"},
    {{{"use_fips_endpoint", "false"}, {"s3_region", "us-east-2"}},
     {{"AWS_USE_FIPS_ENDPOINT", "true"}},
     "https://s3.us-east-2.amazonaws.com",
     "https://sts.us-east-2.amazonaws.com",
     NULL,
     "us-east-2"},
    {{{"s3_region", "us-east-2"}},
     {{"AWS_USE_FIPS_ENDPOINT", "false"}},
     "https://s3.us-east-2.amazonaws.com",
     "https://sts.us-east-2.amazonaws.com",
     NULL,
     "us-east-2"},
    {{{"use_fips_endpoint", "true"}, {"s3_region", "cn-north-1"}},
     {{NULL, NULL}},
     NULL,
     NULL,
     "'use_fips_endpoint'",
     NULL},
    {{{"use_dualstack_endpoint", "true"}, {"s3_region", "us-iso-east-1"}},
     {{NULL, NULL}},
     NULL,
     NULL,
     "'use_dualstack_endpoint'",
     NULL},
    {{{"use_fips_endpoint", "true"}, {"endpoint_url", "https://minio:9000"}},
     {{NULL, NULL}},
     NULL,
     NULL,
     "'use_fips_endpoint' is for AWS's own endpoints",
     NULL},
    {{{"endpoint_url", "https://minio:9000"}},
     {{"AWS_USE_FIPS_ENDPOINT", "true"}},
     "https://minio:9000",
     "https://sts-fips.us-east-1.amazonaws.com",
     NULL,
     "us-east-1"},
    /* The SDKs' variables */
    {{{NULL, NULL}},
     {{"AWS_ENDPOINT_URL_S3", "https://minio:9000"}},
     "https://minio:9000",
     "https://sts.us-east-1.amazonaws.com",
     NULL,
     "us-east-1"},
    {{{NULL, NULL}},
     {{"AWS_ENDPOINT_URL", "http://localhost:4566"}},
     "http://localhost:4566",
     "http://localhost:4566",
     NULL,
     "us-east-1"},
    {{{NULL, NULL}},
     {{"AWS_ENDPOINT_URL", "http://localhost:4566"},
      {"AWS_ENDPOINT_URL_STS", "https://sts.example"}},
     "http://localhost:4566",
     "https://sts.example",
     NULL,
     "us-east-1"},
    {{{"endpoint_url", "https://minio:9000"}, {"sts_endpoint_url", "https://sts.example"}},
     {{"AWS_ENDPOINT_URL", "http://localhost:4566"}},
     "https://minio:9000",
     "https://sts.example",
     NULL,
     "us-east-1"},
    {{{NULL, NULL}},
     {{"AWS_ENDPOINT_URL", "http://localhost:4566"},
      {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true"}},
     "https://s3.us-east-1.amazonaws.com",
     "https://sts.us-east-1.amazonaws.com",
     NULL,
     "us-east-1"},
    {{{NULL, NULL}},
     {{"AWS_ENDPOINT_URL_S3", "minio:9000"}},
     NULL,
     NULL,
     "'AWS_ENDPOINT_URL_S3' must",
     NULL},
    {{{NULL, NULL}},
     {{"AWS_ENDPOINT_URL_STS", "https://u:hunter2@sts"}},
     NULL,
     NULL,
     "'AWS_ENDPOINT_URL_STS' must",
     NULL},
    /* A host that names its region need not be told it. */
    {{{"endpoint_url", "https://s3.eu-west-1.amazonaws.com"}},
     {{"AWS_REGION", "us-west-2"}},
     "https://s3.eu-west-1.amazonaws.com",
     "https://sts.eu-west-1.amazonaws.com",
     NULL,
     "eu-west-1"},
    {{{"presign_endpoint_url", "cdn.example.com"}},
     {{NULL, NULL}},
     NULL,
     NULL,
     "'presign_endpoint_url' must",
     NULL},
    {{{"presign_endpoint_url", "https://10.0.0.1"}, {"addressing_style", "virtual"}},
     {{NULL, NULL}},
     NULL,
     NULL,
     "'presign_endpoint_url' names an IP address",
     NULL},
};

static void check_endpoint(const struct stss3_endpoint *e, const char *due)
{
    char url[300];
    (void)snprintf(url, sizeof url, "%s://%s", e->tls ? "https" : "http", e->authority);
    ck_assert_str_eq(url, due);
}

START_TEST(endpoints_come_from_settings_and_environment)
{
    size_t n = 0;
    while (n < KEYS_MAX && endpoints[_i].set[n].key != NULL)
        n++;
    for (size_t i = 0; i < KEYS_MAX && endpoints[_i].environment[i].key != NULL; i++)
        (void)setenv(endpoints[_i].environment[i].key, endpoints[_i].environment[i].value, 1);
    struct stss3_config *c = try(endpoints[_i].set, n);
    ck_assert_msg((c != NULL) == (endpoints[_i].s3 != NULL), "%s", call.error.message);
    if (c == NULL) {
        ck_assert_int_eq(call.error.status, REGSTORE_CONFIG);
        ck_assert_msg(strstr(call.error.message, endpoints[_i].words) != NULL, "%s",
                      call.error.message);
        ck_assert_ptr_null(strstr(call.error.message, "hunter2"));
        return;
    }
    check_endpoint(&c->s3, endpoints[_i].s3);
    check_endpoint(&c->sts, endpoints[_i].sts);
    ck_assert_str_eq(c->region, endpoints[_i].region);
    stss3_config_free(c);
}
END_TEST

START_TEST(host_beside_another_endpoint_url_is_told)
{
    const struct regstore_pair more[] = {{"endpoint_url", "https://minio:9000"},
                                         {"host", "minio"},
                                         {"port", _i == 0 ? "9000" : "9001"}};
    struct stss3_config *c = take(more, COUNT(more));
    ck_assert_int_eq(c->is_host_ignored, _i == 1);
    stss3_config_free(c);
}
END_TEST

/* What S3 teaches of the region keeps the form of the host that was chosen. */
static const struct {
    struct regstore_pair set;
    const char *host;
} taught[] = {
    {{"use_fips_endpoint", "true"}, "s3-fips.eu-west-1.amazonaws.com"},
    {{"use_dualstack_endpoint", "true"}, "s3.dualstack.eu-west-1.amazonaws.com"},
    {{"endpoint_url", "https://s3.dualstack.us-east-1.amazonaws.com"},
     "s3.dualstack.eu-west-1.amazonaws.com"},
    {{"endpoint_url", "https://vpce-1.s3.us-east-1.vpce.amazonaws.com"},
     "vpce-1.s3.us-east-1.vpce.amazonaws.com"},
};

START_TEST(taught_region_keeps_the_form_of_the_host)
{
    struct stss3_config *c = take(&taught[_i].set, 1);
    struct stss3_endpoint endpoint;
    stss3_config_endpoint(c, "eu-west-1", &endpoint);
    ck_assert_str_eq(endpoint.authority, taught[_i].host);
    stss3_config_free(c);
}
END_TEST

static const struct {
    const char *endpoint, *location;
    enum stss3_redirect due;
    const char *host, *region;
    bool is_virtual_host;
} redirects[] = {
    {NULL, "https://quay-bucket.s3-us-west-2.amazonaws.com/datastorage/a?x=y",
     STSS3_REDIRECT_FOLLOW, "quay-bucket.s3-us-west-2.amazonaws.com", "us-west-2", true},
    {NULL, "https://s3.eu-west-1.amazonaws.com/quay-bucket/datastorage/a", STSS3_REDIRECT_FOLLOW,
     "s3.eu-west-1.amazonaws.com", "eu-west-1", false},
    {NULL, "HTTPS://Quay-Bucket.S3.EU-West-1.amazonaws.com:443", STSS3_REDIRECT_FOLLOW,
     "quay-bucket.s3.eu-west-1.amazonaws.com", "eu-west-1", true},
    {NULL, "https://s3.us-east-1.amazonaws.com/", STSS3_REDIRECT_FOLLOW,
     "s3.us-east-1.amazonaws.com", "", false},
    {NULL, NULL, STSS3_REDIRECT_NONE, NULL, NULL, false},
    {NULL, "", STSS3_REDIRECT_NONE, NULL, NULL, false},
    {NULL, "/elsewhere", STSS3_REDIRECT_NONE, NULL, NULL, false},
    /* Not in the clear, not on another port, not with somebody else's bucket in the name. */
    {NULL, "http://quay-bucket.s3.eu-west-1.amazonaws.com/", STSS3_REDIRECT_FOREIGN, NULL, NULL,
     false},
    {NULL, "https://quay-bucket.s3.eu-west-1.amazonaws.com:8443/", STSS3_REDIRECT_FOREIGN, NULL,
     NULL, false},
    {NULL, "https://other.s3.eu-west-1.amazonaws.com/", STSS3_REDIRECT_FOREIGN, NULL, NULL, false},
    {NULL, "https://s3.cn-north-1.amazonaws.com.cn/", STSS3_REDIRECT_FOREIGN, NULL, NULL, false},
    {NULL, "https://sts.us-east-1.amazonaws.com/", STSS3_REDIRECT_FOREIGN, NULL, NULL, false},
    {NULL, "https://ec2-1-2-3-4.compute.amazonaws.com/", STSS3_REDIRECT_FOREIGN, NULL, NULL, false},
    {NULL, "https://s3.us-east-1.amazonaws.com@evil.example/", STSS3_REDIRECT_FOREIGN, NULL, NULL,
     false},
    {NULL, "https://evil.example/s3.us-east-1.amazonaws.com", STSS3_REDIRECT_FOREIGN, NULL, NULL,
     false},
    {NULL, "https://evil.example#://s3.us-east-1.amazonaws.com/", STSS3_REDIRECT_FOREIGN, NULL,
     NULL, false},
    {NULL, "//evil.example/", STSS3_REDIRECT_FOREIGN, NULL, NULL, false},
    {NULL, "ftp://s3.us-east-1.amazonaws.com/", STSS3_REDIRECT_FOREIGN, NULL, NULL, false},
    /* Another server than AWS sends nowhere but to itself. */
    {"https://s3.us-east-1.amazonaws.com", "https://s3.eu-west-1.amazonaws.com/quay-bucket/a",
     STSS3_REDIRECT_FOLLOW, "s3.eu-west-1.amazonaws.com", "eu-west-1", false},
    /* Whoever keeps to FIPS keeps to it on the way, too. */
    {"https://s3-fips.us-east-1.amazonaws.com", "https://quay-bucket.s3.us-west-2.amazonaws.com/a",
     STSS3_REDIRECT_FOLLOW, "quay-bucket.s3-fips.us-west-2.amazonaws.com", "us-west-2", true},
    {"https://s3-fips.dualstack.us-east-1.amazonaws.com", "https://s3-us-west-2.amazonaws.com/a",
     STSS3_REDIRECT_FOLLOW, "s3-fips.dualstack.us-west-2.amazonaws.com", "us-west-2", false},
    {"https://s3-fips.us-east-1.amazonaws.com", "https://s3-fips.us-west-2.amazonaws.com/a",
     STSS3_REDIRECT_FOLLOW, "s3-fips.us-west-2.amazonaws.com", "us-west-2", false},
    {"https://minio:9000", "https://minio:9000/quay-bucket/a", STSS3_REDIRECT_FOLLOW, "minio:9000",
     "", false},
    {"https://minio:9000", "https://quay-bucket.minio:9000/a", STSS3_REDIRECT_FOLLOW,
     "quay-bucket.minio:9000", "", true},
    {"https://quay-bucket.example", "https://quay-bucket.example/quay-bucket/a",
     STSS3_REDIRECT_FOLLOW, "quay-bucket.example", "", false},
    {"https://minio:9000", "https://minio/", STSS3_REDIRECT_FOREIGN, NULL, NULL, false},
    {"https://minio:9000", "http://minio:9000/", STSS3_REDIRECT_FOREIGN, NULL, NULL, false},
    {"https://minio:9000", "https://s3.us-east-1.amazonaws.com/", STSS3_REDIRECT_FOREIGN, NULL,
     NULL, false},
    {"http://minio:9000", "http://minio:9000/", STSS3_REDIRECT_FOLLOW, "minio:9000", "", false},
};

START_TEST(redirect_is_followed_only_where_credentials_may_go)
{
    const struct regstore_pair endpoint = {"endpoint_url", redirects[_i].endpoint};
    struct stss3_config *c = take(&endpoint, 1);
    struct stss3_detour detour;
    ck_assert_int_eq(stss3_redirect_read(c, redirects[_i].location, &detour), redirects[_i].due);
    if (redirects[_i].due == STSS3_REDIRECT_FOLLOW) {
        ck_assert_str_eq(detour.host, redirects[_i].host);
        ck_assert_str_eq(detour.region, redirects[_i].region);
        ck_assert_int_eq(detour.is_virtual_host, redirects[_i].is_virtual_host);
        ck_assert(detour.tls == c->s3.tls);
    }
    stss3_config_free(c);
}
END_TEST

START_TEST(timeouts_are_as_they_were_unless_they_are_set)
{
    const struct regstore_pair more[] = {{"connect_timeout_seconds", "3"},
                                         {"read_timeout_seconds", "4"},
                                         {"request_timeout_seconds", "5"}};
    struct stss3_config *c = take(more, 0);
    ck_assert_uint_eq(c->connect_timeout_ms, 10000);
    ck_assert_uint_eq(c->stall_timeout_ms, 60000);
    ck_assert_uint_eq(c->request_timeout_ms, 0);
    stss3_config_free(c);
    c = take(more, COUNT(more));
    ck_assert_uint_eq(c->connect_timeout_ms, 3000);
    ck_assert_uint_eq(c->stall_timeout_ms, 4000);
    ck_assert_uint_eq(c->request_timeout_ms, 5000);
    stss3_config_free(c);
    for (size_t i = 0; i < COUNT(more); i++) {
        const struct regstore_pair wrong = {more[i].key, i == 2 ? "-1" : "0"};
        ck_assert_ptr_null(try(&wrong, 1));
        ck_assert_ptr_nonnull(strstr(call.error.message, more[i].key));
    }
}
END_TEST

START_TEST(ca_bundle_comes_from_the_environment_when_not_set)
{
    const struct regstore_pair set = {"ca_bundle", "/etc/own.pem"};
    (void)setenv("AWS_CA_BUNDLE", "/etc/of-all.pem", 1);
    struct stss3_config *c = take(&set, 0);
    ck_assert_str_eq(c->ca_bundle, "/etc/of-all.pem");
    stss3_config_free(c);
    c = take(&set, 1);
    ck_assert_str_eq(c->ca_bundle, "/etc/own.pem");
    stss3_config_free(c);
}
END_TEST

/* What is set and what the environment says, and the proxies for http and https. */
static const struct {
    struct regstore_pair set, environment[3];
    const char *http, *https; /* NULL: none */
} proxies[] = {
    {{NULL, NULL}, {{NULL, NULL}}, NULL, NULL},
    {{"http_proxy", "http://set:1"}, {{"https_proxy", "http://env:2"}}, "set:1", "set:1"},
    {{"http_proxy", "none"},
     {{"https_proxy", "http://env:2"}, {"http_proxy", "http://env:2"}},
     NULL,
     NULL},
    {{NULL, NULL},
     {{"https_proxy", "http://lower:1"}, {"HTTPS_PROXY", "http://upper:1"}},
     NULL,
     "lower:1"},
    {{NULL, NULL}, {{"HTTPS_PROXY", "http://upper:1"}}, NULL, "upper:1"},
    {{NULL, NULL}, {{"http_proxy", "http://lower:1"}}, "lower:1", NULL},
    {{NULL, NULL}, {{"HTTP_PROXY", "http://upper:1"}}, NULL, NULL}, /* a CGI's client may set it */
    {{NULL, NULL}, {{"HTTPS_PROXY", ""}, {"http_proxy", ""}}, NULL, NULL},
};

START_TEST(proxies_come_from_the_setting_or_the_environment)
{
    for (size_t i = 0; i < 3 && proxies[_i].environment[i].key != NULL; i++)
        (void)setenv(proxies[_i].environment[i].key, proxies[_i].environment[i].value, 1);
    (void)setenv("NO_PROXY", "upper.example", 1);
    struct stss3_config *c = take(&proxies[_i].set, proxies[_i].set.key == NULL ? 0 : 1);
    ck_assert_pstr_eq(c->proxies.http.is_set ? c->proxies.http.endpoint.authority : NULL,
                      proxies[_i].http);
    ck_assert_pstr_eq(c->proxies.https.is_set ? c->proxies.https.endpoint.authority : NULL,
                      proxies[_i].https);
    ck_assert_str_eq(c->proxies.no_proxy, "upper.example");
    stss3_config_free(c);
    /* Once made, what others write there means nothing. */
    (void)setenv("no_proxy", "lower.example", 1);
    c = take(&proxies[_i].set, 0);
    ck_assert_str_eq(c->proxies.no_proxy, "lower.example");
    stss3_config_free(c);
}
END_TEST

START_TEST(proxy_that_is_none_is_refused_without_its_password)
{
    const struct regstore_pair set = {"http_proxy", "socks5://user:hunter2@proxy:1080"};
    ck_assert_ptr_null(try(&set, 1));
    ck_assert_str_eq(call.error.message, "'http_proxy' must begin with http:// or https://");
    (void)setenv("HTTPS_PROXY", "http://user:hunter2@proxy:x", 1);
    ck_assert_ptr_null(try(&set, 0));
    ck_assert_ptr_nonnull(strstr(call.error.message, "'HTTPS_PROXY' has a port"));
    ck_assert_ptr_null(strstr(call.error.message, "hunter2"));
}
END_TEST

Suite *place_suite(void)
{
    Suite *suite = suite_create("place");
    TCase *tcase = tcase_create("all");
    tcase_add_loop_test(tcase, provider_is_named_or_found_by_the_endpoint, 0, COUNT(providers));
    tcase_add_test(tcase, every_provider_can_be_named);
    tcase_add_loop_test(tcase, redirect_is_followed_only_where_credentials_may_go, 0,
                        COUNT(redirects));
    tcase_add_loop_test(tcase, endpoints_come_from_settings_and_environment, 0, COUNT(endpoints));
    tcase_add_loop_test(tcase, host_beside_another_endpoint_url_is_told, 0, 2);
    tcase_add_loop_test(tcase, taught_region_keeps_the_form_of_the_host, 0, COUNT(taught));
    tcase_add_test(tcase, timeouts_are_as_they_were_unless_they_are_set);
    tcase_add_test(tcase, ca_bundle_comes_from_the_environment_when_not_set);
    tcase_add_loop_test(tcase, proxies_come_from_the_setting_or_the_environment, 0, COUNT(proxies));
    tcase_add_test(tcase, proxy_that_is_none_is_refused_without_its_password);
    suite_add_tcase(suite, tcase);
    return suite;
}
