/* SPDX-License-Identifier: Apache-2.0 */
/* Settings, storage_path, copies and check. */
#include "kit.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static regstore_status try_path(const char *path)
{
    const struct regstore_pair settings[] = {{"storage_path", path}};
    struct regstore_store *opened = NULL;
    const regstore_status status = plugin->store_open(plain(), NULL, settings, 1, &opened);
    plugin->store_close(opened);
    return status;
}

START_TEST(relative_storage_path_is_config_and_named)
{
    ck_status(try_path("data"), REGSTORE_CONFIG);
    ck_assert_ptr_nonnull(strstr(error.message, "storage_path"));
    ck_status(try_path("/data"), REGSTORE_OK);
}
END_TEST

START_TEST(storage_path_is_made_at_the_first_write_but_not_the_folder_above)
{
    char path[128];
    struct stat file;
    struct regstore_store *mine = store;
    snprintf(path, sizeof path, "%s/new", place);
    store = open_store(path, NULL);
    ck_status(stat_of("key"), REGSTORE_NOT_FOUND);
    ck_ok(remove_blob("key"));
    ck_assert_int_ne(stat(path, &file), 0);
    ck_ok(put("key", "x"));
    ck_assert_str_eq(get("key"), "x");
    plugin->store_close(store);
    snprintf(path, sizeof path, "%s/not/there", place);
    store = open_store(path, NULL);
    ck_status(put("key", "x"), REGSTORE_CONFIG);
    plugin->store_close(store);
    store = mine;
}
END_TEST

START_TEST(copy_shares_the_file_and_outlives_its_source)
{
    struct stat source, target;
    ck_ok(put("a", "bytes"));
    ck_ok(plugin->copy(store, plain(), "a", "b/c", NULL));
    ck_assert_int_eq(stat(file_of("a"), &source), 0);
    ck_assert_int_eq(stat(file_of("b/c"), &target), 0);
    ck_assert_uint_eq(source.st_ino, target.st_ino);
    ck_ok(plugin->copy(store, plain(), "a", "b/c", NULL)); /* two names of one file */
    ck_assert_uint_eq(staged(), 0);
    ck_ok(put("a", "other"));
    ck_ok(remove_blob("a"));
    ck_assert_str_eq(get("b/c"), "bytes");
}
END_TEST

START_TEST(copy_of_a_staging_file_is_not_written_into_by_its_upload)
{
    char from[REGSTORE_KEY_MAX] = "";
    const struct regstore_list_opts opts = {.struct_size = sizeof opts, .prefix = "uploads/"};
    struct regstore_list *list = NULL;
    struct regstore_upload *upload = begin(NULL, 0);
    ck_ok(write_text(upload, "first"));
    ck_ok(plugin->list_open(store, plain(), &opts, &list));
    ck_ok(plugin->list_next(list, plain(), from, sizeof from, NULL));
    plugin->list_close(list);
    ck_ok(plugin->copy(store, plain(), from, "copy", NULL));
    ck_ok(write_text(upload, " second"));
    ck_assert_str_eq(get("copy"), "first");
    ck_ok(commit(upload, "key", 0));
    plugin->upload_close(upload);
    ck_assert_str_eq(get("key"), "first second");
    ck_assert_uint_eq(staged(), 0);
}
END_TEST

START_TEST(write_beyond_a_limit_is_no_space_and_goes_on_from_the_offset)
{
    struct rlimit limit = {.rlim_cur = 8192, .rlim_max = RLIM_INFINITY};
    char *bytes = calloc(1, 20000);
    struct regstore_upload *upload = begin(NULL, REGSTORE_UPLOAD_SHA256);
    ck_assert_ptr_nonnull(bytes);
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    ck_status(plugin->upload_write(upload, plain(), bytes, 20000), REGSTORE_NO_SPACE);
    ck_assert_uint_eq(plugin->upload_offset(upload), 8192);
    limit.rlim_cur = RLIM_INFINITY;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    ck_ok(plugin->upload_write(upload, plain(), bytes, 20000 - 8192));
    ck_ok(commit(upload, "key", 0));
    plugin->upload_close(upload);
    free(bytes);
}
END_TEST

START_TEST(folder_without_rights_is_denied_and_named)
{
    const bool is_root = geteuid() == 0;
    ck_ok(put("before", "x"));
    ck_assert_int_eq(chmod(file_of("uploads"), 0555), 0);
    ck_assert_int_eq(chmod(place, 0555), 0);
    if (is_root)
        ck_assert_int_eq(seteuid(65534), 0);
    struct regstore_upload *upload = begin(NULL, 0);
    ck_status(write_text(upload, "x"), REGSTORE_DENIED);
    plugin->upload_close(upload);
    ck_status(remove_blob("before"), REGSTORE_DENIED);
    ck_assert_ptr_nonnull(strstr(error.message, "before"));
    ck_status(plugin->check(store, plain(), NULL), REGSTORE_DENIED);
    ck_assert_ptr_nonnull(strstr(error.message, place));
    if (is_root)
        ck_assert_int_eq(seteuid(0), 0);
    ck_assert_int_eq(chmod(file_of("uploads"), 0700), 0);
    ck_assert_int_eq(chmod(place, 0700), 0);
}
END_TEST

static unsigned steps, bad_steps;

static void count_step(void *unused, const char *name, regstore_status status, const char *found,
                       const char *advice)
{
    (void)unused;
    ck_assert(name[0] != '\0' && found[0] != '\0' && advice != NULL);
    steps++;
    bad_steps += status != REGSTORE_OK;
}

START_TEST(check_goes_the_way_of_a_blob_and_leaves_nothing)
{
    const struct regstore_check_opts opts = {
        .struct_size = sizeof opts, .flags = REGSTORE_CHECK_WRITE, .step = count_step};
    const struct regstore_list_opts all = {.struct_size = sizeof all};
    struct regstore_list *list = NULL;
    char key[REGSTORE_KEY_MAX];
    ck_ok(plugin->check(store, plain(), &opts));
    ck_assert_uint_eq(steps, 6);
    ck_assert_uint_eq(bad_steps, 0);
    ck_ok(plugin->list_open(store, plain(), &all, &list));
    ck_ok(plugin->list_next(list, plain(), key, sizeof key, NULL));
    ck_assert_str_eq(key, "");
    plugin->list_close(list);
}
END_TEST

START_TEST(check_says_which_step_failed)
{
    const struct regstore_check_opts opts = {.struct_size = sizeof opts, .step = count_step};
    char path[128];
    ck_ok(put("file", "x"));
    snprintf(path, sizeof path, "%s/file", place);
    struct regstore_store *other = open_store(path, NULL);
    ck_status(plugin->check(other, plain(), &opts), REGSTORE_CONFIG);
    ck_assert_ptr_nonnull(strstr(error.message, "not a folder"));
    ck_assert_uint_eq(bad_steps, 1);
    plugin->store_close(other);
}
END_TEST

void add_store_tests(Suite *suite)
{
    add_claim(suite, relative_storage_path_is_config_and_named);
    add_claim(suite, storage_path_is_made_at_the_first_write_but_not_the_folder_above);
    add_claim(suite, copy_shares_the_file_and_outlives_its_source);
    add_claim(suite, copy_of_a_staging_file_is_not_written_into_by_its_upload);
    add_claim(suite, write_beyond_a_limit_is_no_space_and_goes_on_from_the_offset);
    add_claim(suite, folder_without_rights_is_denied_and_named);
    add_claim(suite, check_goes_the_way_of_a_blob_and_leaves_nothing);
    add_claim(suite, check_says_which_step_failed);
}
