/* SPDX-License-Identifier: Apache-2.0 */
/* What the host finds, what it refuses to run, and what it makes of a table. */
#include "regstore-host.h"
#include "scratch.h"

#include <check.h>
#include <elf.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct regstore_error error = {.struct_size = sizeof(error)};
static struct regstore_host_plugin *plugin;

static const char *variant(const char *name)
{
    static char path[1024];
    (void)snprintf(path, sizeof(path), "%s/%s.so", PLUGIN_VARIANTS, name);
    return path;
}

/* A good plugin in the scratch folder. */
static const char *good_copy(const char *name, unsigned mode)
{
    const char *path = scratch_path(name);
    scratch_copy(variant("TestStorage"), path, mode);
    return path;
}

static void assert_refused(const char *path, const char *words)
{
    regstore_status status = regstore_host_load_file(path, &plugin, &error);
    ck_assert_msg(status == REGSTORE_CONFIG && strstr(error.message, words) != NULL,
                  "status %d, \"%s\" without \"%s\"", status, error.message, words);
    ck_assert_ptr_null(plugin);
}

START_TEST(good_plugin_is_loaded_and_named_by_its_real_path)
{
    const char *path = good_copy("Good.so", 0644);
    const char *link = scratch_path("Link.so");
    ck_assert_int_eq(symlink(path, link), 0);
    ck_assert_msg(regstore_host_load_file(link, &plugin, &error) == REGSTORE_OK, "%s",
                  error.message);
    ck_assert_str_eq(regstore_host_path(plugin), path);
    ck_assert_str_eq(regstore_host_table(plugin)->name, "TestStorage");
    regstore_host_plugin_free(plugin);
    regstore_host_plugin_free(NULL);
}
END_TEST

START_TEST(relative_path_is_loaded)
{
    (void)good_copy("Good.so", 0644);
    ck_assert_int_eq(chdir(scratch_folder()), 0);
    ck_assert_int_eq(regstore_host_load_file("Good.so", &plugin, &error), REGSTORE_OK);
    ck_assert_str_eq(regstore_host_path(plugin), scratch_path("Good.so"));
    regstore_host_plugin_free(plugin);
    ck_assert_int_eq(chdir("/"), 0);
}
END_TEST

START_TEST(file_that_others_may_write_is_refused_with_the_command_that_mends_it)
{
    static const unsigned modes[] = {0664, 0646, 0666};
    const char *path = good_copy("Loose.so", modes[_i]);
    char command[600];
    (void)snprintf(command, sizeof(command), "chmod go-w '%s'", path);
    assert_refused(path, command);
    ck_assert_int_eq(chmod(path, 0644), 0);
    ck_assert_int_eq(regstore_host_load_file(path, &plugin, &error), REGSTORE_OK);
    regstore_host_plugin_free(plugin);
}
END_TEST

START_TEST(folder_that_others_may_write_is_refused)
{
    static const unsigned modes[] = {0770, 0707, 01777};
    const char *path = good_copy("Good.so", 0644);
    ck_assert_int_eq(chmod(scratch_folder(), (mode_t)modes[_i]), 0);
    assert_refused(path, "the folder");
}
END_TEST

START_TEST(link_is_judged_by_the_real_file_and_both_folders)
{
    const char *other = scratch_path("other");
    const char *real = scratch_path("other/Real.so");
    const char *link = scratch_path("Link.so");
    ck_assert_int_eq(mkdir(other, 0700), 0);
    scratch_copy(variant("TestStorage"), real, 0664);
    ck_assert_int_eq(symlink(real, link), 0);
    assert_refused(link, "other/Real.so may be written by others");
    ck_assert_int_eq(chmod(real, 0644), 0);
    ck_assert_int_eq(chmod(other, 0777), 0);
    assert_refused(link, "the folder");
    ck_assert_int_eq(chmod(other, 0700), 0);
    ck_assert_int_eq(chmod(scratch_folder(), 0777), 0);
    assert_refused(link, "the folder");
}
END_TEST

START_TEST(foreign_owner_is_refused)
{
    const char *path = good_copy("Good.so", 0644);
    ck_assert_int_eq(chown(path, 12345, (gid_t)-1), 0);
    assert_refused(path, "belongs to user 12345, neither to root nor to the caller");
    ck_assert_int_eq(chown(path, 0, (gid_t)-1), 0);
    ck_assert_int_eq(chown(scratch_folder(), 12345, (gid_t)-1), 0);
    assert_refused(path, "the folder");
    /* The caller's own and root's are both fine. */
    ck_assert_int_eq(seteuid(12345), 0);
    ck_assert_msg(regstore_host_load_file(path, &plugin, &error) == REGSTORE_OK, "%s",
                  error.message);
    ck_assert_int_eq(seteuid(0), 0);
    regstore_host_plugin_free(plugin);
}
END_TEST

/* The link is fine in every way; what it leads to is somebody else's. */
START_TEST(link_to_a_foreign_file_or_folder_is_refused)
{
    const char *other = scratch_path("other");
    const char *real = scratch_path("other/Real.so");
    const char *link = scratch_path("Link.so");
    ck_assert_int_eq(mkdir(other, 0755), 0);
    scratch_copy(variant("TestStorage"), real, 0644);
    ck_assert_int_eq(symlink(real, link), 0);
    ck_assert_int_eq(chown(real, 12345, (gid_t)-1), 0);
    assert_refused(link, "other/Real.so belongs to user 12345, neither to root nor to the caller");
    ck_assert_int_eq(chown(real, 0, (gid_t)-1), 0);
    ck_assert_int_eq(chown(other, 12345, (gid_t)-1), 0);
    assert_refused(link, "the folder");
    ck_assert_int_eq(chown(other, 0, (gid_t)-1), 0);
    ck_assert_msg(regstore_host_load_file(link, &plugin, &error) == REGSTORE_OK, "%s",
                  error.message);
    regstore_host_plugin_free(plugin);
}
END_TEST

START_TEST(what_is_no_plugin_is_refused_each_with_its_reason)
{
    const char *path = scratch_path("Odd.so");
    assert_refused(path, "No such file or directory");
    ck_assert_int_eq(symlink("/nowhere", path), 0);
    assert_refused(path, "is a symbolic link to nothing");
    ck_assert_int_eq(unlink(path), 0);
    scratch_write(path, "", 0, 0644);
    assert_refused(path, "is not a shared library");
    scratch_write(path, "#!/bin/sh\nexec true; # and more than an ELF header has bytes .........\n",
                  72, 0644);
    assert_refused(path, "is not a shared library");
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    assert_refused(path, "is not a file");
}
END_TEST

static void overwrite(const char *path, size_t offset, unsigned char byte)
{
    int file = open(path, O_WRONLY | O_CLOEXEC);
    ck_assert_int_ge(file, 0);
    ck_assert_int_eq(pwrite(file, &byte, 1, (off_t)offset), 1);
    ck_assert_int_eq(close(file), 0);
}

START_TEST(code_for_another_machine_is_refused)
{
    const char *path = good_copy("Other.so", 0644);
    overwrite(path, offsetof(Elf64_Ehdr, e_machine), EM_S390);
    assert_refused(path, "is built for another machine (ELF class 2, machine 22; ");
    path = good_copy("Other.so", 0644);
    overwrite(path, EI_CLASS, ELFCLASS32);
    assert_refused(path, "is built for another machine");
}
END_TEST

START_TEST(library_that_needs_what_is_not_there_is_refused_by_the_loader)
{
    /* The name of the first library it needs is replaced. */
    static char bytes[1024 * 1024];
    const char *path = scratch_path("Needy.so");
    FILE *file = fopen(variant("TestStorage"), "re");
    ck_assert_ptr_nonnull(file);
    size_t length = fread(bytes, 1, sizeof(bytes), file);
    ck_assert_int_eq(fclose(file), 0);
    char *name = memmem(bytes, length, "libcrypto.so", 12);
    ck_assert_ptr_nonnull(name);
    memcpy(name, "libnowhere.s", 12);
    scratch_write(path, bytes, length, 0644);
    assert_refused(path, "Needy.so cannot be loaded: libnowhere.s");
}
END_TEST

START_TEST(truncated_library_is_refused)
{
    const char *path = good_copy("Cut.so", 0644);
    struct stat found;
    ck_assert_int_eq(stat(path, &found), 0);
    ck_assert_int_eq(truncate(path, found.st_size - 1), 0);
    assert_refused(path, "is cut short");
    ck_assert_int_eq(truncate(path, 5000), 0);
    assert_refused(path, "is cut short");
    ck_assert_int_eq(truncate(path, sizeof(Elf64_Ehdr) - 1), 0);
    assert_refused(path, "is not a shared library");
}
END_TEST

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

static TCase *guard_tests(void)
{
    TCase *tests = tcase_create("guard");
    tcase_add_test(tests, good_plugin_is_loaded_and_named_by_its_real_path);
    tcase_add_test(tests, relative_path_is_loaded);
    tcase_add_loop_test(tests, file_that_others_may_write_is_refused_with_the_command_that_mends_it,
                        0, 3);
    tcase_add_loop_test(tests, folder_that_others_may_write_is_refused, 0, 3);
    tcase_add_test(tests, link_is_judged_by_the_real_file_and_both_folders);
    if (geteuid() == 0) {
        tcase_add_test(tests, foreign_owner_is_refused);
        tcase_add_test(tests, link_to_a_foreign_file_or_folder_is_refused);
    } else {
        printf("left out: what a foreign owner changes, which only root can try\n");
    }
    tcase_add_test(tests, what_is_no_plugin_is_refused_each_with_its_reason);
    tcase_add_test(tests, code_for_another_machine_is_refused);
    tcase_add_test(tests, library_that_needs_what_is_not_there_is_refused_by_the_loader);
    tcase_add_test(tests, truncated_library_is_refused);
    return tests;
}

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
    Suite *suite = suite_create("host: find, guard and load");
    suite_add_tcase(suite, guard_tests());
    suite_add_tcase(suite, table_tests());
    suite_add_tcase(suite, find_tests());
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
