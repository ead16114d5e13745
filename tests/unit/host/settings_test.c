/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets of a location that stand in the environment. */
#include "regstore-host.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const struct regstore_param params[] = {
    {"path", NULL, "where", REGSTORE_PARAM_REQUIRED},
    {"secret_key", NULL, "the key", REGSTORE_PARAM_SECRET},
    {"secret_key_file", NULL, "its file", REGSTORE_PARAM_PATH},
    {"other", NULL, "another secret", REGSTORE_PARAM_SECRET},
    {NULL, NULL, NULL, 0},
};
static const struct regstore_plugin table = {.struct_size = sizeof(table), .params = params};

static struct regstore_error error = {.struct_size = sizeof(error)};
static struct regstore_host_settings *settings;

static regstore_status complete(const char *location, const struct regstore_pair *pairs, size_t n)
{
    const struct regstore_host_location l = {location, "Driver", pairs, n};
    settings = NULL;
    return regstore_host_settings_new(&l, &table, &settings, &error);
}

/* NULL: absent; fails when it is there twice. */
static const char *value_of(const char *key)
{
    const char *value = NULL;
    size_t n;
    const struct regstore_pair *pairs = regstore_host_settings_pairs(settings, &n);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(pairs[i].key, key) != 0)
            continue;
        ck_assert_ptr_null(value);
        value = pairs[i].value;
    }
    return value;
}

static const struct {
    const char *location, *variable;
} names[] = {
    {"default", "REGSTORE_DEFAULT_SECRET_KEY"},
    {"us-east-1", "REGSTORE_US_EAST_1_SECRET_KEY"},
    {"A.b/c d", "REGSTORE_A_B_C_D_SECRET_KEY"},
    {"\xc3\xa4", "REGSTORE____SECRET_KEY"},
};

START_TEST(secret_comes_from_the_locations_variable)
{
    const struct regstore_pair pair = {"path", "/p"};
    (void)setenv(names[_i].variable, "hunter2", 1);
    ck_assert_msg(complete(names[_i].location, &pair, 1) == REGSTORE_OK, "%s", error.message);
    ck_assert_str_eq(value_of("secret_key"), "hunter2");
    ck_assert_str_eq(value_of("path"), "/p");
    ck_assert_ptr_null(value_of("other"));
    regstore_host_settings_free(settings);
}
END_TEST

START_TEST(other_locations_and_what_is_no_secret_are_not_read)
{
    (void)setenv("REGSTORE_B_SECRET_KEY", "hunter2", 1);
    (void)setenv("REGSTORE_A_PATH", "/p", 1);
    (void)setenv("REGSTORE_A_SECRET_KEY_FILE", "/p", 1);
    (void)setenv("REGSTORE_A_OTHER", "", 1);
    ck_assert_int_eq(complete("a", NULL, 0), REGSTORE_OK);
    size_t n;
    (void)regstore_host_settings_pairs(settings, &n);
    ck_assert_uint_eq(n, 0);
    regstore_host_settings_free(settings);
}
END_TEST

static const struct regstore_pair doubled[] = {
    {"secret_key", "s3cret"},
    {"secret_key_file", "/run/s3cret"},
};

START_TEST(two_sources_are_refused_by_name_and_no_value)
{
    (void)setenv("REGSTORE_A_SECRET_KEY", "hunter2", 1);
    ck_assert_int_eq(complete("a", &doubled[_i], 1), REGSTORE_CONFIG);
    ck_assert_ptr_null(settings);
    ck_assert_ptr_nonnull(strstr(error.message, "REGSTORE_A_SECRET_KEY"));
    ck_assert_ptr_nonnull(strstr(error.message, doubled[_i].key));
    ck_assert_ptr_null(strstr(error.message, "hunter2"));
    ck_assert_ptr_null(strstr(error.message, "s3cret"));
}
END_TEST

START_TEST(empty_setting_is_none_and_gives_way_to_the_environment)
{
    const struct regstore_pair pairs[] = {{"secret_key", ""}, {"secret_key_file", ""}};
    (void)setenv("REGSTORE_A_SECRET_KEY", "hunter2", 1);
    ck_assert_int_eq(complete("a", pairs, 2), REGSTORE_OK);
    ck_assert_str_eq(value_of("secret_key"), "hunter2");
    regstore_host_settings_free(settings);
    regstore_host_settings_free(NULL);
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

int main(void)
{
    (void)setenv("CK_DEFAULT_TIMEOUT", "60", 0); /* 4 s is little on a busy machine */
    Suite *suite = suite_create("host: secrets of the environment");
    TCase *tests = tcase_create("settings");
    tcase_add_loop_test(tests, secret_comes_from_the_locations_variable, 0, COUNT(names));
    tcase_add_test(tests, other_locations_and_what_is_no_secret_are_not_read);
    tcase_add_loop_test(tests, two_sources_are_refused_by_name_and_no_value, 0, COUNT(doubled));
    tcase_add_test(tests, empty_setting_is_none_and_gives_way_to_the_environment);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
