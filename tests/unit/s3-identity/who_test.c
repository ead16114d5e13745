/* SPDX-License-Identifier: Apache-2.0 */
/* Which source settings and environment choose, and what of them is refused. */
#include "suites.h"

#include "config.h"

#include <stdlib.h>
#include <string.h>

#define ROLE  "arn:aws:iam::123456789012:role/quay"
#define OTHER "arn:aws:iam::123456789012:role/other"
#define MAX   8

/* A row: settings and variables, up to a NULL each. */
struct world {
    const char *claim;
    struct regstore_pair settings[MAX], variables[MAX];
};

static struct plug_call call;

static regstore_status read_world(const struct world *w, struct stss3_config **out)
{
    struct regstore_pair pairs[MAX + 2] = {{"storage_path", "/p"}, {"s3_bucket", "bucket"}};
    size_t n = 2;
    for (size_t i = 0; i < MAX && w->settings[i].key != NULL; i++)
        pairs[n++] = w->settings[i];
    for (size_t i = 0; i < MAX && w->variables[i].key != NULL; i++)
        ck_assert_int_eq(setenv(w->variables[i].key, w->variables[i].value, 1), 0);
    *out = NULL;
    call = (struct plug_call){.deadline_ns = PLUG_NEVER};
    const regstore_status status = stss3_config_new(&call, pairs, n, out);
    for (size_t i = 0; i < MAX && w->variables[i].key != NULL; i++)
        (void)unsetenv(w->variables[i].key);
    return status;
}

#define TOKEN_VARIABLES                                                                            \
    {"AWS_WEB_IDENTITY_TOKEN_FILE", "/token"},                                                     \
    {                                                                                              \
        "AWS_ROLE_ARN", OTHER                                                                      \
    }
#define KEY_VARIABLES                                                                              \
    {"AWS_ACCESS_KEY_ID", "AKIAENV"},                                                              \
    {                                                                                              \
        "AWS_SECRET_ACCESS_KEY", "secret"                                                          \
    }
#define KEY_SETTINGS                                                                               \
    {"sts_user_access_key", "AKIASET"},                                                            \
    {                                                                                              \
        "sts_user_secret_key", "secret"                                                            \
    }

static const struct {
    struct world world;
    enum stss3_who_kind kind;
    const char *told; /* the access key, the token's file and role, or the profile */
} choices[] = {
    {{"the settings' keys", {KEY_SETTINGS}, {KEY_VARIABLES, TOKEN_VARIABLES}},
     STSS3_WHO_KEYS,
     "AKIASET"},
    {{"the settings' token before their keys",
      {KEY_SETTINGS, {"sts_web_identity_token_file", "/mine"}, {"sts_role_arn", ROLE}},
      {KEY_VARIABLES}},
     STSS3_WHO_WEB_IDENTITY,
     "/mine " ROLE},
    {{"the settings' token for the first role of a chain",
      {{"sts_web_identity_token_file", "/mine"},
       {"sts_role_arn", ROLE},
       {"sts_source_role_arn", OTHER}},
      {TOKEN_VARIABLES}},
     STSS3_WHO_WEB_IDENTITY,
     "/mine " OTHER},
    {{"a profile that a setting names", {{"sts_profile", "p"}}, {KEY_VARIABLES, TOKEN_VARIABLES}},
     STSS3_WHO_SEARCHED,
     "p"},
    {{"the environment's keys before its token", {{NULL, NULL}}, {KEY_VARIABLES, TOKEN_VARIABLES}},
     STSS3_WHO_ENVIRONMENT,
     "AKIAENV"},
    {{"empty settings are none",
      {{"sts_user_access_key", ""}, {"sts_user_secret_key", ""}},
      {KEY_VARIABLES}},
     STSS3_WHO_ENVIRONMENT,
     "AKIAENV"},
    {{"the environment's token, for its own role", {{"sts_role_arn", ROLE}}, {TOKEN_VARIABLES}},
     STSS3_WHO_WEB_IDENTITY,
     "/token " OTHER},
    {{"the environment's token, for the settings' role",
      {{"sts_role_arn", ROLE}},
      {{"AWS_WEB_IDENTITY_TOKEN_FILE", "/token"}}},
     STSS3_WHO_WEB_IDENTITY,
     "/token " ROLE},
    {{"its token before a profile", {{NULL, NULL}}, {TOKEN_VARIABLES, {"AWS_PROFILE", "p"}}},
     STSS3_WHO_WEB_IDENTITY,
     "/token " OTHER},
    {{"a profile that a variable names", {{NULL, NULL}}, {{"AWS_PROFILE", "p"}}},
     STSS3_WHO_SEARCHED,
     "p"},
    {{"nothing is said", {{NULL, NULL}}, {{"AWS_ACCESS_KEY_ID", ""}}},
     STSS3_WHO_SEARCHED,
     "default"},
};

START_TEST(first_source_in_the_order_wins)
{
    struct stss3_config *c;
    struct plug_buf told = {0};
    const regstore_status status = read_world(&choices[_i].world, &c);
    ck_assert_msg(status == REGSTORE_OK, "%s: %s", choices[_i].world.claim, call.error.message);
    ck_assert_msg(c->who.kind == choices[_i].kind, "%s: %d", choices[_i].world.claim,
                  (int)c->who.kind);
    if (c->who.kind == STSS3_WHO_WEB_IDENTITY)
        plug_buf_printf(&told, "%s %s", c->who.token_file, c->who.token_role_arn);
    else
        plug_buf_str(&told,
                     c->who.kind == STSS3_WHO_SEARCHED ? c->who.profile : c->who.keys.access_key);
    ck_assert_str_eq(plug_buf_text(&told), choices[_i].told);
    plug_buf_clear(&told);
    stss3_config_free(c);
}
END_TEST

/* claim: what the words must have. */
static const struct world wrong[] = {
    {"'sts_user_secret_key'", {{"sts_user_access_key", "AKIA"}}, {KEY_VARIABLES}},
    {"'sts_user_access_key'", {{"sts_user_secret_key", "x"}}, {KEY_VARIABLES}},
    {"'sts_profile'", {KEY_SETTINGS, {"sts_profile", "p"}}, {{NULL, NULL}}},
    {"'sts_profile'",
     {{"sts_web_identity_token_file", "/t"}, {"sts_role_arn", ROLE}, {"sts_profile", "p"}},
     {{NULL, NULL}}},
    {"'sts_web_identity_token_file'", {{"sts_web_identity_token_file", "/t"}}, {{NULL, NULL}}},
    {"'sts_source_role_arn'", {KEY_SETTINGS, {"sts_source_role_arn", ROLE}}, {{NULL, NULL}}},
    {"AWS_SECRET_ACCESS_KEY", {{NULL, NULL}}, {{"AWS_ACCESS_KEY_ID", "AKIA"}}},
    {"AWS_ACCESS_KEY_ID", {{NULL, NULL}}, {{"AWS_SECRET_ACCESS_KEY", "x"}}},
    {"AWS_ACCESS_KEY_ID",
     {{NULL, NULL}},
     {{"AWS_ACCESS_KEY_ID", "A/B"}, {"AWS_SECRET_ACCESS_KEY", "x"}}},
    {"AWS_SESSION_TOKEN", {{NULL, NULL}}, {KEY_VARIABLES, {"AWS_SESSION_TOKEN", "a\r\nb"}}},
    {"AWS_WEB_IDENTITY_TOKEN_FILE", {{NULL, NULL}}, {{"AWS_WEB_IDENTITY_TOKEN_FILE", "/token"}}},
    {"AWS_CONTAINER_CREDENTIALS_FULL_URI",
     {{NULL, NULL}},
     {{"AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://10.0.0.1/x"}}},
    {"AWS_CONTAINER_CREDENTIALS_FULL_URI",
     {{NULL, NULL}},
     {{"AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.2@evil.example/x"}}},
    {"AWS_CONTAINER_CREDENTIALS_FULL_URI",
     {{NULL, NULL}},
     {{"AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1/x\r\ny"}}},
    {"AWS_CONTAINER_CREDENTIALS_FULL_URI",
     {{NULL, NULL}},
     {{"AWS_CONTAINER_CREDENTIALS_FULL_URI", "/x"}}},
    {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
     {{NULL, NULL}},
     {{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "x"}}},
    {"AWS_CONTAINER_AUTHORIZATION_TOKEN",
     {{NULL, NULL}},
     {{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/x"},
      {"AWS_CONTAINER_AUTHORIZATION_TOKEN", "a\nb"}}},
    {"AWS_EC2_METADATA_SERVICE_ENDPOINT",
     {{NULL, NULL}},
     {{"AWS_EC2_METADATA_SERVICE_ENDPOINT", "169.254.169.254"}}},
    {"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
     {{NULL, NULL}},
     {{"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "IPv5"}}},
};

START_TEST(what_cannot_be_meant_is_named_and_not_passed_over)
{
    struct stss3_config *c;
    ck_assert_int_eq(read_world(&wrong[_i], &c), REGSTORE_CONFIG);
    ck_assert_msg(strstr(call.error.message, wrong[_i].claim) != NULL, "%s: %s", wrong[_i].claim,
                  call.error.message);
    ck_assert_ptr_null(c);
}
END_TEST

static const struct {
    const char *variable, *value, *url;
} containers[] = {
    {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/x?y=z", "http://169.254.170.2/v2/x?y=z"},
    {"AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23/v1/credentials",
     "http://169.254.170.23/v1/credentials"},
    {"AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://[fd00:ec2::23]/v1", "http://[fd00:ec2::23]/v1"},
    {"AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://localhost:8080", "http://localhost:8080/"},
    {"AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.9/x", "http://127.0.0.9/x"},
    {"AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://[::1]:1/x", "http://[::1]:1/x"},
    {"AWS_CONTAINER_CREDENTIALS_FULL_URI", "https://credentials.example/x",
     "https://credentials.example/x"},
};

START_TEST(container_is_asked_where_it_may_be)
{
    const struct world w = {"", {{NULL, NULL}}, {{containers[_i].variable, containers[_i].value}}};
    struct stss3_config *c;
    ck_assert_msg(read_world(&w, &c) == REGSTORE_OK, "%s", call.error.message);
    ck_assert_str_eq(c->who.container_url, containers[_i].url);
    stss3_config_free(c);
}
END_TEST

START_TEST(instance_is_asked_at_the_address_of_the_mode)
{
    static const struct world v6 = {
        "", {{NULL, NULL}}, {{"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "IPv6"}}};
    static const struct world v4 = {"", {{NULL, NULL}}, {{"AWS_EC2_METADATA_DISABLED", "TRUE"}}};
    struct stss3_config *c;
    ck_assert_int_eq(read_world(&v6, &c), REGSTORE_OK);
    ck_assert_str_eq(c->who.instance.authority, "[fd00:ec2::254]");
    ck_assert(!c->who.is_instance_off);
    stss3_config_free(c);
    ck_assert_int_eq(read_world(&v4, &c), REGSTORE_OK);
    ck_assert_str_eq(c->who.instance.authority, "169.254.169.254");
    ck_assert(c->who.is_instance_off);
    stss3_config_free(c);
}
END_TEST

START_TEST(files_lie_at_home_or_where_variables_say)
{
    static const struct world home = {"", {{NULL, NULL}}, {{NULL, NULL}}};
    static const struct world named = {
        "",
        {{NULL, NULL}},
        {{"AWS_CONFIG_FILE", "~/c"}, {"AWS_SHARED_CREDENTIALS_FILE", "/etc/s"}}};
    struct stss3_config *c;
    ck_assert_int_eq(read_world(&home, &c), REGSTORE_OK);
    ck_assert_str_eq(c->who.config_file.path, "/home/registry/.aws/config");
    ck_assert_str_eq(c->who.credentials_file.path, "/home/registry/.aws/credentials");
    ck_assert_ptr_null(c->who.config_file.what);
    stss3_config_free(c);
    ck_assert_int_eq(read_world(&named, &c), REGSTORE_OK);
    ck_assert_str_eq(c->who.config_file.path, "/home/registry/c");
    ck_assert_str_eq(c->who.credentials_file.path, "/etc/s");
    ck_assert_str_eq(c->who.credentials_file.what, "AWS_SHARED_CREDENTIALS_FILE");
    stss3_config_free(c);
}
END_TEST

Suite *who_suite(void)
{
    Suite *suite = suite_create("who");
    TCase *tcase = tcase_create("all");
    tcase_add_loop_test(tcase, first_source_in_the_order_wins, 0, (int)COUNT(choices));
    tcase_add_loop_test(tcase, what_cannot_be_meant_is_named_and_not_passed_over, 0,
                        (int)COUNT(wrong));
    tcase_add_loop_test(tcase, container_is_asked_where_it_may_be, 0, (int)COUNT(containers));
    tcase_add_test(tcase, instance_is_asked_at_the_address_of_the_mode);
    tcase_add_test(tcase, files_lie_at_home_or_where_variables_say);
    suite_add_tcase(suite, tcase);
    return suite;
}
