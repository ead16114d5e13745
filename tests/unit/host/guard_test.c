/* SPDX-License-Identifier: Apache-2.0 */
/* What the host refuses to run code from. */
#include "loading.h"
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

/* "the folder FOLDER may be written ...", and the command that mends it. */
static void assert_folder_refused(const char *path, const char *folder)
{
    char words[700];
    (void)snprintf(words, sizeof(words), "the folder %s may be written by others", folder);
    assert_refused(path, words);
    (void)snprintf(words, sizeof(words), "chmod go-w '%s'", folder);
    assert_refused(path, words);
}

START_TEST(folder_that_others_may_write_is_refused)
{
    static const unsigned modes[] = {0770, 0707, 02775};
    const char *path = good_copy("Good.so", 0644);
    ck_assert_int_eq(chmod(scratch_folder(), (mode_t)modes[_i]), 0);
    assert_folder_refused(path, scratch_folder());
}
END_TEST

/* Four folders deep: whoever may write any of them can put another in the place of the next. */
START_TEST(every_folder_above_is_judged)
{
    static const char *const names[] = {"1", "1/2", "1/2/3", "1/2/3/4"};
    for (size_t i = 0; i < 4; i++)
        ck_assert_int_eq(mkdir(scratch_path(names[i]), 0755), 0);
    const char *path = good_copy("1/2/3/4/Good.so", 0644);
    assert_loaded(path);
    for (size_t i = 0; i < 4; i++) {
        const char *folder = scratch_path(names[i]);
        ck_assert_int_eq(chmod(folder, 0775), 0);
        assert_folder_refused(path, folder);
        ck_assert_int_eq(chmod(folder, 0757), 0);
        assert_folder_refused(path, folder);
        ck_assert_int_eq(chmod(folder, 0755), 0);
    }
    assert_loaded(path);
}
END_TEST

/* /tmp is such a folder; nobody but its owner can take away what lies there. */
START_TEST(sticky_folder_may_lie_above_but_holds_no_plugin_and_no_link)
{
    char words[700];
    const char *sticky = scratch_path("sticky"), *link = scratch_path("sticky/Link.so");
    const char *path = scratch_path("sticky/mine/Good.so");
    ck_assert_int_eq(mkdir(sticky, 0755), 0);
    ck_assert_int_eq(mkdir(scratch_path("sticky/mine"), 0755), 0);
    ck_assert_int_eq(chmod(sticky, 01777), 0);
    (void)good_copy("sticky/mine/Good.so", 0644);
    assert_loaded(path);
    (void)snprintf(words, sizeof(words), "mkdir -m 0755 '%s/plugins'", sticky);
    assert_refused(good_copy("sticky/Loose.so", 0644), words);
    ck_assert_int_eq(symlink(path, link), 0);
    assert_refused(link, words);
    ck_assert_int_eq(chmod(sticky, 0777), 0);
    assert_folder_refused(path, sticky);
}
END_TEST

/* The chain leads through a folder that neither the first name nor the last file lies in. */
START_TEST(every_folder_that_holds_a_link_on_the_way_is_judged)
{
    static const char *const names[] = {"first", "middle", "middle/deep", "last"};
    for (size_t i = 0; i < 4; i++)
        ck_assert_int_eq(mkdir(scratch_path(names[i]), 0755), 0);
    (void)good_copy("last/Good.so", 0644);
    ck_assert_int_eq(symlink("../../last", scratch_path("middle/deep/folder")), 0);
    ck_assert_int_eq(symlink("deep/./folder/Good.so", scratch_path("middle/Next.so")), 0);
    ck_assert_int_eq(symlink(scratch_path("middle/Next.so"), scratch_path("first/Link.so")), 0);
    const char *path = scratch_path("first/Link.so");
    assert_loaded(path);
    for (size_t i = 0; i < 4; i++) {
        const char *folder = scratch_path(names[i]);
        ck_assert_int_eq(chmod(folder, 0777), 0);
        assert_folder_refused(path, folder);
        ck_assert_int_eq(chmod(folder, 0755), 0);
    }
    assert_loaded(path);
}
END_TEST

START_TEST(links_that_lead_in_a_circle_are_refused)
{
    ck_assert_int_eq(symlink("Two.so", scratch_path("One.so")), 0);
    ck_assert_int_eq(symlink("One.so", scratch_path("Two.so")), 0);
    assert_refused(scratch_path("One.so"), "Too many levels of symbolic links");
}
END_TEST

/* realpath knows what the kernel makes of a name; the walk must end at the same file. */
START_TEST(odd_names_lead_where_the_kernel_says)
{
    static const char *const odd[] = {"./1/../1/./2//Good.so", "1/up/1/2/Good.so",
                                      "1/root/../1/2/Good.so", "1/here/2/Good.so"};
    char resolved[4096];
    ck_assert_int_eq(mkdir(scratch_path("1"), 0755), 0);
    ck_assert_int_eq(mkdir(scratch_path("1/2"), 0755), 0);
    (void)good_copy("1/2/Good.so", 0644);
    ck_assert_int_eq(symlink("..", scratch_path("1/up")), 0);
    ck_assert_int_eq(symlink(".", scratch_path("1/here")), 0);
    ck_assert_int_eq(symlink(scratch_path("1"), scratch_path("1/root")), 0);
    ck_assert_int_eq(chdir(scratch_folder()), 0);
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        ck_assert_msg(realpath(odd[i], resolved) != NULL, "%s", odd[i]);
        ck_assert_msg(regstore_host_load_file(odd[i], &plugin, &error) == REGSTORE_OK, "%s: %s",
                      odd[i], error.message);
        ck_assert_str_eq(regstore_host_path(plugin), resolved);
        regstore_host_plugin_free(plugin);
    }
    plugin = NULL;
    assert_refused("1/2/Good.so/", "Not a directory");
    assert_refused("1/2/Good.so/x", "Not a directory");
    assert_refused("", "No such file or directory");
    ck_assert_int_eq(chdir("/"), 0);
}
END_TEST

/* Who may write above the running program can have replaced it already. */
START_TEST(folders_above_the_running_program_are_taken_as_they_are)
{
    char command[2048], program[1024];
    const char *outer = scratch_path("outer");
    ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);
    ck_assert_int_gt(length, 0);
    program[length] = '\0';
    ck_assert_int_eq(mkdir(outer, 0755), 0);
    ck_assert_int_eq(mkdir(scratch_path("outer/bin"), 0755), 0);
    ck_assert_int_eq(mkdir(scratch_path("outer/plugin"), 0755), 0);
    (void)good_copy("outer/plugin/Good.so", 0644);
    ck_assert_int_eq(chmod(outer, 0777), 0);
    assert_folder_refused(scratch_path("outer/plugin/Good.so"), outer);
    scratch_copy(program, scratch_path("outer/bin/program"), 0755);
    (void)snprintf(command, sizeof(command), "'%s' '%s'", scratch_path("outer/bin/program"),
                   scratch_path("outer/plugin/Good.so"));
    ck_assert_int_eq(system(command), 0);
    ck_assert_int_eq(chmod(scratch_path("outer/plugin"), 0777), 0);
    ck_assert_int_ne(system(command), 0);
    /* A plugin right in such a folder is a name that the program need not have. */
    (void)snprintf(command, sizeof(command), "'%s' '%s'", scratch_path("outer/bin/program"),
                   good_copy("outer/Good.so", 0644));
    ck_assert_int_ne(system(command), 0);
    ck_assert_int_eq(chmod(outer, 0755), 0);
    ck_assert_int_eq(system(command), 0);
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

/* Also in a sticky folder: its owner may do there as he likes. */
START_TEST(foreign_folder_above_is_refused)
{
    static const mode_t modes[] = {0755, 01777};
    const char *outer = scratch_path("outer");
    ck_assert_int_eq(mkdir(outer, 0755), 0);
    ck_assert_int_eq(mkdir(scratch_path("outer/inner"), 0755), 0);
    const char *path = good_copy("outer/inner/Good.so", 0644);
    assert_loaded(path);
    ck_assert_int_eq(chown(outer, 12345, (gid_t)-1), 0);
    for (size_t i = 0; i < 2; i++) {
        ck_assert_int_eq(chmod(outer, modes[i]), 0);
        assert_refused(path, "outer belongs to user 12345, neither to root nor to the caller");
    }
    /* Below his own home root's folder and his own are fine to its owner. */
    ck_assert_int_eq(chmod(outer, 0755), 0);
    ck_assert_int_eq(chmod(scratch_folder(), 0755), 0);
    ck_assert_int_eq(seteuid(12345), 0);
    assert_loaded(path);
    ck_assert_int_eq(seteuid(0), 0);
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

static TCase *guard_tests(void)
{
    TCase *tests = tcase_create("guard");
    tcase_add_test(tests, good_plugin_is_loaded_and_named_by_its_real_path);
    tcase_add_test(tests, relative_path_is_loaded);
    tcase_add_loop_test(tests, file_that_others_may_write_is_refused_with_the_command_that_mends_it,
                        0, 3);
    tcase_add_loop_test(tests, folder_that_others_may_write_is_refused, 0, 3);
    tcase_add_test(tests, every_folder_above_is_judged);
    tcase_add_test(tests, sticky_folder_may_lie_above_but_holds_no_plugin_and_no_link);
    tcase_add_test(tests, folders_above_the_running_program_are_taken_as_they_are);
    tcase_add_test(tests, link_is_judged_by_the_real_file_and_both_folders);
    tcase_add_test(tests, every_folder_that_holds_a_link_on_the_way_is_judged);
    tcase_add_test(tests, links_that_lead_in_a_circle_are_refused);
    tcase_add_test(tests, odd_names_lead_where_the_kernel_says);
    if (geteuid() == 0) {
        tcase_add_test(tests, foreign_owner_is_refused);
        tcase_add_test(tests, link_to_a_foreign_file_or_folder_is_refused);
        tcase_add_test(tests, foreign_folder_above_is_refused);
    } else {
        printf("left out: what a foreign owner changes, which only root can try\n");
    }
    tcase_add_test(tests, what_is_no_plugin_is_refused_each_with_its_reason);
    tcase_add_test(tests, code_for_another_machine_is_refused);
    tcase_add_test(tests, library_that_needs_what_is_not_there_is_refused_by_the_loader);
    tcase_add_test(tests, truncated_library_is_refused);
    return tests;
}

/* The copy that one of the tests makes of this program: does it load this plugin? */
static int load_only(const char *path)
{
    regstore_status status = regstore_host_load_file(path, &plugin, &error);
    printf("%s: %s\n", path, status == REGSTORE_OK ? "loaded" : error.message);
    regstore_host_plugin_free(plugin);
    return status == REGSTORE_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return load_only(argv[1]);
    (void)setenv("CK_DEFAULT_TIMEOUT", "60", 0); /* 4 s is little on a busy machine */
    Suite *suite = suite_create("host: guard");
    suite_add_tcase(suite, guard_tests());
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
