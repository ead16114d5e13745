/* SPDX-License-Identifier: Apache-2.0 */
/* One writer an upload, also between processes, and what a fork does to handles. */
#include "kit.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char token[REGSTORE_TOKEN_MAX];

static void make_token(void)
{
    struct regstore_upload *upload = begin(NULL, REGSTORE_UPLOAD_SHA256);
    ck_ok(write_text(upload, "begin "));
    suspend(upload, token);
}

/* Runs act in a child; its exit status. */
static int in_child(int (*act)(struct regstore_upload *), struct regstore_upload *upload)
{
    int status;
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0)
        _exit(act(upload));
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

START_TEST(second_handle_is_conflict_until_the_first_is_done)
{
    make_token();
    struct regstore_upload *first = resume(token), *second = resume(token);
    ck_ok(write_text(first, "first"));
    ck_status(write_text(second, "second"), REGSTORE_CONFLICT);
    ck_assert_uint_eq(error.retryable, 1);
    ck_status(write_text(second, "second"), REGSTORE_CONFLICT);
    ck_ok(write_text(first, " done"));
    ck_ok(commit(first, "key", 0));
    ck_status(write_text(second, "second"), REGSTORE_GONE);
    ck_status(commit(second, "key", 0), REGSTORE_STATE);
    ck_assert_str_eq(get("key"), "begin first done");
    plugin->upload_close(first);
    plugin->upload_close(second);
}
END_TEST

START_TEST(second_handle_goes_on_when_the_first_was_closed)
{
    make_token();
    struct regstore_upload *first = resume(token), *second = resume(token);
    ck_ok(write_text(first, "first, and longer"));
    ck_status(write_text(second, "second"), REGSTORE_CONFLICT);
    plugin->upload_close(first);
    ck_ok(write_text(second, "second"));
    ck_ok(commit(second, "key", 0));
    ck_assert_str_eq(get("key"), "begin second");
    plugin->upload_close(second);
}
END_TEST

static int act_write_is_conflict(struct regstore_upload *unused)
{
    (void)unused;
    struct regstore_upload *upload = resume(token);
    return upload != NULL && write_text(upload, "child") == REGSTORE_CONFLICT &&
                   error.retryable == 1
               ? 0
               : 1;
}

START_TEST(another_process_is_conflict_too)
{
    make_token();
    struct regstore_upload *upload = resume(token);
    ck_ok(write_text(upload, "mine"));
    ck_assert_int_eq(in_child(act_write_is_conflict, NULL), 0);
    ck_ok(commit(upload, "key", 0));
    ck_assert_str_eq(get("key"), "begin mine");
    plugin->upload_close(upload);
}
END_TEST

static int act_everything_is_state(struct regstore_upload *upload)
{
    char other[REGSTORE_TOKEN_MAX], digest[REGSTORE_DIGEST_MAX];
    uint64_t kept;
    if (plugin->upload_offset(upload) != strlen("begin mine"))
        return 1;
    if (write_text(upload, "child") != REGSTORE_STATE ||
        commit(upload, "key", 0) != REGSTORE_STATE ||
        plugin->upload_abort(upload, plain()) != REGSTORE_STATE ||
        plugin->upload_digest(upload, "sha256", digest, sizeof digest) != REGSTORE_STATE)
        return 2;
    if (plugin->upload_suspend(upload, plain(), other, sizeof other, &kept) != REGSTORE_STATE)
        return 3;
    plugin->upload_close(upload);
    /* The close took neither the lock nor the file of the parent. */
    return act_write_is_conflict(NULL) == 0 ? 0 : 4;
}

START_TEST(handle_in_a_forked_child_is_state_and_its_close_changes_nothing)
{
    make_token();
    struct regstore_upload *upload = resume(token);
    ck_ok(write_text(upload, "mine"));
    ck_assert_int_eq(in_child(act_everything_is_state, upload), 0);
    ck_ok(write_text(upload, "!"));
    ck_ok(commit(upload, "key", 0));
    ck_assert_str_eq(get("key"), "begin mine!");
    plugin->upload_close(upload);
}
END_TEST

START_TEST(child_that_keeps_the_descriptor_keeps_no_lock)
{
    int hold[2];
    char byte;
    make_token();
    struct regstore_upload *upload = resume(token);
    ck_ok(write_text(upload, "mine"));
    ck_assert_int_eq(pipe(hold), 0);
    const pid_t child = fork();
    if (child == 0) {
        close(hold[1]);
        _exit(read(hold[0], &byte, 1) == 0 ? 0 : 1); /* lives until the parent lets go */
    }
    plugin->upload_close(upload);
    upload = resume(token);
    ck_ok(write_text(upload, "again"));
    ck_ok(commit(upload, "key", 0));
    plugin->upload_close(upload);
    close(hold[1]);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    close(hold[0]);
}
END_TEST

static int act_use_the_store(struct regstore_upload *unused)
{
    (void)unused;
    return put("from/child", "child") == REGSTORE_OK && strcmp(get("before"), "x") == 0 ? 0 : 1;
}

START_TEST(used_store_works_in_a_forked_child)
{
    ck_ok(put("before", "x"));
    ck_assert_int_eq(in_child(act_use_the_store, NULL), 0);
    ck_assert_str_eq(get("from/child"), "child");
}
END_TEST

START_TEST(abort_elsewhere_makes_the_writer_gone)
{
    make_token();
    struct regstore_upload *writer = resume(token), *other = resume(token);
    ck_ok(write_text(writer, "mine"));
    ck_ok(plugin->upload_abort(other, plain()));
    ck_status(write_text(writer, "more"), REGSTORE_GONE);
    ck_ok(plugin->upload_abort(writer, plain()));
    ck_ok(plugin->upload_abort(writer, plain()));
    plugin->upload_close(writer);
    plugin->upload_close(other);
    ck_assert_uint_eq(staged(), 0);
}
END_TEST

START_TEST(commit_of_gone_bytes_is_ok_only_when_the_key_has_them)
{
    make_token();
    struct regstore_upload *first = resume(token), *second = resume(token);
    ck_ok(commit(first, "key", 0));
    ck_ok(remove_blob("key"));
    ck_ok(put("key", "begin ")); /* the same bytes by another hand: read and compared */
    ck_ok(commit(second, "key", 0));
    plugin->upload_close(first);
    plugin->upload_close(second);
    second = resume(token);
    ck_ok(put("key", "BEGIN "));
    ck_status(commit(second, "key", 0), REGSTORE_CONFLICT);
    plugin->upload_close(second);
    second = resume(token);
    ck_ok(remove_blob("key"));
    ck_status(commit(second, "key", 0), REGSTORE_GONE);
    plugin->upload_close(second);
}
END_TEST

void add_writer_tests(Suite *suite)
{
    add_claim(suite, second_handle_is_conflict_until_the_first_is_done);
    add_claim(suite, second_handle_goes_on_when_the_first_was_closed);
    add_claim(suite, another_process_is_conflict_too);
    add_claim(suite, handle_in_a_forked_child_is_state_and_its_close_changes_nothing);
    add_claim(suite, child_that_keeps_the_descriptor_keeps_no_lock);
    add_claim(suite, used_store_works_in_a_forked_child);
    add_claim(suite, abort_elsewhere_makes_the_writer_gone);
    add_claim(suite, commit_of_gone_bytes_is_ok_only_when_the_key_has_them);
}
