/* SPDX-License-Identifier: Apache-2.0 */
/* Folders come and go with their keys, and a key under a key is never lost (KEY-3). */
#include "kit.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

START_TEST(key_under_a_key_is_conflict_and_the_blob_stays)
{
    ck_ok(put("a", "first"));
    ck_status(put("a/b", "second"), REGSTORE_CONFLICT);
    ck_status(put("a/b/c", "third"), REGSTORE_CONFLICT);
    ck_assert_str_eq(get("a"), "first");
    ck_status(stat_of("a/b"), REGSTORE_NOT_FOUND);
    ck_ok(remove_blob("a/b"));
    ck_assert_uint_eq(staged(), 0);
}
END_TEST

START_TEST(key_that_is_a_folder_of_keys_is_conflict_and_they_stay)
{
    ck_ok(put("a/b", "first"));
    ck_status(put("a", "second"), REGSTORE_CONFLICT);
    struct regstore_upload *upload = begin(NULL, 0);
    ck_ok(write_text(upload, "third"));
    ck_status(commit(upload, "a", REGSTORE_COMMIT_IF_ABSENT), REGSTORE_CONFLICT);
    ck_ok(plugin->upload_abort(upload, plain()));
    plugin->upload_close(upload);
    ck_assert_str_eq(get("a/b"), "first");
}
END_TEST

START_TEST(empty_folder_is_not_in_the_way_of_a_key)
{
    ck_assert_int_eq(mkdir(file_of("a"), 0700), 0);
    ck_ok(put("a", "blob"));
    ck_assert_str_eq(get("a"), "blob");
    ck_assert_int_eq(mkdir(file_of("b"), 0700), 0);
    struct regstore_upload *upload = begin(NULL, 0);
    ck_ok(write_text(upload, "text"));
    ck_ok(commit(upload, "b", REGSTORE_COMMIT_IF_ABSENT));
    plugin->upload_close(upload);
}
END_TEST

START_TEST(folders_go_with_their_last_key_and_storage_path_stays)
{
    struct stat file;
    ck_ok(put("a/b/c/one", "x"));
    ck_ok(put("a/two", "x"));
    ck_ok(remove_blob("a/b/c/one"));
    ck_assert_int_ne(stat(file_of("a/b"), &file), 0);
    ck_assert_int_eq(stat(file_of("a"), &file), 0);
    ck_ok(remove_blob("a/two"));
    ck_assert_int_ne(stat(file_of("a"), &file), 0);
    ck_assert_int_eq(stat(place, &file), 0);
}
END_TEST

#define WORKERS 4
#define TURNS 150

/* Puts and deletes one key of its own, in folders that all share; counts what went wrong. */
static void *come_and_go(void *argument)
{
    const char *key = argument;
    const struct regstore_call call = {.struct_size = sizeof call};
    const struct regstore_commit_opts opts = {.struct_size = sizeof opts, .key = key};
    uintptr_t failed = 0;
    for (int i = 0; i < TURNS; i++) {
        struct regstore_upload *upload = NULL;
        struct regstore_stat found = {.struct_size = sizeof found};
        failed += plugin->upload_open(store, &call, NULL, &upload) != REGSTORE_OK;
        failed += plugin->upload_write(upload, &call, key, strlen(key)) != REGSTORE_OK;
        failed += plugin->upload_commit(upload, &call, &opts, NULL) != REGSTORE_OK;
        plugin->upload_close(upload);
        failed += plugin->stat(store, &call, key, &found) != REGSTORE_OK;
        failed += found.length != strlen(key);
        failed += plugin->delete_blobs(store, &call, &key, 1, NULL) != REGSTORE_OK;
    }
    return (void *)failed;
}

START_TEST(folders_that_come_and_go_lose_no_commit)
{
    pthread_t threads[WORKERS];
    char keys[WORKERS][32];
    for (int i = 0; i < WORKERS; i++) {
        snprintf(keys[i], sizeof keys[i], "s/h/a/r/e/d/%d", i);
        ck_assert_int_eq(pthread_create(&threads[i], NULL, come_and_go, keys[i]), 0);
    }
    for (int i = 0; i < WORKERS; i++) {
        void *failed;
        ck_assert_int_eq(pthread_join(threads[i], &failed), 0);
        ck_assert_uint_eq((uintptr_t)failed, 0);
    }
}
END_TEST

void add_folder_tests(Suite *suite)
{
    add_claim(suite, key_under_a_key_is_conflict_and_the_blob_stays);
    add_claim(suite, key_that_is_a_folder_of_keys_is_conflict_and_they_stay);
    add_claim(suite, empty_folder_is_not_in_the_way_of_a_key);
    add_claim(suite, folders_go_with_their_last_key_and_storage_path_stays);
    add_claim(suite, folders_that_come_and_go_lose_no_commit);
}
