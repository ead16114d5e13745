/* SPDX-License-Identifier: Apache-2.0 */
/* STORE-1: settings against a table. */
#include "suites.h"

#include "settings.h"

#include <string.h>

static const struct regstore_param params[] = {
    {"storage_path", NULL, "where all keys lie", REGSTORE_PARAM_REQUIRED},
    {"s3_bucket", NULL, "the bucket's name", 0},
    {"io_threads", "4", "how many loops", REGSTORE_PARAM_INTEGER},
    {"fsync", "true", "whether to wait for the disk", REGSTORE_PARAM_BOOL},
    {"secret_key", NULL, "the key", REGSTORE_PARAM_SECRET},
    {"secret_key_file", NULL, "its file", REGSTORE_PARAM_PATH},
    {NULL, NULL, NULL, 0},
};
#define N_PARAMS 6

static struct plug_call call;
static const char *values[N_PARAMS];

static regstore_status sort(const struct regstore_pair *pairs, size_t n)
{
    call = (struct plug_call){.deadline_ns = PLUG_NEVER};
    return plug_settings_sort(&call, params, pairs, n, values);
}

static void expect_words(const char *words)
{
    ck_assert_msg(strstr(call.error.message, words) != NULL, "'%s' is not in '%s'", words,
                  call.error.message);
}

START_TEST(what_is_given_stands_before_the_fallback)
{
    const struct regstore_pair pairs[] = {{"io_threads", "9"}, {"storage_path", "/data"}};
    ck_assert_uint_eq(plug_params_count(params), N_PARAMS);
    ck_assert_int_eq(sort(pairs, 2), REGSTORE_OK);
    ck_assert_str_eq(plug_setting(params, values, "io_threads"), "9");
    ck_assert_str_eq(plug_setting(params, values, "storage_path"), "/data");
    ck_assert_str_eq(plug_setting(params, values, "fsync"), "true");
    ck_assert_ptr_null(plug_setting(params, values, "s3_bucket"));
}
END_TEST

static const struct {
    const char *key, *suggestion;
} unknown[] = {
    {"s3_buket", "did you mean 's3_bucket'"},   {"s3_bukcet", "did you mean 's3_bucket'"},
    {"S3_bucket", "did you mean 's3_bucket'"},  {"s3_bucketts", "did you mean 's3_bucket'"},
    {"bucket", "unknown key 'bucket'"},         {"storagepath", "did you mean 'storage_path'"},
    {"io_treads", "did you mean 'io_threads'"}, {"fsnyc", "did you mean 'fsync'"},
    {"zebra_crossing", "regstore inspect"},     {"", "unknown key ''"},
};

START_TEST(unknown_key_is_named_with_the_nearest_one)
{
    const struct regstore_pair pairs[] = {{"storage_path", "/"}, {unknown[_i].key, "x"}};
    ck_assert_int_eq(sort(pairs, 2), REGSTORE_CONFIG);
    expect_words(unknown[_i].suggestion);
    expect_words(unknown[_i].key);
}
END_TEST

START_TEST(unknown_key_of_any_length_is_cut_not_followed)
{
    char key[2000];
    for (size_t len = 60; len < sizeof key; len += 31) {
        memset(key, 's', len);
        key[len] = '\0';
        const struct regstore_pair pair = {key, "x"};
        ck_assert_int_eq(sort(&pair, 1), REGSTORE_CONFIG);
        ck_assert_uint_lt(strlen(call.error.message), 200);
    }
}
END_TEST

START_TEST(value_of_an_unknown_key_is_not_told)
{
    const struct regstore_pair pair = {"secret_kye", "hunter2"};
    ck_assert_int_eq(sort(&pair, 1), REGSTORE_CONFIG);
    ck_assert_ptr_null(strstr(call.error.message, "hunter2"));
}
END_TEST

START_TEST(key_given_twice_is_named)
{
    const struct regstore_pair pairs[] = {
        {"s3_bucket", "a"}, {"storage_path", "/"}, {"s3_bucket", "a"}};
    ck_assert_int_eq(sort(pairs, 3), REGSTORE_CONFIG);
    expect_words("'s3_bucket' is given twice");
}
END_TEST

START_TEST(missing_required_key_is_named_with_its_help)
{
    const struct regstore_pair pair = {"s3_bucket", "a"};
    ck_assert_int_eq(sort(&pair, 1), REGSTORE_CONFIG);
    expect_words("'storage_path' is missing: where all keys lie");
    ck_assert_int_eq(sort(NULL, 0), REGSTORE_CONFIG);
}
END_TEST

static const struct regstore_param needs_key[] = {
    {"key", NULL, "the key of the door", REGSTORE_PARAM_REQUIRED | REGSTORE_PARAM_SECRET},
    {"key_file", NULL, "its file", REGSTORE_PARAM_PATH},
    {NULL, NULL, NULL, 0},
};

START_TEST(required_secret_may_be_given_as_a_file)
{
    const struct regstore_pair file = {"key_file", "/run/key"}, empty = {"key_file", ""};
    call = (struct plug_call){.deadline_ns = PLUG_NEVER};
    ck_assert_int_eq(plug_settings_sort(&call, needs_key, &file, 1, values), REGSTORE_OK);
    ck_assert_ptr_null(plug_setting(needs_key, values, "key"));
    ck_assert_str_eq(plug_setting(needs_key, values, "key_file"), "/run/key");
    ck_assert_int_eq(plug_settings_sort(&call, needs_key, &empty, 1, values), REGSTORE_CONFIG);
    expect_words("'key' is missing: the key of the door");
}
END_TEST

START_TEST(secret_and_its_file_at_once_are_refused_and_not_told)
{
    const struct regstore_pair both[] = {{"key_file", "/run/hunter2"}, {"key", "hunter2"}};
    const struct regstore_pair one[] = {{"key_file", "/run/key"}, {"key", ""}};
    call = (struct plug_call){.deadline_ns = PLUG_NEVER};
    ck_assert_int_eq(plug_settings_sort(&call, needs_key, both, 2, values), REGSTORE_CONFIG);
    expect_words("'key' and 'key_file' are both given");
    ck_assert_ptr_null(strstr(call.error.message, "hunter2"));
    ck_assert_int_eq(plug_settings_sort(&call, needs_key, one, 2, values), REGSTORE_OK);
}
END_TEST

START_TEST(settings_that_are_null_are_invalid)
{
    const struct regstore_pair no_key = {NULL, "x"}, no_value = {"s3_bucket", NULL};
    ck_assert_int_eq(sort(NULL, 1), REGSTORE_INVALID);
    ck_assert_int_eq(sort(&no_key, 1), REGSTORE_INVALID);
    ck_assert_int_eq(sort(&no_value, 1), REGSTORE_INVALID);
}
END_TEST

START_TEST(value_that_its_type_cannot_mean_is_named_at_once)
{
    const struct regstore_pair number = {"io_threads", "four"}, flag = {"fsync", "maybe"};
    ck_assert_int_eq(sort(&number, 1), REGSTORE_CONFIG);
    expect_words("'io_threads'");
    ck_assert_int_eq(sort(&flag, 1), REGSTORE_CONFIG);
    expect_words("'fsync'");
}
END_TEST

static const struct {
    const char *text;
    uint64_t low, high, value;
    bool is_good;
} integers[] = {
    {"0", 0, 10, 0, true},
    {"10", 0, 10, 10, true},
    {"007", 0, 10, 7, true},
    {"11", 0, 10, 0, false},
    {"4", 5, 10, 0, false},
    {"5", 5, 10, 5, true},
    {"18446744073709551615", 0, UINT64_MAX, UINT64_MAX, true},
    {"18446744073709551616", 0, UINT64_MAX, 0, false},
    {"99999999999999999999999", 0, UINT64_MAX, 0, false},
    {"18446744073709551621", 0, 10, 0, false},
    {"", 0, 10, 0, false},
    {"-1", 0, UINT64_MAX, 0, false},
    {"+1", 0, 10, 0, false},
    {" 1", 0, 10, 0, false},
    {"1 ", 0, 10, 0, false},
    {"1.0", 0, 10, 0, false},
    {"1e1", 0, 10, 0, false},
    {"0x1", 0, 10, 0, false},
    {"5GB", 0, 10, 0, false},
    {"\xd9\xa1", 0, 10, 0, false},
};

START_TEST(integer_is_digits_in_its_range)
{
    uint64_t value = 0;
    call = (struct plug_call){.deadline_ns = PLUG_NEVER};
    const regstore_status status = plug_setting_integer(
        &call, "the_key", integers[_i].text, integers[_i].low, integers[_i].high, &value);
    ck_assert_int_eq(status, integers[_i].is_good ? REGSTORE_OK : REGSTORE_CONFIG);
    if (integers[_i].is_good)
        ck_assert_uint_eq(value, integers[_i].value);
    else
        expect_words("'the_key'");
}
END_TEST

START_TEST(integer_out_of_range_is_told_its_range)
{
    uint64_t value;
    call = (struct plug_call){.deadline_ns = PLUG_NEVER};
    ck_assert_int_eq(plug_setting_integer(&call, "ttl", "5", 900, 43200, &value), REGSTORE_CONFIG);
    expect_words("between 900 and 43200");
}
END_TEST

static const struct {
    const char *text;
    int value; /* -1: none */
} booleans[] = {
    {"true", 1}, {"false", 0},  {"True", 1},   {"FALSE", 0}, {"yes", 1}, {"no", 0},
    {"On", 1},   {"off", 0},    {"1", 1},      {"0", 0},     {"", -1},   {"2", -1},
    {"tru", -1}, {"truee", -1}, {" true", -1}, {"null", -1}, {"t", -1},  {"01", -1},
};

START_TEST(boolean_is_one_of_its_words)
{
    bool value = booleans[_i].value == 0;
    call = (struct plug_call){.deadline_ns = PLUG_NEVER};
    const regstore_status status = plug_setting_bool(&call, "the_key", booleans[_i].text, &value);
    ck_assert_int_eq(status, booleans[_i].value < 0 ? REGSTORE_CONFIG : REGSTORE_OK);
    if (booleans[_i].value >= 0)
        ck_assert_int_eq(value, booleans[_i].value);
    else
        expect_words("'the_key'");
}
END_TEST

static const struct {
    const char *text;
    int index; /* -1: none */
} choices[] = {
    {"auto", 0}, {"path", 1},   {"virtual", 2},    {"", -1},  {"Auto", -1},
    {"aut", -1}, {"autos", -1}, {"auto path", -1}, {" ", -1}, {"virtual ", -1},
};

START_TEST(choice_is_one_of_its_words)
{
    unsigned index = 99;
    call = (struct plug_call){.deadline_ns = PLUG_NEVER};
    const regstore_status status =
        plug_setting_choice(&call, "the_key", choices[_i].text, "auto path virtual", &index);
    ck_assert_int_eq(status, choices[_i].index < 0 ? REGSTORE_CONFIG : REGSTORE_OK);
    if (choices[_i].index >= 0)
        ck_assert_uint_eq(index, (unsigned)choices[_i].index);
    else
        expect_words("auto path virtual");
}
END_TEST

Suite *settings_suite(void)
{
    Suite *suite = suite_create("settings");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, what_is_given_stands_before_the_fallback);
    tcase_add_loop_test(tcase, unknown_key_is_named_with_the_nearest_one, 0, COUNT(unknown));
    tcase_add_test(tcase, unknown_key_of_any_length_is_cut_not_followed);
    tcase_add_test(tcase, value_of_an_unknown_key_is_not_told);
    tcase_add_test(tcase, key_given_twice_is_named);
    tcase_add_test(tcase, missing_required_key_is_named_with_its_help);
    tcase_add_test(tcase, required_secret_may_be_given_as_a_file);
    tcase_add_test(tcase, secret_and_its_file_at_once_are_refused_and_not_told);
    tcase_add_test(tcase, settings_that_are_null_are_invalid);
    tcase_add_test(tcase, value_that_its_type_cannot_mean_is_named_at_once);
    tcase_add_loop_test(tcase, integer_is_digits_in_its_range, 0, COUNT(integers));
    tcase_add_test(tcase, integer_out_of_range_is_told_its_range);
    tcase_add_loop_test(tcase, boolean_is_one_of_its_words, 0, COUNT(booleans));
    tcase_add_loop_test(tcase, choice_is_one_of_its_words, 0, COUNT(choices));
    suite_add_tcase(suite, tcase);
    return suite;
}
