/* SPDX-License-Identifier: Apache-2.0 */
/* config.yaml: what is read, what is refused, with which words, and which location is used. */
#include "regstore-host.h"
#include "scratch.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct regstore_error error = {.struct_size = sizeof(error)};
static struct regstore_host_config *config;
static const struct regstore_host_location *location;

static regstore_status read_bytes(const char *text, size_t length)
{
    const char *path = scratch_path("config.yaml");
    scratch_write(path, text, length, 0600);
    config = NULL;
    return regstore_host_config_read(path, &config, &error);
}

static const char *value_of(const char *key)
{
    for (size_t i = 0; i < location->n_settings; i++) {
        if (strcmp(location->settings[i].key, key) == 0)
            return location->settings[i].value;
    }
    return NULL;
}

#define CONFIG(settings) "DISTRIBUTED_STORAGE_CONFIG: {a: [LocalStorage, {" settings "}]}\n"

/* Reads text and picks the location that is used without a name. */
static regstore_status read_and_pick(const char *text)
{
    regstore_status status = read_bytes(text, strlen(text));
    if (status == REGSTORE_OK)
        status = regstore_host_config_pick(config, NULL, &location, &error);
    return status;
}

static const struct {
    const char *settings, *value; /* of key "k"; NULL: absent */
} scalars[] = {
    {"k: text", "text"},
    {"k: 'it''s: #1'", "it's: #1"},
    {"k: \"a\\tb\"", "a\tb"},
    {"k: 5", "5"},
    {"k: 5.50", "5.50"},
    {"k: 0x10", "0x10"},
    {"k: True", "True"},
    {"k: no", "no"},
    {"k: !!str 5", "5"},
    {"k: ''", ""},
    {"k: 'null'", "null"},
    {"k: '~'", "~"},
    {"k: null", NULL},
    {"k: ~", NULL},
    {"k: , j: 1", NULL},
    {"k: !!null nothing", NULL},
    {"other: 1", NULL},
    {"&x j: &y anchored, k: *y", "anchored"},
    {"<<: {k: merged}", "merged"},
    {"k: own, <<: {k: merged}", "own"},
    {"<<: {k: merged}, k: own", "own"},
    {"<<: [{k: first}, {k: second}]", "first"},
    {"<<: [{<<: {k: inner}}, {k: second}]", "inner"},
    {"<<: [{<<: {j: inner}}, {k: second}]", "second"},
    {"'<<': text, k: v", "v"},
};

START_TEST(scalar_is_handed_over_as_written)
{
    char text[256];
    (void)snprintf(text, sizeof(text), CONFIG("%s"), scalars[_i].settings);
    ck_assert_msg(read_and_pick(text) == REGSTORE_OK, "%s: %s", text, error.message);
    ck_assert_pstr_eq(value_of("k"), scalars[_i].value);
    regstore_host_config_free(config);
}
END_TEST

#define EIGHT "[[[[[[[["

static const struct {
    const char *text, *message; /* after the path */
} bad_files[] = {
    {"", " is no config.yaml"},
    {"# only a comment\n", " is no config.yaml"},
    {"- a\n- b\n", " is no config.yaml"},
    {"just text\n", " is no config.yaml"},
    {"A: 1\n", " has no DISTRIBUTED_STORAGE_CONFIG"},
    {"DISTRIBUTED_STORAGE_CONFIG:\n", " has no DISTRIBUTED_STORAGE_CONFIG"},
    {"DISTRIBUTED_STORAGE_CONFIG: {}\n", ":1: DISTRIBUTED_STORAGE_CONFIG has no location"},
    {"A: 1\nDISTRIBUTED_STORAGE_CONFIG: [LocalStorage]\n",
     ":2: DISTRIBUTED_STORAGE_CONFIG must be a mapping"},
    {"A: 1\nB: {\n", ":3: not valid YAML: "},
    {"A: *nowhere\n", ":1: not valid YAML: found undefined alias"},
    {"A: \xff\n", ":1: not valid YAML: "},
    {CONFIG("") "---\nB: 2\n", ":2: a second document begins here"},
    {CONFIG("") "A: 1\n" CONFIG(""),
     ":3: DISTRIBUTED_STORAGE_CONFIG is there twice, first in line 1"},
    {"DISTRIBUTED_STORAGE_CONFIG:\n  a: [L, {}]\n  b: [L, {}]\n  a: [L, {}]\n",
     ":4: location 'a' is there twice"},
    {"DISTRIBUTED_STORAGE_CONFIG: {[a]: [L, {}]}\n", ":1: the name of a location must be text"},
    {"DISTRIBUTED_STORAGE_CONFIG: {'': [L, {}]}\n", ":1: the name of a location must be text"},
    {CONFIG("") "DISTRIBUTED_STORAGE_PREFERENCE: a\n",
     ":2: DISTRIBUTED_STORAGE_PREFERENCE must be a list"},
    {CONFIG("") "DISTRIBUTED_STORAGE_DEFAULT_LOCATIONS:\n- a\n- [b]\n",
     ":4: an item of DISTRIBUTED_STORAGE_DEFAULT_LOCATIONS is not a name"},
    {CONFIG("") "A: &a {<<: *a}\n<<: *a\n", ":2: '<<' leads to more than"},
    {"<<: 5\n" CONFIG(""), ":1: '<<' needs a mapping"},
    {"A:\n" CONFIG("") "B: " EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT "\n",
     ":3: nested deeper than 64 levels"},
};

START_TEST(bad_file_is_refused_with_its_line)
{
    const char *text = bad_files[_i].text;
    ck_assert_int_eq(read_bytes(text, strlen(text)), REGSTORE_CONFIG);
    const char *path = scratch_path("config.yaml");
    ck_assert_msg(strncmp(error.message, path, strlen(path)) == 0, "%s", error.message);
    const char *rest = error.message + strlen(path);
    ck_assert_msg(strncmp(rest, bad_files[_i].message, strlen(bad_files[_i].message)) == 0,
                  "\"%s\" instead of \"%s\"", rest, bad_files[_i].message);
}
END_TEST

#define LOCATION(body) "DISTRIBUTED_STORAGE_CONFIG:\n  good: [L, {}]\n  bad: " body "\n"

static const struct {
    const char *text, *message;
} bad_locations[] = {
    {LOCATION("text"), ":3: location 'bad' must be a list of two"},
    {LOCATION("[]"), ":3: location 'bad' must be a list of two"},
    {LOCATION("[L, {}, {}]"), ":3: location 'bad' must be a list of two"},
    {LOCATION("[{}, L]"), ":3: the first item of location 'bad' must be the name of a driver"},
    {LOCATION("['', {}]"), ":3: the first item of location 'bad' must be the name of a driver"},
    {LOCATION("[../L, {}]"), ":3: the first item of location 'bad' must be the name of a driver"},
    {LOCATION("[L.so, {}]"), ":3: the first item of location 'bad' must be the name of a driver"},
    {LOCATION("[L, text]"), ":3: after the driver of location 'bad' its settings must follow"},
    {LOCATION("[L, {k: [1]}]"), ":3: the value of 'k' must be text"},
    {LOCATION("[L, {k: {a: b}}]"), ":3: the value of 'k' must be text"},
    {LOCATION("[L, {k: !!binary aGk=}]"), ":3: the value of 'k' must be text"},
    {LOCATION("[L, {k: !own x}]"), ":3: the value of 'k' must be text"},
    {LOCATION("[L, {k: \"a\\0b\"}]"), ":3: the value of 'k' must be text"},
    {LOCATION("[L, {[k]: 1}]"), ":3: the name of a setting must be text"},
    {LOCATION("[L, {k: 1, k: 1}]"), ":3: 'k' is there twice"},
    {LOCATION("[L, {k: 1, <<: {j: 1, j: 2}}]"), ":3: 'j' is there twice"},
    {LOCATION("[L, {<<: {a: 1}, <<: {b: 1}}]"), ":3: a second '<<' in one mapping"},
    {LOCATION("[L, &x {<<: *x}]"), ":3: '<<' leads to more than"},
};

START_TEST(bad_location_is_refused_when_it_is_picked_and_not_before)
{
    const char *text = bad_locations[_i].text;
    ck_assert_msg(read_bytes(text, strlen(text)) == REGSTORE_OK, "%s", error.message);
    ck_assert_int_eq(regstore_host_config_pick(config, "good", &location, &error), REGSTORE_OK);
    ck_assert_int_eq(regstore_host_config_pick(config, "bad", &location, &error), REGSTORE_CONFIG);
    const char *rest = error.message + strlen(scratch_path("config.yaml"));
    ck_assert_msg(strncmp(rest, bad_locations[_i].message, strlen(bad_locations[_i].message)) == 0,
                  "\"%s\" instead of \"%s\"", rest, bad_locations[_i].message);
    regstore_host_config_free(config);
}
END_TEST

#define THREE "DISTRIBUTED_STORAGE_CONFIG: {a: [L, {}], b: [L, {}], c: [L, {}]}\n"

static const struct {
    const char *text, *name; /* NULL: an error that lists the names */
} choices[] = {
    {CONFIG(""), "a"},
    {THREE "DISTRIBUTED_STORAGE_PREFERENCE: [b, a]\n", "b"},
    {THREE "DISTRIBUTED_STORAGE_PREFERENCE: [gone, c]\n", "c"},
    {THREE "DISTRIBUTED_STORAGE_DEFAULT_LOCATIONS: [gone, b]\n", "b"},
    {THREE "DISTRIBUTED_STORAGE_DEFAULT_LOCATIONS: [b]\nDISTRIBUTED_STORAGE_PREFERENCE: [c]\n",
     "c"},
    {CONFIG("") "DISTRIBUTED_STORAGE_PREFERENCE: [gone]\n", "a"},
    {CONFIG("") "DISTRIBUTED_STORAGE_PREFERENCE:\n", "a"},
    {THREE, NULL},
    {THREE "DISTRIBUTED_STORAGE_PREFERENCE: [gone]\n", NULL},
};

START_TEST(location_is_chosen_by_preference_then_alone_then_default)
{
    regstore_status status = read_and_pick(choices[_i].text);
    if (choices[_i].name == NULL) {
        ck_assert_int_eq(status, REGSTORE_CONFIG);
        ck_assert_msg(strstr(error.message, ": a, b, c") != NULL, "%s", error.message);
    } else {
        ck_assert_msg(status == REGSTORE_OK, "%s", error.message);
        ck_assert_str_eq(location->name, choices[_i].name);
    }
    regstore_host_config_free(config);
}
END_TEST

START_TEST(unknown_location_is_refused_with_the_names_that_there_are)
{
    ck_assert_int_eq(read_bytes(THREE, strlen(THREE)), REGSTORE_OK);
    ck_assert_int_eq(regstore_host_config_pick(config, "d", &location, &error), REGSTORE_CONFIG);
    ck_assert_msg(strstr(error.message, "no location 'd', only: a, b, c") != NULL, "%s",
                  error.message);
    regstore_host_config_free(config);
}
END_TEST

START_TEST(config_of_a_real_quay_gives_its_locations)
{
    ck_assert_msg(regstore_host_config_read(QUAY_CONFIG, &config, &error) == REGSTORE_OK, "%s",
                  error.message);
    ck_assert_int_eq(regstore_host_config_pick(config, NULL, &location, &error), REGSTORE_OK);
    ck_assert_str_eq(location->name, "default");
    ck_assert_str_eq(location->driver, "STSS3Storage");
    ck_assert_uint_eq(location->n_settings, 8);
    ck_assert_pstr_eq(value_of("sts_role_arn"), "arn:aws:iam::123492922789:role/example-role");
    ck_assert_pstr_eq(value_of("sts_user_secret_key"),
                      "wJalr/XUtnFEMI+K7MDENG: #bPxRfiCYEXAMPLEKEY");
    ck_assert_pstr_eq(value_of("s3_region"), NULL);
    ck_assert_pstr_eq(value_of("minimum_chunk_size_mb"), "5.5");
    ck_assert_pstr_eq(value_of("server_side_encryption"), "True");
    ck_assert_int_eq(regstore_host_config_pick(config, "alias_of_nfs", &location, &error),
                     REGSTORE_OK);
    ck_assert_str_eq(location->driver, "LocalStorage");
    ck_assert_pstr_eq(value_of("storage_path"), "/srv/quay");
    ck_assert_int_eq(regstore_host_config_pick(config, "odf_eu", &location, &error),
                     REGSTORE_CONFIG);
    regstore_host_config_free(config);
}
END_TEST

START_TEST(missing_file_is_refused_by_name)
{
    ck_assert_int_eq(regstore_host_config_read("/nowhere/config.yaml", &config, &error),
                     REGSTORE_CONFIG);
    ck_assert_str_eq(error.message, "cannot read /nowhere/config.yaml: No such file or directory");
}
END_TEST

START_TEST(folder_is_refused)
{
    ck_assert_int_eq(regstore_host_config_read("/", &config, &error), REGSTORE_CONFIG);
    ck_assert_str_eq(error.message, "cannot read /: Is a directory");
}
END_TEST

/* A file that is all brackets, spaces or one long text must end in an answer, soon. */
START_TEST(large_file_is_answered_and_one_byte_more_is_refused)
{
    static const char fillers[] = {'[', ' ', 'x', '{', '-', '&'};
    const size_t most = 1024 * 1024;
    char *text = malloc(most + 1);
    ck_assert_ptr_nonnull(text);
    memset(text, fillers[_i], most + 1);
    ck_assert_int_eq(read_bytes(text, most), REGSTORE_CONFIG);
    ck_assert_ptr_null(strstr(error.message, "bytes"));
    ck_assert_int_eq(read_bytes(text, most + 1), REGSTORE_CONFIG);
    ck_assert_ptr_nonnull(strstr(error.message, "more than 1048576 bytes"));
    free(text);
}
END_TEST

START_TEST(message_never_has_a_value)
{
    static const char *const texts[] = {
        CONFIG("k: {hunter2: hunter2}"),
        CONFIG("k: [hunter2]"),
        CONFIG("k: hunter2, k: hunter2"),
        CONFIG("k: !x hunter2"),
        CONFIG("k: \"hunter2"),
        CONFIG("k: hunter2: x"),
        CONFIG("k: \"hunter2\\q\""),
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        ck_assert_int_eq(read_and_pick(texts[i]), REGSTORE_CONFIG);
        ck_assert_msg(strstr(error.message, "hunter2") == NULL, "%s", error.message);
        regstore_host_config_free(config);
    }
}
END_TEST

START_TEST(error_may_be_null_or_of_no_size)
{
    struct regstore_error unsized = {.struct_size = 0};
    ck_assert_int_eq(regstore_host_config_read("/nowhere", &config, NULL), REGSTORE_CONFIG);
    ck_assert_int_eq(regstore_host_config_read("/nowhere", &config, &unsized), REGSTORE_CONFIG);
    ck_assert_int_eq(unsized.message[0], '\0');
    regstore_host_config_free(NULL);
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

int main(void)
{
    (void)setenv("CK_DEFAULT_TIMEOUT", "60", 0); /* 4 s is little on a busy machine */
    Suite *suite = suite_create("host: config.yaml");
    TCase *tests = tcase_create("config");
    tcase_add_loop_test(tests, scalar_is_handed_over_as_written, 0, COUNT(scalars));
    tcase_add_loop_test(tests, bad_file_is_refused_with_its_line, 0, COUNT(bad_files));
    tcase_add_loop_test(tests, bad_location_is_refused_when_it_is_picked_and_not_before, 0,
                        COUNT(bad_locations));
    tcase_add_loop_test(tests, location_is_chosen_by_preference_then_alone_then_default, 0,
                        COUNT(choices));
    tcase_add_test(tests, unknown_location_is_refused_with_the_names_that_there_are);
    tcase_add_test(tests, config_of_a_real_quay_gives_its_locations);
    tcase_add_test(tests, missing_file_is_refused_by_name);
    tcase_add_test(tests, folder_is_refused);
    tcase_add_loop_test(tests, large_file_is_answered_and_one_byte_more_is_refused, 0, 6);
    tcase_add_test(tests, message_never_has_a_value);
    tcase_add_test(tests, error_may_be_null_or_of_no_size);
    tcase_set_timeout(tests, 20);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
