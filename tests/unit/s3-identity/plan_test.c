/* SPDX-License-Identifier: Apache-2.0 */
/* What a profile says about credentials. */
#include "suites.h"

#include "profile_plan.h"

#include <string.h>

#define KEYS "aws_access_key_id = A\naws_secret_access_key = S\n"

static void plan_of(const char *config, const char *credentials, const char *profile,
                    struct stss3_profile_plan *plan, struct plug_error *error)
{
    const struct stss3_profile_text c = {config, "CONFIG", strlen(config)};
    const struct stss3_profile_text s = {credentials, "CREDENTIALS", strlen(credentials)};
    *error = (struct plug_error){0};
    const regstore_status status = stss3_profile_plan(&c, &s, profile, plan, error);
    ck_assert_int_eq(status, error->status);
}

/* told: the base's number, what it needs, and the roles from the first to assume on. */
static const struct {
    const char *claim, *config, *credentials, *told;
} plans[] = {
    {"nothing", "", "", "0"},
    {"a region is nothing", "[default]\nregion = x\n", "", "0"},
    {"keys of the credentials file", "", "[default]\n" KEYS, "1 A/S/"},
    {"keys of the config file", "[default]\n" KEYS "aws_session_token = T\n", "", "1 A/S/T"},
    {"the credentials file's count more, all together",
     "[default]\n" KEYS "aws_session_token = T\n",
     "[default]\naws_access_key_id = B\naws_secret_access_key = U\n", "1 B/U/"},
    {"a program", "[default]\ncredential_process = run it\n", "", "2 run it"},
    {"keys before a program", "[default]\ncredential_process = run it\n", "[default]\n" KEYS,
     "1 A/S/"},
    {"a token and its role", "[default]\nrole_arn = R\nweb_identity_token_file = /t\n", "",
     "3 /t R"},
    {"the environment's", "[default]\nrole_arn = R\ncredential_source = Environment\n", "", "4 R"},
    {"the container's", "[default]\nrole_arn = R\ncredential_source = EcsContainer\n", "", "5 R"},
    {"the instance's", "[default]\nrole_arn = R\ncredential_source = Ec2InstanceMetadata\n", "",
     "6 R"},
    {"a role before the profile's keys", "[default]\nrole_arn = R\nsource_profile = u\n",
     "[default]\n" KEYS "[u]\naws_access_key_id = B\naws_secret_access_key = U\n", "1 B/U/ R"},
    {"a role on the profile's own keys", "[default]\nrole_arn = R\nsource_profile = default\n",
     "[default]\n" KEYS, "1 A/S/ R"},
    {"roles one on top of the other",
     "[default]\nrole_arn = R\nsource_profile = b\n[profile b]\nrole_arn = Q\nsource_profile = c\n"
     "[profile c]\nrole_arn = P\nsource_profile = u\n",
     "[u]\n" KEYS, "1 A/S/ P Q R"},
    {"a source's keys before its role",
     "[default]\nrole_arn = R\nsource_profile = b\n[profile b]\nrole_arn = Q\nsource_profile = c\n",
     "[b]\n" KEYS, "1 A/S/ R"},
    {"a role on a program",
     "[default]\nrole_arn = R\nsource_profile = b\n[profile b]\n"
     "credential_process = run it\n",
     "", "2 run it R"},
    {"a role on a token's",
     "[default]\nrole_arn = R\nsource_profile = b\n[profile b]\nrole_arn = Q\n"
     "web_identity_token_file = /t\n",
     "", "3 /t Q R"},
};

START_TEST(plan_is_what_the_sdks_would_do)
{
    struct stss3_profile_plan plan;
    struct plug_error error;
    struct plug_buf told = {0};
    plan_of(plans[_i].config, plans[_i].credentials, "default", &plan, &error);
    ck_assert_msg(error.status == REGSTORE_OK, "%s: %s", plans[_i].claim, error.message);
    plug_buf_printf(&told, "%d", (int)plan.base);
    if (plan.base == STSS3_PROFILE_KEYS)
        plug_buf_printf(&told, " %s/%s/%s", plug_buf_text(&plan.access_key),
                        plug_buf_text(&plan.secret_key), plug_buf_text(&plan.session_token));
    if (plan.process.len + plan.token_file.len != 0)
        plug_buf_printf(&told, " %s%s", plug_buf_text(&plan.process),
                        plug_buf_text(&plan.token_file));
    for (size_t i = 0; i < plan.n_roles; i++)
        plug_buf_printf(&told, " %s", plug_buf_text(&plan.roles[i].arn));
    ck_assert_msg(strcmp(plug_buf_text(&told), plans[_i].told) == 0, "%s: %s", plans[_i].claim,
                  plug_buf_text(&told));
    plug_buf_clear(&told);
    stss3_profile_plan_clear(&plan);
}
END_TEST

static const struct {
    const char *config, *words;
} wrong[] = {
    {"[default]\naws_access_key_id = SECRET\n", "aws_secret_access_key"},
    {"[default]\naws_secret_access_key = SECRET\n", "aws_access_key_id"},
    {"[default]\nrole_arn = R\n", "wants one of"},
    {"[default]\nrole_arn = R\nsource_profile = b\ncredential_source = Environment\n",
     "wants one of"},
    {"[default]\nrole_arn = R\ncredential_source = Elsewhere\n", "Elsewhere"},
    {"[default]\nrole_arn = R\nsource_profile = b\n", "no such source_profile: b"},
    {"[default]\nrole_arn = R\nsource_profile = b\n[profile b]\nregion = x\n",
     "has no credentials"},
    {"[default]\nrole_arn = R\nsource_profile = default\n", "half of the keys"},
    {"[default]\nrole_arn = R\nsource_profile = b\n[profile b]\nrole_arn = Q\nsource_profile = "
     "default\n",
     "leads back to default"},
    {"[default]\nrole_arn = R\nsource_profile = b\nmfa_serial = x\n", "mfa_serial"},
    {"[default]\nrole_arn = R\ncredential_source = Environment\nduration_seconds = 10\n",
     "duration_seconds"},
    {"[default]\nrole_arn = R\ncredential_source = Environment\nduration_seconds = 1h\n",
     "duration_seconds"},
    {"[default]\nsource_profile = b\n", "role_arn is missing"},
    {"[default]\nsso_session = x\n", "credential_process"},
    {"[default]\nlogin_session = x\n", "credential_process"},
    {"[default]\nSECRET\n", "CONFIG, line 2"},
};

START_TEST(profile_that_cannot_be_meant_is_refused_and_named)
{
    struct stss3_profile_plan plan;
    struct plug_error error;
    plan_of(wrong[_i].config, "", "default", &plan, &error);
    ck_assert_int_eq(error.status, REGSTORE_CONFIG);
    ck_assert_msg(strstr(error.message, wrong[_i].words) != NULL, "%s", error.message);
    ck_assert_ptr_null(strstr(error.message, "SECRET"));
    stss3_profile_plan_clear(&plan);
}
END_TEST

START_TEST(chain_of_roles_has_an_end)
{
    for (size_t n = STSS3_PROFILE_ROLES_MAX; n <= STSS3_PROFILE_ROLES_MAX + 1; n++) {
        struct plug_buf config = {0};
        struct stss3_profile_plan plan;
        struct plug_error error;
        plug_buf_str(&config, "[default]\nrole_arn = R\nsource_profile = p1\n");
        for (size_t i = 1; i < n; i++)
            plug_buf_printf(&config, "[profile p%zu]\nrole_arn = R\nsource_profile = p%zu\n", i,
                            i + 1);
        plug_buf_printf(&config, "[profile p%zu]\n" KEYS, n);
        plan_of(plug_buf_text(&config), "", "default", &plan, &error);
        ck_assert_int_eq(error.status == REGSTORE_OK, n == STSS3_PROFILE_ROLES_MAX);
        stss3_profile_plan_clear(&plan);
        plug_buf_clear(&config);
    }
}
END_TEST

Suite *plan_suite(void)
{
    Suite *suite = suite_create("plan");
    TCase *tcase = tcase_create("all");
    tcase_add_loop_test(tcase, plan_is_what_the_sdks_would_do, 0, (int)COUNT(plans));
    tcase_add_loop_test(tcase, profile_that_cannot_be_meant_is_refused_and_named, 0,
                        (int)COUNT(wrong));
    tcase_add_test(tcase, chain_of_roles_has_an_end);
    suite_add_tcase(suite, tcase);
    return suite;
}
