/* SPDX-License-Identifier: Apache-2.0 */
/* What the host finds, and what it makes of a table. */
#include "loading.h"
#include "scratch.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct {
    const char *name, *words;
} bad_variants[] = {
    {"NoSymbol", "it has no symbol regstore_plugin_v1"},
    {"Major2", "is a plugin for major 2 of the ABI, this host speaks major 1"},
    {"SmallTable", "the plugin's table has"},
    {"NotZero", "'zero' in the plugin's table is not 0"},
    {"NoPurge", "the plugin's table has no purge"},
    {"ClaimsCopy", "claims to copy, but its table has no copy"},
    {"TwiceTheSame", "has the setting 'file' twice"},
    {"WithoutHelp", "has no key or no help"},
};

START_TEST(table_that_breaks_a_rule_is_refused)
{
    const char *path = scratch_path("Bad.so");
    scratch_copy(variant(bad_variants[_i].name), path, 0644);
    assert_refused(path, bad_variants[_i].words);
}
END_TEST

START_TEST(table_of_a_later_minor_is_cut_to_what_is_known)
{
    const char *path = scratch_path("Grown.so");
    scratch_copy(variant("GrownTable"), path, 0644);
    ck_assert_msg(regstore_host_load_file(path, &plugin, &error) == REGSTORE_OK, "%s",
                  error.message);
    ck_assert_uint_eq(regstore_host_table(plugin)->struct_size, sizeof(struct regstore_plugin));
    ck_assert_uint_eq(regstore_host_table(plugin)->abi_minor, 7);
    ck_assert_uint_gt(regstore_host_published_table(plugin)->struct_size,
                      sizeof(struct regstore_plugin));
    regstore_host_plugin_free(plugin);
}
END_TEST

START_TEST(slot_that_is_not_offered_says_unsupported)
{
    struct regstore_call call = {.struct_size = sizeof(call), .error = &error};
    ck_assert_int_eq(regstore_host_load_file(good_copy("Good.so", 0644), &plugin, &error),
                     REGSTORE_OK);
    const struct regstore_plugin *table = regstore_host_table(plugin);
    ck_assert_ptr_null((const void *)(uintptr_t)regstore_host_published_table(plugin)->copy);
    error.retryable = 1;
    ck_assert_int_eq(table->copy(NULL, &call, "a", "b", NULL), REGSTORE_UNSUPPORTED);
    ck_assert_str_eq(error.message, "this plugin does not offer copy");
    ck_assert_uint_eq(error.retryable, 0);
    int64_t expires_ns;
    char url[8];
    ck_assert_int_eq(table->presign(NULL, &call, "a", NULL, url, sizeof(url), &expires_ns),
                     REGSTORE_UNSUPPORTED);
    ck_assert_str_eq(error.message, "this plugin does not offer presign");
    regstore_host_plugin_free(plugin);
}
END_TEST

#define SIXTY_FOUR "a123456789012345678901234567890123456789012345678901234567890123"

START_TEST(driver_name_is_letters_digits_and_underscores)
{
    static const char *const bad[] = {"",    "a/b", "../a", "..",       "/a", "a.so",
                                      "a-b", "a b", "a\nb", "\xc3\xa4", ".",  SIXTY_FOUR "4"};
    static const char *const good[] = {"a", "_", "9", "NoSuchStorage3", SIXTY_FOUR};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ck_assert_int_eq(regstore_host_load_driver(bad[i], "/", &plugin, &error), REGSTORE_CONFIG);
        ck_assert_msg(strstr(error.message, "cannot be the name of a driver") != NULL, "%s",
                      error.message);
        ck_assert_ptr_null(strchr(error.message, '\n'));
    }
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        ck_assert_int_eq(regstore_host_load_driver(good[i], "/", &plugin, &error), REGSTORE_CONFIG);
        ck_assert_msg(strstr(error.message, ".so in /, ") != NULL, "%s", error.message);
    }
}
END_TEST

/* One plugin in three folders: which one is found? */
START_TEST(callers_folder_comes_before_the_environments)
{
    char names[2][16] = {"first", "second"};
    const char *folders[2];
    for (size_t i = 0; i < 2; i++) {
        folders[i] = scratch_path(names[i]);
        ck_assert_int_eq(mkdir(folders[i], 0700), 0);
    }
    scratch_copy(variant("TestStorage"), scratch_path("second/Mine.so"), 0644);
    ck_assert_int_eq(setenv("REGSTORE_PLUGIN_DIR", folders[1], 1), 0);
    ck_assert_int_eq(regstore_host_load_driver("Mine", folders[0], &plugin, &error), REGSTORE_OK);
    ck_assert_str_eq(regstore_host_path(plugin), scratch_path("second/Mine.so"));
    regstore_host_plugin_free(plugin);
    scratch_copy(variant("TestStorage"), scratch_path("first/Mine.so"), 0644);
    ck_assert_int_eq(regstore_host_load_driver("Mine", folders[0], &plugin, &error), REGSTORE_OK);
    ck_assert_str_eq(regstore_host_path(plugin), scratch_path("first/Mine.so"));
    regstore_host_plugin_free(plugin);
}
END_TEST

START_TEST(plugin_that_is_found_but_refused_is_not_passed_over)
{
    plugin = NULL;
    const char *first = scratch_path("first");
    ck_assert_int_eq(mkdir(first, 0700), 0);
    scratch_copy(variant("TestStorage"), scratch_path("first/Mine.so"), 0666);
    (void)good_copy("Mine.so", 0644);
    ck_assert_int_eq(setenv("REGSTORE_PLUGIN_DIR", scratch_folder(), 1), 0);
    ck_assert_int_eq(regstore_host_load_driver("Mine", first, &plugin, &error), REGSTORE_CONFIG);
    ck_assert_ptr_nonnull(strstr(error.message, "chmod go-w"));
    ck_assert_ptr_null(plugin);
}
END_TEST

START_TEST(search_that_fails_names_every_folder)
{
    ck_assert_int_eq(setenv("REGSTORE_PLUGIN_DIR", "/from/environment", 1), 0);
    ck_assert_int_eq(regstore_host_load_driver("Nope", "/from/caller", &plugin, &error),
                     REGSTORE_CONFIG);
    ck_assert_msg(strstr(error.message, "no Nope.so in /from/caller, /from/environment, /") != NULL,
                  "%s", error.message);
}
END_TEST

START_TEST(program_in_a_build_tree_looks_into_that_trees_plugins)
{
    ck_assert_int_eq(unsetenv("REGSTORE_PLUGIN_DIR"), 0);
    ck_assert_int_eq(regstore_host_load_driver("Nope", NULL, &plugin, &error), REGSTORE_CONFIG);
    ck_assert_msg(strstr(error.message, "no Nope.so in " BUILD_ROOT "/plugin: ") != NULL, "%s",
                  error.message);
}
END_TEST

START_TEST(status_has_its_name)
{
    ck_assert_str_eq(regstore_host_status_name(REGSTORE_OK), "OK");
    ck_assert_str_eq(regstore_host_status_name(REGSTORE_CONFLICT), "CONFLICT");
    ck_assert_str_eq(regstore_host_status_name(-1), "INTERNAL");
    ck_assert_str_eq(regstore_host_status_name(REGSTORE_CONFLICT + 1), "INTERNAL");
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

static TCase *table_tests(void)
{
    TCase *tests = tcase_create("table");
    tcase_add_loop_test(tests, table_that_breaks_a_rule_is_refused, 0, COUNT(bad_variants));
    tcase_add_test(tests, table_of_a_later_minor_is_cut_to_what_is_known);
    tcase_add_test(tests, slot_that_is_not_offered_says_unsupported);
    tcase_add_test(tests, status_has_its_name);
    return tests;
}

static TCase *find_tests(void)
{
    TCase *tests = tcase_create("find");
    tcase_add_test(tests, driver_name_is_letters_digits_and_underscores);
    tcase_add_test(tests, callers_folder_comes_before_the_environments);
    tcase_add_test(tests, plugin_that_is_found_but_refused_is_not_passed_over);
    tcase_add_test(tests, search_that_fails_names_every_folder);
    tcase_add_test(tests, program_in_a_build_tree_looks_into_that_trees_plugins);
    return tests;
}

int main(void)
{
    (void)setenv("CK_DEFAULT_TIMEOUT", "60", 0); /* 4 s is little on a busy machine */
    Suite *suite = suite_create("host: find and load");
    suite_add_tcase(suite, table_tests());
    suite_add_tcase(suite, find_tests());
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
