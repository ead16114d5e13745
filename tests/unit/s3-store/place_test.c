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
    {"https://minio:9000", "https://minio:9000/quay-bucket/a", STSS3_REDIRECT_FOLLOW, "minio:9000",
     "", false},
    {"https://minio:9000", "https://quay-bucket.minio:9000/a", STSS3_REDIRECT_FOLLOW,
     "quay-bucket.minio:9000", "", true},
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

Suite *place_suite(void)
{
    Suite *suite = suite_create("place");
    TCase *tcase = tcase_create("all");
    tcase_add_loop_test(tcase, provider_is_named_or_found_by_the_endpoint, 0, COUNT(providers));
    tcase_add_test(tcase, every_provider_can_be_named);
    tcase_add_loop_test(tcase, redirect_is_followed_only_where_credentials_may_go, 0,
                        COUNT(redirects));
    suite_add_tcase(suite, tcase);
    return suite;
}
