/* SPDX-License-Identifier: Apache-2.0 */
/* kill -9 at every system call, and what others do while a process stands still there. */
#include "trace.h"

#include "kit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* So many files that uploads/ is read in several goes, between which names may change. */
#define OTHERS 400
/* Where a new name comes among the others is chance; so each sweep is done so often. */
#define SWEEPS 4

#define TEXT "0123456789 the whole blob, and nothing but the whole blob"

static char old_token[REGSTORE_TOKEN_MAX], new_token[REGSTORE_TOKEN_MAX];

static void must(bool holds)
{
    if (!holds)
        _exit(98);
}

static void act_put(void)
{
    must(put("a/b/key", TEXT) == REGSTORE_OK);
}

static void act_commit(void)
{
    struct regstore_upload *upload = resume(new_token);
    must(upload != NULL && commit(upload, "a/b/key", 0) == REGSTORE_OK);
    plugin->upload_close(upload);
}

/* Goes back to the old token and writes over what the new one speaks of. */
static void act_go_back(void)
{
    char unused[REGSTORE_TOKEN_MAX];
    struct regstore_upload *upload = resume(old_token);
    must(upload != NULL && write_text(upload, "OTHER BYTES") == REGSTORE_OK);
    uint64_t kept;
    must(plugin->upload_suspend(upload, plain(), unused, sizeof unused, &kept) == REGSTORE_OK);
    plugin->upload_close(upload);
}

/* Goes on from the new token, if it is let. */
static void act_append(void)
{
    struct regstore_upload *upload = resume(new_token);
    must(upload != NULL);
    const regstore_status status = write_text(upload, "APPENDED");
    must(status == REGSTORE_OK || status == REGSTORE_GONE || status == REGSTORE_CONFLICT);
    plugin->upload_close(upload);
}

/* Commits what the old token has, if it is let. */
static void act_commit_old(void)
{
    struct regstore_upload *upload = resume(old_token);
    must(upload != NULL);
    const regstore_status status = commit(upload, "key", 0);
    must(status == REGSTORE_OK || status == REGSTORE_GONE || status == REGSTORE_CONFLICT);
    plugin->upload_close(upload);
}

static void act_abort(void)
{
    struct regstore_upload *upload = resume(new_token);
    must(upload != NULL && plugin->upload_abort(upload, plain()) == REGSTORE_OK);
    plugin->upload_close(upload);
}

/* Goes on from the new token; nobody but a handle that writes just now may keep it from that. */
static void act_resume(void)
{
    struct regstore_upload *upload = resume(new_token);
    must(upload != NULL);
    const regstore_status status = write_text(upload, "RESUMED");
    must(status == REGSTORE_OK || (status == REGSTORE_CONFLICT && error.retryable == 1));
    plugin->upload_close(upload);
}

static void make_others(void)
{
    ck_assert_int_eq(mkdir(file_of("uploads"), 0700), 0);
    for (unsigned i = 0; i < OTHERS; i++) {
        char key[256];
        snprintf(key, sizeof key, "uploads/%0200u", i);
        const int fd = open(file_of(key), O_WRONLY | O_CREAT | O_EXCL, 0600);
        ck_assert_int_ge(fd, 0);
        close(fd);
    }
}

/* A new upload, suspended. */
static void make_new_token(void)
{
    struct regstore_upload *upload = begin(NULL, 0);
    ck_ok(write_text(upload, TEXT));
    suspend(upload, new_token);
}

/* Begins to write from the new token, which gives the file another name. */
static regstore_status begin_to_write(struct regstore_upload **upload)
{
    *upload = resume(new_token);
    ck_assert_ptr_nonnull(*upload);
    return write_text(*upload, "more");
}

static void purge_all(void)
{
    const struct regstore_purge_opts opts = {.struct_size = sizeof opts, .older_than_s = 86400};
    struct regstore_purged purged = {.struct_size = sizeof purged};
    struct regstore_store *other = open_store(place, &two_days_later);
    ck_ok(plugin->purge(other, plain(), &opts, &purged));
    plugin->store_close(other);
    ck_assert_uint_eq(staged(), 0);
}

START_TEST(put_killed_anywhere_leaves_the_whole_blob_or_none)
{
    bool is_done = false;
    unsigned absent = 0, whole = 0;
    for (unsigned n = 1; !is_done; n++) {
        is_done = dies_at(act_put, n);
        if (stat_of("a/b/key") == REGSTORE_NOT_FOUND) {
            absent++;
        } else {
            whole++;
            ck_assert_str_eq(get("a/b/key"), TEXT);
        }
        purge_all();
        ck_ok(remove_blob("a/b/key"));
    }
    ck_assert_uint_gt(absent, 0);
    ck_assert_uint_gt(whole, 1); /* also before the child's end */
}
END_TEST

START_TEST(overwriting_put_killed_anywhere_leaves_the_old_or_the_new_blob)
{
    bool is_done = false;
    for (unsigned n = 1; !is_done; n++) {
        ck_ok(put("a/b/key", "old"));
        is_done = dies_at(act_put, n);
        const char *text = get("a/b/key");
        ck_assert_msg(strcmp(text, "old") == 0 || strcmp(text, TEXT) == 0, "'%s'", text);
    }
    ck_assert_str_eq(get("a/b/key"), TEXT);
}
END_TEST

START_TEST(commit_killed_anywhere_can_be_repeated_from_its_token)
{
    bool is_done = false;
    for (unsigned n = 1; !is_done; n++) {
        struct regstore_upload *upload = begin(NULL, 0); /* no digest: it could be proved by that */
        ck_ok(write_text(upload, TEXT));
        suspend(upload, new_token);
        is_done = dies_at(act_commit, n);
        upload = resume(new_token);
        ck_assert_ptr_nonnull(upload);
        ck_ok(commit(upload, "a/b/key", 0));
        plugin->upload_close(upload);
        ck_assert_str_eq(get("a/b/key"), TEXT);
        ck_assert_uint_eq(staged(), 0);
        ck_ok(remove_blob("a/b/key"));
    }
}
END_TEST

/* The newer token either still has its bytes, or is refused; the older one always works. */
START_TEST(going_back_killed_anywhere_mixes_no_bytes)
{
    bool is_done = false;
    unsigned kept = 0, refused = 0;
    for (unsigned n = 1; !is_done; n++) {
        struct regstore_upload *upload = begin(NULL, 0);
        ck_ok(write_text(upload, "begin "));
        suspend(upload, old_token);
        upload = resume(old_token);
        ck_ok(write_text(upload, "newer bytes"));
        suspend(upload, new_token);
        is_done = dies_at(act_go_back, n);
        upload = resume(new_token);
        const regstore_status status = commit(upload, "key", 0);
        plugin->upload_close(upload);
        if (status == REGSTORE_OK) {
            kept++;
            ck_assert_str_eq(get("key"), "begin newer bytes");
            continue;
        }
        ck_assert_msg(status == REGSTORE_CONFLICT || status == REGSTORE_GONE, "%d", status);
        refused++;
        upload = resume(old_token);
        ck_ok(write_text(upload, "again"));
        ck_ok(commit(upload, "key", 0));
        plugin->upload_close(upload);
        ck_assert_str_eq(get("key"), "begin again");
    }
    ck_assert_uint_gt(kept, 0);
    ck_assert_uint_gt(refused, 1);
}
END_TEST

/* Another process is on its way to write into the file that this one makes a blob. */
START_TEST(writer_frozen_anywhere_never_writes_into_the_blob)
{
    unsigned committed = 0, refused = 0;
    for (unsigned n = 1;; n++) {
        struct regstore_upload *upload = begin(NULL, 0);
        ck_ok(write_text(upload, TEXT));
        suspend(upload, new_token);
        const pid_t child = frozen_at(act_append, n);
        if (child == 0)
            break;
        upload = resume(new_token);
        const regstore_status status = commit(upload, "key", 0);
        thaw(child);
        if (status == REGSTORE_OK) {
            committed++;
            ck_assert_str_eq(get("key"), TEXT);
        } else {
            refused++;
            ck_status(commit(upload, "key", 0), REGSTORE_OK);
            ck_assert_str_eq(get("key"), TEXT);
        }
        plugin->upload_close(upload);
    }
    ck_assert_uint_gt(committed, 1);
    ck_assert_uint_gt(refused, 1);
}
END_TEST

/* Two processes commit two tokens of one upload: the one that is second is refused. */
START_TEST(commit_frozen_anywhere_never_cuts_the_blob_of_another)
{
    unsigned committed = 0, refused = 0;
    for (unsigned n = 1;; n++) {
        struct regstore_upload *upload = begin(NULL, 0);
        ck_ok(write_text(upload, "begin "));
        suspend(upload, old_token);
        upload = resume(old_token);
        ck_ok(write_text(upload, "end"));
        suspend(upload, new_token);
        const pid_t child = frozen_at(act_commit_old, n);
        if (child == 0)
            break;
        upload = resume(new_token);
        const regstore_status status = commit(upload, "key", 0);
        plugin->upload_close(upload);
        thaw(child);
        ck_assert_str_eq(get("key"), status == REGSTORE_OK ? "begin end" : "begin ");
        *(status == REGSTORE_OK ? &committed : &refused) += 1;
        ck_ok(remove_blob("key"));
    }
    ck_assert_uint_gt(committed, 1);
    ck_assert_uint_gt(refused, 1);
}
END_TEST

/* What another process aborts while this one begins to write can never become a blob. */
START_TEST(abort_frozen_anywhere_ends_a_writer_that_begins)
{
    unsigned sweep = 0, begun = 0;
    make_others();
    for (unsigned n = 1; sweep < SWEEPS; n++) {
        struct regstore_upload *upload;
        make_new_token();
        const pid_t child = frozen_at(act_abort, n);
        if (child == 0) {
            sweep++;
            n = 0;
            continue;
        }
        const regstore_status status = begin_to_write(&upload);
        thaw(child);
        ck_assert_uint_eq(staged(), OTHERS);
        if (status == REGSTORE_OK) {
            begun++;
            ck_status(commit(upload, "key", 0), REGSTORE_GONE);
        }
        plugin->upload_close(upload);
    }
    ck_assert_uint_gt(begun, SWEEPS);
}
END_TEST

/* A name that changes while another process looks for it does not make the upload GONE. */
START_TEST(resume_frozen_anywhere_finds_what_another_handle_renames)
{
    unsigned sweep = 0, begun = 0;
    make_others();
    for (unsigned n = 1; sweep < SWEEPS; n++) {
        struct regstore_upload *upload;
        make_new_token();
        ck_ok(begin_to_write(&upload)); /* The token's own name is no more: it is searched. */
        plugin->upload_close(upload);
        const pid_t child = frozen_at(act_resume, n);
        if (child == 0) {
            sweep++;
            n = 0;
        } else {
            begun += begin_to_write(&upload) == REGSTORE_OK;
            plugin->upload_close(upload);
            thaw(child);
        }
        upload = resume(new_token);
        ck_ok(plugin->upload_abort(upload, plain()));
        plugin->upload_close(upload);
    }
    ck_assert_uint_gt(begun, SWEEPS);
}
END_TEST

void add_crash_tests(Suite *suite)
{
    add_claim(suite, abort_frozen_anywhere_ends_a_writer_that_begins);
    add_claim(suite, resume_frozen_anywhere_finds_what_another_handle_renames);
    add_claim(suite, commit_frozen_anywhere_never_cuts_the_blob_of_another);
    add_claim(suite, writer_frozen_anywhere_never_writes_into_the_blob);
    add_claim(suite, put_killed_anywhere_leaves_the_whole_blob_or_none);
    add_claim(suite, overwriting_put_killed_anywhere_leaves_the_old_or_the_new_blob);
    add_claim(suite, commit_killed_anywhere_can_be_repeated_from_its_token);
    add_claim(suite, going_back_killed_anywhere_mixes_no_bytes);
}
