/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that would leave storage_path, and files that are no blobs. */
#include "kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char outside[128];

/* A folder outside of the store with the file "secret" in it. */
static void make_outside(void)
{
    char path[160];
    snprintf(outside, sizeof outside, "%s-outside", place);
    ck_assert_int_eq(mkdir(outside, 0700), 0);
    snprintf(path, sizeof path, "%s/secret", outside);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fputs("secret", file);
    fclose(file);
}

/* Fails when anything outside has changed; removes it. */
static void outside_is_untouched(void)
{
    char path[160], text[16] = "";
    snprintf(path, sizeof path, "%s/secret", outside);
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    ck_assert_ptr_nonnull(fgets(text, sizeof text, file));
    fclose(file);
    ck_assert_str_eq(text, "secret");
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_msg(rmdir(outside) == 0, "something was put outside of the store");
}

/* Every verb on a key that leads through a symbolic link. */
static void all_verbs_refuse(const char *key)
{
    struct regstore_reader *reader = NULL;
    ck_status(stat_of(key), REGSTORE_INVALID);
    ck_status(plugin->read_open(store, plain(), key, NULL, &reader, NULL), REGSTORE_INVALID);
    ck_status(remove_blob(key), REGSTORE_INVALID);
    ck_status(plugin->copy(store, plain(), key, "copied", NULL), REGSTORE_INVALID);
    ck_assert_uint_eq(staged(), 0);
}

START_TEST(key_through_a_folder_link_out_of_the_store_is_invalid)
{
    make_outside();
    ck_assert_int_eq(symlink(outside, file_of("out")), 0);
    all_verbs_refuse("out/secret");
    ck_status(put("out/new", "x"), REGSTORE_INVALID);
    ck_status(put("out/deep/new", "x"), REGSTORE_INVALID);
    ck_ok(put("inside", "x"));
    ck_status(plugin->copy(store, plain(), "inside", "out/new", NULL), REGSTORE_INVALID);
    outside_is_untouched();
}
END_TEST

START_TEST(key_that_is_a_link_out_of_the_store_is_invalid)
{
    char target[160];
    make_outside();
    snprintf(target, sizeof target, "%s/secret", outside);
    ck_assert_int_eq(symlink(target, file_of("out")), 0);
    all_verbs_refuse("out");
    ck_ok(put("out", "mine")); /* replaces the link itself */
    ck_assert_str_eq(get("out"), "mine");
    outside_is_untouched();
}
END_TEST

START_TEST(relative_link_out_of_the_store_is_invalid)
{
    char target[160];
    make_outside();
    snprintf(target, sizeof target, "..%s", strrchr(outside, '/'));
    ck_assert_int_eq(symlink(target, file_of("out")), 0);
    all_verbs_refuse("out/secret");
    outside_is_untouched();
}
END_TEST

START_TEST(uploads_as_a_link_out_of_the_store_takes_nothing)
{
    make_outside();
    ck_assert_int_eq(symlink(outside, file_of("uploads")), 0);
    ck_status(put("key", "x"), REGSTORE_INVALID);
    outside_is_untouched();
}
END_TEST

static unsigned warnings;

static void count_warning(void *unused, int32_t level, const char *event,
                          const struct regstore_pair *fields, size_t n)
{
    (void)unused;
    (void)event;
    (void)fields;
    (void)n;
    warnings += level == REGSTORE_LOG_WARNING;
}

START_TEST(list_shows_no_links_and_follows_none_and_says_so_once)
{
    const struct regstore_host host = {.struct_size = sizeof host, .log = count_warning};
    const struct regstore_list_opts opts = {.struct_size = sizeof opts};
    struct regstore_list *list = NULL;
    char key[REGSTORE_KEY_MAX];
    make_outside();
    ck_ok(put("blob", "x"));
    ck_assert_int_eq(symlink(outside, file_of("out")), 0);
    ck_assert_int_eq(symlink(".", file_of("again")), 0);
    ck_assert_int_eq(mkfifo(file_of("pipe"), 0600), 0);
    plugin->store_close(store);
    store = open_store(place, &host);
    ck_ok(plugin->list_open(store, plain(), &opts, &list));
    ck_ok(plugin->list_next(list, plain(), key, sizeof key, NULL));
    ck_assert_str_eq(key, "blob");
    ck_ok(plugin->list_next(list, plain(), key, sizeof key, NULL));
    ck_assert_str_eq(key, "");
    plugin->list_close(list);
    ck_assert_uint_eq(warnings, 1);
    outside_is_untouched();
}
END_TEST

START_TEST(folder_and_pipe_are_no_blobs)
{
    struct regstore_reader *reader = NULL;
    ck_ok(put("folder/blob", "x"));
    ck_assert_int_eq(mkfifo(file_of("pipe"), 0600), 0);
    ck_status(stat_of("folder"), REGSTORE_NOT_FOUND);
    ck_status(stat_of("pipe"), REGSTORE_NOT_FOUND);
    ck_status(plugin->read_open(store, plain(), "pipe", NULL, &reader, NULL), REGSTORE_NOT_FOUND);
    ck_ok(remove_blob("folder"));
    ck_ok(stat_of("folder/blob"));
}
END_TEST

START_TEST(part_longer_than_a_file_name_is_invalid_and_the_limit_is_named)
{
    char key[REGSTORE_KEY_MAX] = "a/";
    memset(key + 2, 'x', 255);
    ck_ok(put(key, "longest"));
    ck_assert_str_eq(get(key), "longest");
    memset(key + 2, 'x', 256);
    ck_status(put(key, "x"), REGSTORE_INVALID);
    ck_status(stat_of(key), REGSTORE_INVALID);
    ck_assert_ptr_nonnull(strstr(error.message, "255"));
}
END_TEST

/* Only the file system knows that the key leads through a link: nothing was done, OPEN stays. */
START_TEST(commit_through_a_symbolic_link_leaves_the_upload_open)
{
    struct regstore_upload *upload = begin(NULL, 0);
    ck_assert_int_eq(symlink(place, file_of("link")), 0);
    ck_ok(write_text(upload, "first"));
    ck_status(commit(upload, "link/key", 0), REGSTORE_INVALID);
    ck_ok(write_text(upload, " second"));
    ck_ok(put("taken", "x"));
    ck_status(commit(upload, "taken", REGSTORE_COMMIT_IF_ABSENT), REGSTORE_EXISTS);
    ck_status(commit(upload, "link/key", 0), REGSTORE_INVALID); /* SEALED, for any key, stays */
    ck_status(write_text(upload, "third"), REGSTORE_STATE);
    ck_ok(commit(upload, "key", 0));
    plugin->upload_close(upload);
    ck_assert_str_eq(get("key"), "first second");
}
END_TEST

void add_path_tests(Suite *suite)
{
    add_claim(suite, commit_through_a_symbolic_link_leaves_the_upload_open);
    add_claim(suite, key_through_a_folder_link_out_of_the_store_is_invalid);
    add_claim(suite, key_that_is_a_link_out_of_the_store_is_invalid);
    add_claim(suite, relative_link_out_of_the_store_is_invalid);
    add_claim(suite, uploads_as_a_link_out_of_the_store_takes_nothing);
    add_claim(suite, list_shows_no_links_and_follows_none_and_says_so_once);
    add_claim(suite, folder_and_pipe_are_no_blobs);
    add_claim(suite, part_longer_than_a_file_name_is_invalid_and_the_limit_is_named);
}
