/* SPDX-License-Identifier: Apache-2.0 */
/* Purge by age, with the host's clock two days ahead where something has to be old. */
#include "kit.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define DAY_S 86400

static struct regstore_purged purge(const struct regstore_host *host, uint64_t flags,
                                    uint64_t older_than_s)
{
    const struct regstore_purge_opts opts = {
        .struct_size = sizeof opts, .flags = flags, .older_than_s = older_than_s};
    struct regstore_purged purged = {.struct_size = sizeof purged};
    struct regstore_store *other = open_store(place, host);
    ck_ok(plugin->purge(other, plain(), &opts, &purged));
    plugin->store_close(other);
    return purged;
}

static void leave_upload(const char *text, char token[REGSTORE_TOKEN_MAX])
{
    struct regstore_upload *upload = begin(NULL, 0);
    ck_ok(write_text(upload, text));
    suspend(upload, token);
}

START_TEST(young_uploads_are_spared_and_old_ones_go)
{
    char token[REGSTORE_TOKEN_MAX];
    leave_upload("12345", token);
    struct regstore_purged purged = purge(NULL, 0, DAY_S);
    ck_assert_uint_eq(purged.uploads, 0);
    ck_assert_uint_eq(purged.spared, 1);
    purged = purge(&two_days_later, 0, DAY_S);
    ck_assert_uint_eq(purged.uploads, 1);
    ck_assert_uint_eq(purged.bytes, 5);
    ck_assert_uint_eq(purged.spared + purged.failed + purged.objects, 0);
    struct regstore_upload *upload = resume(token);
    ck_status(write_text(upload, "x"), REGSTORE_GONE);
    plugin->upload_close(upload);
}
END_TEST

START_TEST(upload_that_a_handle_holds_is_spared_whatever_its_age)
{
    char token[REGSTORE_TOKEN_MAX];
    leave_upload("12345", token);
    struct regstore_upload *upload = resume(token);
    ck_ok(write_text(upload, "6"));
    const struct regstore_purged purged = purge(&two_days_later, 0, DAY_S);
    ck_assert_uint_eq(purged.uploads, 0);
    ck_assert_uint_eq(purged.spared, 1);
    ck_ok(commit(upload, "key", 0));
    ck_assert_str_eq(get("key"), "123456");
    plugin->upload_close(upload);
}
END_TEST

START_TEST(dry_run_counts_and_removes_nothing)
{
    char token[REGSTORE_TOKEN_MAX];
    leave_upload("12345", token);
    const struct regstore_purged purged = purge(&two_days_later, REGSTORE_PURGE_DRY_RUN, DAY_S);
    ck_assert_uint_eq(purged.uploads, 1);
    ck_assert_uint_eq(staged(), 1);
}
END_TEST

START_TEST(flags_tell_uploads_from_other_objects)
{
    char token[REGSTORE_TOKEN_MAX];
    leave_upload("12345", token);
    ck_assert_int_eq(mkdir(file_of("uploads/deep"), 0700), 0);
    FILE *file = fopen(file_of("uploads/deep/foreign"), "w");
    ck_assert_ptr_nonnull(file);
    fputs("123", file);
    fclose(file);
    struct regstore_purged purged = purge(&two_days_later, REGSTORE_PURGE_OBJECTS, DAY_S);
    ck_assert_uint_eq(purged.objects, 1);
    ck_assert_uint_eq(purged.uploads, 0);
    ck_assert_uint_eq(purged.bytes, 3);
    purged = purge(&two_days_later, REGSTORE_PURGE_UPLOADS, DAY_S);
    ck_assert_uint_eq(purged.uploads, 1);
    ck_assert_uint_eq(staged(), 0);
}
END_TEST

START_TEST(purge_without_an_age_is_invalid_and_takes_nothing)
{
    char token[REGSTORE_TOKEN_MAX];
    const struct regstore_purge_opts opts = {.struct_size = sizeof opts};
    struct regstore_purged purged = {.struct_size = sizeof purged};
    leave_upload("12345", token);
    struct regstore_store *other = open_store(place, NULL);
    ck_status(plugin->purge(other, plain(), &opts, &purged), REGSTORE_INVALID);
    ck_status(plugin->purge(other, plain(), NULL, &purged), REGSTORE_INVALID);
    plugin->store_close(other);
    ck_assert_uint_eq(purged.uploads + purged.objects, 0);
    ck_assert_uint_eq(staged(), 1);
}
END_TEST

START_TEST(purge_touches_no_blob)
{
    ck_ok(put("sha256/ab/cd", "x"));
    const struct regstore_purged purged = purge(&two_days_later, 0, 1);
    ck_assert_uint_eq(purged.objects + purged.uploads, 0);
    ck_ok(stat_of("sha256/ab/cd"));
}
END_TEST

void add_purge_tests(Suite *suite)
{
    add_claim(suite, purge_without_an_age_is_invalid_and_takes_nothing);
    add_claim(suite, young_uploads_are_spared_and_old_ones_go);
    add_claim(suite, upload_that_a_handle_holds_is_spared_whatever_its_age);
    add_claim(suite, dry_run_counts_and_removes_nothing);
    add_claim(suite, flags_tell_uploads_from_other_objects);
    add_claim(suite, purge_touches_no_blob);
}
