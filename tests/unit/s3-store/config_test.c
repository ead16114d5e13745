/* SPDX-License-Identifier: Apache-2.0 */
/* Settings as Quay's manual names them, and what the code below is to make of them. */
#include "suites.h"

#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROLE "arn:aws:iam::123456789012:role/quay"

/* Section 12.3 of the manual, and room for more. */
struct settings {
    struct regstore_pair pairs[40];
    size_t n;
};

static const struct settings manual = {
    {
        {"sts_role_arn", ROLE},
        {"s3_bucket", "quay-bucket"},
        {"storage_path", "/datastorage/registry"},
        {"sts_user_access_key", "AKIAIOSFODNN7EXAMPLE"},
        {"sts_user_secret_key", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"},
    },
    5,
};

static struct plug_call call;

/* The manual's settings with one of them replaced or added. */
static void set(struct settings *s, const char *key, const char *value)
{
    size_t i = 0;
    while (i < s->n && strcmp(s->pairs[i].key, key) != 0)
        i++;
    ck_assert_uint_lt(i, COUNT(s->pairs));
    s->pairs[i] = (struct regstore_pair){key, value};
    if (i == s->n)
        s->n++;
}

static void drop(struct settings *s, const char *key)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->pairs[i].key, key) == 0)
            s->pairs[i] = s->pairs[--s->n];
}

static regstore_status try(const struct settings *s, struct stss3_config **out)
{
    *out = NULL;
    call = (struct plug_call){.deadline_ns = PLUG_NEVER};
    return stss3_config_new(&call, s->pairs, s->n, out);
}

static struct stss3_config *take(const struct settings *s)
{
    struct stss3_config *config;
    const regstore_status status = try(s, &config);
    ck_assert_msg(status == REGSTORE_OK, "%s", call.error.message);
    return config;
}

START_TEST(manuals_five_keys_are_enough)
{
    struct stss3_config *c = take(&manual);
    ck_assert_str_eq(c->bucket, "quay-bucket");
    ck_assert_str_eq(c->root, "datastorage/registry/");
    ck_assert_str_eq(c->role_arn, ROLE);
    ck_assert_str_eq(c->session_name, "quay");
    ck_assert_ptr_null(c->external_id);
    ck_assert_str_eq(c->region, "us-east-1");
    ck_assert_str_eq(c->partition->name, "aws");
    ck_assert_str_eq(c->s3.authority, "s3.us-east-1.amazonaws.com");
    ck_assert_str_eq(c->sts.authority, "sts.us-east-1.amazonaws.com");
    ck_assert(c->s3.tls && c->sts.tls);
    ck_assert(c->is_aws_s3 && c->is_virtual_host && c->encryption != NULL);
    ck_assert(!c->is_sts_implied && !c->is_endpoint_over_region);
    ck_assert_uint_eq(c->duration_s, 3600);
    ck_assert_uint_eq(c->part_bytes, 5 * STSS3_MIB);
    ck_assert_uint_eq(c->copy_part_bytes, 5 * STSS3_GIB);
    stss3_config_free(c);
}
END_TEST

static const struct {
    const char *role, *s3_region, *aws_region, *aws_default_region;
    const char *region, *s3, *sts;
} places[] = {
    {ROLE, NULL, NULL, NULL, "us-east-1", "s3.us-east-1.amazonaws.com",
     "sts.us-east-1.amazonaws.com"},
    {ROLE, "eu-central-1", "eu-west-1", "eu-west-2", "eu-central-1",
     "s3.eu-central-1.amazonaws.com", "sts.eu-central-1.amazonaws.com"},
    {ROLE, NULL, "eu-west-1", "eu-west-2", "eu-west-1", "s3.eu-west-1.amazonaws.com",
     "sts.eu-west-1.amazonaws.com"},
    {ROLE, NULL, NULL, "eu-west-2", "eu-west-2", "s3.eu-west-2.amazonaws.com",
     "sts.eu-west-2.amazonaws.com"},
    {ROLE, NULL, "", "eu-west-2", "eu-west-2", "s3.eu-west-2.amazonaws.com",
     "sts.eu-west-2.amazonaws.com"},
    {ROLE, "", "", "", "us-east-1", "s3.us-east-1.amazonaws.com", "sts.us-east-1.amazonaws.com"},
    {"arn:aws-cn:iam::123456789012:role/quay", NULL, NULL, NULL, "cn-north-1",
     "s3.cn-north-1.amazonaws.com.cn", "sts.cn-north-1.amazonaws.com.cn"},
    {"arn:aws-cn:iam::123456789012:role/quay", "cn-northwest-1", NULL, NULL, "cn-northwest-1",
     "s3.cn-northwest-1.amazonaws.com.cn", "sts.cn-northwest-1.amazonaws.com.cn"},
    {"arn:aws-us-gov:iam::123456789012:role/quay", NULL, NULL, NULL, "us-gov-west-1",
     "s3.us-gov-west-1.amazonaws.com", "sts.us-gov-west-1.amazonaws.com"},
    {NULL, "cn-north-1", NULL, NULL, "cn-north-1", "s3.cn-north-1.amazonaws.com.cn",
     "sts.cn-north-1.amazonaws.com.cn"},
    {NULL, NULL, NULL, NULL, "us-east-1", "s3.us-east-1.amazonaws.com",
     "sts.us-east-1.amazonaws.com"},
};

START_TEST(region_comes_from_setting_environment_or_partition)
{
    struct settings s = manual;
    drop(&s, "sts_role_arn");
    if (places[_i].role != NULL)
        set(&s, "sts_role_arn", places[_i].role);
    if (places[_i].s3_region != NULL)
        set(&s, "s3_region", places[_i].s3_region);
    if (places[_i].aws_region != NULL)
        (void)setenv("AWS_REGION", places[_i].aws_region, 1);
    if (places[_i].aws_default_region != NULL)
        (void)setenv("AWS_DEFAULT_REGION", places[_i].aws_default_region, 1);
    struct stss3_config *c = take(&s);
    ck_assert_str_eq(c->region, places[_i].region);
    ck_assert_str_eq(c->s3.host, places[_i].s3);
    ck_assert_str_eq(c->sts.host, places[_i].sts);
    ck_assert(c->is_virtual_host && c->encryption != NULL);
    stss3_config_free(c);
}
END_TEST

START_TEST(role_and_session_name_come_from_the_environment_when_not_set)
{
    struct settings s = manual;
    drop(&s, "sts_role_arn");
    struct stss3_config *c = take(&s);
    ck_assert_ptr_null(c->role_arn);
    stss3_config_free(c);
    (void)setenv("AWS_ROLE_ARN", "arn:aws:iam::1:role/env", 1);
    (void)setenv("AWS_ROLE_SESSION_NAME", "from-env", 1);
    c = take(&s);
    ck_assert_str_eq(c->role_arn, "arn:aws:iam::1:role/env");
    ck_assert_str_eq(c->session_name, "from-env");
    stss3_config_free(c);
    set(&s, "sts_role_session_name", "from-settings");
    set(&s, "sts_role_arn", ROLE);
    c = take(&s);
    ck_assert_str_eq(c->role_arn, ROLE);
    ck_assert_str_eq(c->session_name, "from-settings");
    stss3_config_free(c);
}
END_TEST

static const struct {
    const char *path, *root; /* root NULL: CONFIG */
} roots[] = {
    {"/datastorage", "datastorage/"},
    {"datastorage", "datastorage/"},
    {"datastorage/", "datastorage/"},
    {"/datastorage/registry", "datastorage/registry/"},
    {"/", ""},
    {"", ""},
    {"//x", NULL},
};

START_TEST(storage_path_is_joined_as_quay_does)
{
    struct settings s = manual;
    struct stss3_config *c;
    set(&s, "storage_path", roots[_i].path);
    const regstore_status status = try(&s, &c);
    if (roots[_i].root == NULL) {
        ck_assert_int_eq(status, REGSTORE_CONFIG);
        ck_assert_ptr_nonnull(strstr(call.error.message, "storage_path"));
        return;
    }
    ck_assert_int_eq(status, REGSTORE_OK);
    ck_assert_str_eq(c->root, roots[_i].root);
    stss3_config_free(c);
}
END_TEST

static const struct {
    const char *endpoint, *sts, *region, *bucket, *style;
    const char *s3_at, *sts_at;
    bool is_implied, is_over_region, is_virtual, is_sse;
} endpoints[] = {
    {"https://minio:9000", "https://sts.example", NULL, "b-1", NULL, "minio:9000", "sts.example",
     false, false, false, false},
    {"https://minio:9000", NULL, NULL, "b-1", NULL, "minio:9000", "sts.us-east-1.amazonaws.com",
     true, false, false, false},
    {"http://10.0.0.1:8000/", "http://10.0.0.1:8000", "eu-west-1", "b-1", NULL, "10.0.0.1:8000",
     "10.0.0.1:8000", false, true, false, false},
    {"https://s3.dualstack.eu-west-1.amazonaws.com", NULL, "eu-west-1", "b-1", NULL,
     "s3.dualstack.eu-west-1.amazonaws.com", "sts.eu-west-1.amazonaws.com", false, true, true,
     true},
    {NULL, "https://vpce-1.sts.eu-west-1.vpce.amazonaws.com", "eu-west-1", "b-1", NULL,
     "s3.eu-west-1.amazonaws.com", "vpce-1.sts.eu-west-1.vpce.amazonaws.com", false, false, true,
     true},
    {NULL, NULL, NULL, "with.dot", NULL, "s3.us-east-1.amazonaws.com",
     "sts.us-east-1.amazonaws.com", false, false, false, true},
    {NULL, NULL, NULL, "Capital_s", NULL, "s3.us-east-1.amazonaws.com",
     "sts.us-east-1.amazonaws.com", false, false, false, true},
    {NULL, NULL, NULL, "b-1", "path", "s3.us-east-1.amazonaws.com", "sts.us-east-1.amazonaws.com",
     false, false, false, true},
    {"https://minio:9000", "https://minio:9000", NULL, "b-1", "virtual", "minio:9000", "minio:9000",
     false, false, true, false},
    {"https://notamazonaws.com", NULL, NULL, "b-1", NULL, "notamazonaws.com",
     "sts.us-east-1.amazonaws.com", true, false, false, false},
};

static void set_if(struct settings *s, const char *key, const char *value)
{
    if (value != NULL)
        set(s, key, value);
}

START_TEST(endpoints_are_obeyed_and_what_is_implied_is_known)
{
    struct settings s = manual;
    set_if(&s, "endpoint_url", endpoints[_i].endpoint);
    set_if(&s, "sts_endpoint_url", endpoints[_i].sts);
    set_if(&s, "s3_region", endpoints[_i].region);
    set_if(&s, "s3_bucket", endpoints[_i].bucket);
    set_if(&s, "addressing_style", endpoints[_i].style);
    struct stss3_config *c = take(&s);
    ck_assert_str_eq(c->s3.authority, endpoints[_i].s3_at);
    ck_assert_str_eq(c->sts.authority, endpoints[_i].sts_at);
    ck_assert_int_eq(c->is_sts_implied, endpoints[_i].is_implied);
    ck_assert_int_eq(c->is_endpoint_over_region, endpoints[_i].is_over_region);
    ck_assert_int_eq(c->is_virtual_host, endpoints[_i].is_virtual);
    ck_assert_int_eq(c->encryption != NULL, endpoints[_i].is_sse);
    ck_assert_int_eq(c->is_aws_s3, endpoints[_i].endpoint == NULL);
    stss3_config_free(c);
}
END_TEST

START_TEST(own_endpoint_of_every_partition_counts_as_aws)
{
    static const char *const regions[] = {"us-east-1",     "cn-north-1",     "us-gov-west-1",
                                          "us-iso-east-1", "us-isob-east-1", "eusc-de-east-1"};
    struct settings s = manual;
    drop(&s, "sts_role_arn");
    set(&s, "s3_region", regions[_i]);
    struct stss3_config *c = take(&s);
    ck_assert(c->is_aws_s3);
    ck_assert(c->is_virtual_host);
    ck_assert_str_eq(c->encryption, "AES256");
    stss3_config_free(c);
}
END_TEST

START_TEST(taught_region_moves_aws_endpoint_and_no_other)
{
    struct settings s = manual;
    struct stss3_endpoint endpoint;
    struct stss3_config *c = take(&s);
    stss3_config_endpoint(c, "eu-west-1", &endpoint);
    ck_assert_str_eq(endpoint.authority, "s3.eu-west-1.amazonaws.com");
    stss3_config_free(c);
    set(&s, "endpoint_url", "https://minio:9000");
    c = take(&s);
    stss3_config_endpoint(c, "eu-west-1", &endpoint);
    ck_assert_str_eq(endpoint.authority, "minio:9000");
    stss3_config_free(c);
}
END_TEST

static const struct regstore_pair wrong[] = {
    {"s3_bucket", ""},
    {"s3_bucket", "a/b"},
    {"s3_bucket", "a b"},
    {"s3_bucket", "../b"},
    {"sts_role_arn", "quay"},
    {"sts_role_arn", "arn:aws:iam::123456789012:user/quay"},
    {"sts_user_access_key", ""},
    {"sts_user_access_key", "AKIA KEY"},
    {"sts_user_access_key", "AKIA/KEY"},
    {"sts_user_access_key", "AKIA\n"},
    {"sts_user_secret_key", ""},
    {"sts_user_secret_key", "hunter2 hunter2"},
    {"sts_user_secret_key", "hunter2\n"},
    {"s3_region", "us east"},
    {"s3_region", "us-east-1.evil.example/"},
    {"endpoint_url", "minio:9000"},
    {"endpoint_url", "ftp://minio"},
    {"endpoint_url", "https://user:hunter2@minio"},
    {"endpoint_url", "https://minio/bucket"},
    {"sts_endpoint_url", "sts.amazonaws.com"},
    {"sts_endpoint_url", "https://"},
    {"sts_role_session_name", "x"},
    {"sts_role_session_name", "with space"},
    {"sts_role_session_name", "01234567890123456789012345678901234567890123456789012345678901234"},
    {"sts_source_role_arn", "first"},
    {"sts_duration_seconds", "899"},
    {"sts_duration_seconds", "43201"},
    {"sts_duration_seconds", "1h"},
    {"maximum_chunk_size_gb", "0"},
    {"maximum_chunk_size_gb", "five"},
    {"minimum_chunk_size_mb", "4"},
    {"minimum_chunk_size_mb", "5121"},
    {"minimum_chunk_size_mb", "18446744073709551616"},
    {"signature_version", "s3"},
    {"signature_version", "v4"},
    {"server_side_encryption", "aes256"},
    {"server_side_encryption", "kms"},
    {"sse_kms_key_id", "a key"},
    {"sse_bucket_key", "true"}, /* needs aws:kms */
    {"sse_bucket_key", "maybe"},
    {"storage_class", "GLACIER"},
    {"storage_class", "standard"},
    {"checksum_algorithm", "crc32"},
    {"addressing_style", "dns"},
    {"memory_limit_mb", "15"},
    {"memory_limit_mb", "65537"},
    {"io_threads", "0"},
    {"io_threads", "17"},
    {"storage_path", "//x"},
};

START_TEST(wrong_value_names_its_key_and_no_secret)
{
    struct settings s = manual;
    struct stss3_config *c;
    set(&s, wrong[_i].key, wrong[_i].value);
    ck_assert_int_eq(try(&s, &c), REGSTORE_CONFIG);
    ck_assert_ptr_null(c);
    ck_assert_msg(strstr(call.error.message, wrong[_i].key) != NULL, "%s", call.error.message);
    ck_assert_ptr_null(strstr(call.error.message, "hunter2"));
    ck_assert_ptr_null(strstr(call.error.message, "wJalrXUtnFEMI"));
}
END_TEST

START_TEST(virtual_addressing_of_an_address_or_a_strange_bucket_is_refused)
{
    struct settings s = manual;
    struct stss3_config *c;
    set(&s, "addressing_style", "virtual");
    set(&s, "endpoint_url", "http://127.0.0.1:9000");
    ck_assert_int_eq(try(&s, &c), REGSTORE_CONFIG);
    ck_assert_ptr_nonnull(strstr(call.error.message, "addressing_style"));
    s = manual;
    set(&s, "addressing_style", "virtual");
    set(&s, "s3_bucket", "Not_a_host");
    ck_assert_int_eq(try(&s, &c), REGSTORE_CONFIG);
    ck_assert_ptr_nonnull(strstr(call.error.message, "addressing_style"));
}
END_TEST

START_TEST(each_of_the_manuals_keys_but_the_role_is_required)
{
    struct settings s = manual;
    struct stss3_config *c;
    const char *key = manual.pairs[_i].key;
    drop(&s, key);
    if (strcmp(key, "sts_role_arn") == 0) {
        stss3_config_free(take(&s));
        return;
    }
    ck_assert_int_eq(try(&s, &c), REGSTORE_CONFIG);
    ck_assert_ptr_nonnull(strstr(call.error.message, key));
}
END_TEST

START_TEST(unknown_key_is_told_the_nearest)
{
    struct settings s = manual;
    struct stss3_config *c;
    drop(&s, "s3_bucket");
    set(&s, "s3_buket", "b");
    ck_assert_int_eq(try(&s, &c), REGSTORE_CONFIG);
    ck_assert_str_eq(call.error.message, "unknown key 's3_buket': did you mean 's3_bucket'?");
}
END_TEST

static const struct regstore_pair right[] = {
    {"storage_path", "/p"},
    {"s3_bucket", "bucket"},
    {"sts_role_arn", ROLE},
    {"sts_user_access_key", "AKIA"},
    {"sts_user_secret_key", "a+b/c="},
    {"sts_source_role_arn", "arn:aws:iam::123456789012:role/first"},
    {"sts_web_identity_token_file", "/run/secrets/token"},
    {"sts_profile", "registry"},
    {"sts_user_access_key_file", "/run/secrets/access"},
    {"sts_user_secret_key_file", "/run/secrets/secret"},
    {"s3_region", "eu-west-1"},
    {"endpoint_url", "https://s3.eu-west-1.amazonaws.com"},
    {"host", "s3.eu-west-1.amazonaws.com"},
    {"port", "443"},
    {"is_secure", "true"},
    {"use_fips_endpoint", "false"},
    {"use_dualstack_endpoint", "no"},
    {"presign_endpoint_url", "https://cdn.example.com"},
    {"sts_use_s3_endpoint", "false"},
    {"provider", "aws"},
    {"sts_endpoint_url", "https://sts.eu-west-1.amazonaws.com"},
    {"sts_role_session_name", "quay@host"},
    {"sts_external_id", "id 1"},
    {"sts_duration_seconds", "900"},
    {"maximum_chunk_size_gb", "1"},
    {"minimum_chunk_size_mb", "5"},
    {"signature_version", "s3v4"},
    {"server_side_encryption", "aws:kms"},
    {"sse_kms_key_id", "1234abcd-12ab-34cd-56ef-1234567890ab"},
    {"sse_bucket_key", "false"},
    {"storage_class", "STANDARD_IA"},
    {"checksum_algorithm", "crc64nvme"},
    {"ca_bundle", "/etc/ssl/ca.pem"},
    {"http_proxy", "http://proxy:3128"},
    {"http_proxy_file", ""},
    {"connect_timeout_seconds", "5"},
    {"read_timeout_seconds", "30"},
    {"request_timeout_seconds", "300"},
    {"addressing_style", "virtual"},
    {"memory_limit_mb", "16"},
    {"io_threads", "16"},
};

START_TEST(every_key_of_the_table_has_help_and_takes_a_good_value)
{
    struct settings all = {.n = 0};
    for (const struct regstore_param *p = stss3_params; p->key != NULL; p++) {
        size_t i = 0;
        while (i < COUNT(right) && strcmp(right[i].key, p->key) != 0)
            i++;
        ck_assert_msg(i < COUNT(right), "no good value for '%s' in this test", p->key);
        ck_assert_ptr_nonnull(p->help);
        ck_assert_uint_gt(strlen(p->help), 10);
        struct settings one = manual;
        const bool is_file = strstr(p->key, "_key_file") != NULL;
        if (is_file) { /* in place of the key itself */
            char key[64];
            (void)snprintf(key, sizeof key, "%s", p->key);
            key[strlen(key) - strlen("_file")] = '\0';
            drop(&one, key);
        }
        const bool is_profile = strcmp(p->key, "sts_profile") == 0;
        if (is_profile) { /* in place of both keys */
            drop(&one, "sts_user_access_key");
            drop(&one, "sts_user_secret_key");
        }
        if (strcmp(p->key, "port") == 0) /* alone it says nothing */
            set(&one, "host", "s3.eu-west-1.amazonaws.com");
        set(&one, p->key, right[i].value);
        stss3_config_free(take(&one));
        if (!is_file && !is_profile)
            set(&all, p->key, right[i].value);
    }
    ck_assert_uint_eq(all.n + 3, COUNT(right));
    struct stss3_config *c = take(&all);
    ck_assert_str_eq(c->external_id, "id 1");
    ck_assert_str_eq(c->ca_bundle, "/etc/ssl/ca.pem");
    ck_assert_uint_eq(c->duration_s, 900);
    ck_assert_uint_eq(c->copy_part_bytes, STSS3_GIB);
    ck_assert_uint_eq(c->memory_bytes, 16 * STSS3_MIB);
    ck_assert_uint_eq(c->loops, 16);
    stss3_config_free(c);
}
END_TEST

/* To Quay an empty text is none. */
START_TEST(empty_value_means_the_same_as_leaving_the_key_out)
{
    struct stss3_config *without = take(&manual);
    for (const struct regstore_param *p = stss3_params; p->key != NULL; p++) {
        if ((p->flags & REGSTORE_PARAM_REQUIRED) != 0 || strcmp(p->key, "sts_role_arn") == 0)
            continue;
        if (strcmp(p->key, "sts_user_access_key") == 0 ||
            strcmp(p->key, "sts_user_secret_key") == 0)
            continue; /* alone it is half of a pair */
        struct settings s = manual;
        struct stss3_config *c;
        set(&s, p->key, "");
        ck_assert_msg(try(&s, &c) == REGSTORE_OK, "%s", call.error.message);
        ck_assert_str_eq(c->region, without->region);
        ck_assert_str_eq(c->s3.authority, without->s3.authority);
        ck_assert_str_eq(c->sts.authority, without->sts.authority);
        ck_assert_str_eq(c->session_name, without->session_name);
        ck_assert_ptr_null(c->external_id);
        ck_assert_ptr_null(c->ca_bundle);
        ck_assert_uint_eq(c->duration_s, without->duration_s);
        ck_assert_uint_eq(c->copy_part_bytes, without->copy_part_bytes);
        ck_assert_uint_eq(c->part_bytes, without->part_bytes);
        ck_assert_uint_eq(c->memory_bytes, without->memory_bytes);
        ck_assert_uint_eq(c->loops, without->loops);
        ck_assert(c->is_virtual_host == without->is_virtual_host);
        ck_assert_pstr_eq(c->encryption, without->encryption);
        ck_assert(c->is_aws_s3 && !c->is_sts_implied && !c->is_endpoint_over_region);
        stss3_config_free(c);
    }
    stss3_config_free(without);
}
END_TEST

START_TEST(only_what_may_hold_a_secret_is_marked_secret)
{
    for (const struct regstore_param *p = stss3_params; p->key != NULL; p++)
        ck_assert_int_eq((p->flags & REGSTORE_PARAM_SECRET) != 0,
                         strcmp(p->key, "sts_user_secret_key") == 0 ||
                             strcmp(p->key, "http_proxy") == 0);
}
END_TEST

static const struct {
    const char *folder, *expected;
} folders[] = {
    {NULL, "/var/tmp"},
    {"/scratch", "/scratch"},
    {"relative", "/var/tmp"},
    {"", "/var/tmp"},
};

START_TEST(buffers_go_to_tmpdir_when_it_is_a_whole_path)
{
    if (folders[_i].folder != NULL)
        (void)setenv("TMPDIR", folders[_i].folder, 1);
    struct stss3_config *c = take(&manual);
    ck_assert_str_eq(c->spill_folder, folders[_i].expected);
    stss3_config_free(c);
}
END_TEST

Suite *config_suite(void)
{
    Suite *suite = suite_create("config");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, manuals_five_keys_are_enough);
    tcase_add_loop_test(tcase, region_comes_from_setting_environment_or_partition, 0,
                        COUNT(places));
    tcase_add_test(tcase, role_and_session_name_come_from_the_environment_when_not_set);
    tcase_add_loop_test(tcase, storage_path_is_joined_as_quay_does, 0, COUNT(roots));
    tcase_add_loop_test(tcase, endpoints_are_obeyed_and_what_is_implied_is_known, 0,
                        COUNT(endpoints));
    tcase_add_loop_test(tcase, own_endpoint_of_every_partition_counts_as_aws, 0, 6);
    tcase_add_test(tcase, taught_region_moves_aws_endpoint_and_no_other);
    tcase_add_loop_test(tcase, wrong_value_names_its_key_and_no_secret, 0, COUNT(wrong));
    tcase_add_test(tcase, virtual_addressing_of_an_address_or_a_strange_bucket_is_refused);
    tcase_add_loop_test(tcase, each_of_the_manuals_keys_but_the_role_is_required, 0, 5);
    tcase_add_test(tcase, unknown_key_is_told_the_nearest);
    tcase_add_test(tcase, every_key_of_the_table_has_help_and_takes_a_good_value);
    tcase_add_test(tcase, empty_value_means_the_same_as_leaving_the_key_out);
    tcase_add_test(tcase, only_what_may_hold_a_secret_is_marked_secret);
    tcase_add_loop_test(tcase, buffers_go_to_tmpdir_when_it_is_a_whole_path, 0, COUNT(folders));
    suite_add_tcase(suite, tcase);
    return suite;
}
