/* SPDX-License-Identifier: Apache-2.0 */
/* What a token opens: its own offset, the newest two, and nothing outside of uploads/. */
#include "kit.h"

#include "buf.h"
#include "staging.h"
#include "token.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char tokens[8][REGSTORE_TOKEN_MAX];

/* tokens[i] stands for the first i + 1 digits. */
static void make_tokens(unsigned n, const char *key, uint64_t flags)
{
    for (unsigned i = 0; i < n; i++) {
        const char text[2] = {(char)('0' + i), '\0'};
        struct regstore_upload *upload = i == 0 ? begin(key, flags) : resume(tokens[i - 1]);
        ck_assert_ptr_nonnull(upload);
        ck_ok(write_text(upload, text));
        suspend(upload, tokens[i]);
    }
}

static regstore_status finish(const char *token, const char *text)
{
    struct regstore_upload *upload = resume(token);
    ck_assert_ptr_nonnull(upload);
    regstore_status status = write_text(upload, text);
    if (status == REGSTORE_OK)
        status = commit(upload, "key", 0);
    plugin->upload_close(upload);
    return status;
}

START_TEST(newest_token_and_the_one_before_it_go_on)
{
    for (unsigned back = 1; back <= 2; back++) {
        make_tokens(5, NULL, REGSTORE_UPLOAD_SHA256);
        char expected[8] = "01234";
        expected[6 - back] = 'x';
        expected[7 - back] = '\0';
        ck_ok(finish(tokens[5 - back], "x"));
        ck_assert_str_eq(get("key"), expected);
        ck_assert_uint_eq(staged(), 0);
    }
}
END_TEST

START_TEST(token_before_the_newest_goes_on_after_the_newest_was_written_after)
{
    make_tokens(4, NULL, 0);
    struct regstore_upload *upload = resume(tokens[3]);
    ck_ok(write_text(upload, "dropped"));
    plugin->upload_close(upload);
    ck_ok(finish(tokens[2], "x"));
    ck_assert_str_eq(get("key"), "012x");
}
END_TEST

START_TEST(one_token_goes_on_as_often_as_its_successors_are_dropped)
{
    make_tokens(2, NULL, 0);
    for (int i = 0; i < 20; i++) {
        char dropped[REGSTORE_TOKEN_MAX];
        struct regstore_upload *upload = resume(tokens[1]);
        ck_ok(write_text(upload, "dropped"));
        suspend(upload, dropped);
    }
    ck_ok(finish(tokens[1], "x"));
    ck_assert_str_eq(get("key"), "01x");
}
END_TEST

START_TEST(token_of_overwritten_bytes_is_conflict)
{
    char other[REGSTORE_TOKEN_MAX];
    make_tokens(5, NULL, 0);
    struct regstore_upload *upload = resume(tokens[3]);
    ck_ok(write_text(upload, "longer than the other"));
    plugin->upload_close(upload);
    upload = resume(tokens[3]);
    ck_ok(write_text(upload, "other"));
    suspend(upload, other);
    struct stat file;
    ck_assert_uint_eq(staged(), 1);
    ck_assert_int_eq(stat(staged_path, &file), 0);
    ck_assert_int_eq(file.st_size, 9);
    ck_status(finish(tokens[4], "x"), REGSTORE_CONFLICT);
    ck_assert_uint_eq(error.retryable, 0);
    ck_ok(finish(other, "!"));
    ck_assert_str_eq(get("key"), "0123other!");
}
END_TEST

START_TEST(token_of_offset_0_takes_up_what_was_begun_and_leaves_nothing)
{
    char zero[REGSTORE_TOKEN_MAX];
    struct regstore_upload *upload = begin(NULL, 0);
    suspend(upload, zero);
    upload = resume(zero);
    ck_ok(write_text(upload, "dropped"));
    plugin->upload_close(upload);
    ck_assert_uint_eq(staged(), 1);
    ck_ok(finish(zero, "kept"));
    ck_assert_str_eq(get("key"), "kept");
    ck_assert_uint_eq(staged(), 0);
}
END_TEST

START_TEST(tokens_of_bytes_overwritten_from_offset_0_are_conflict)
{
    char text[3][REGSTORE_TOKEN_MAX];
    suspend(begin(NULL, 0), text[0]);
    for (unsigned i = 1; i < 3; i++) {
        struct regstore_upload *upload = resume(text[i - 1]);
        ck_ok(write_text(upload, "text"));
        suspend(upload, text[i]);
    }
    struct regstore_upload *upload = resume(text[0]);
    ck_ok(write_text(upload, "and more than that"));
    plugin->upload_close(upload);
    ck_status(finish(text[1], "x"), REGSTORE_CONFLICT);
    ck_status(finish(text[2], "x"), REGSTORE_CONFLICT);
}
END_TEST

START_TEST(commit_from_the_token_before_the_newest_cuts_what_came_after)
{
    make_tokens(3, NULL, 0);
    struct regstore_upload *upload = resume(tokens[1]);
    ck_ok(commit(upload, "key", 0));
    plugin->upload_close(upload);
    ck_assert_str_eq(get("key"), "01");
    ck_assert_uint_eq(staged(), 0);
}
END_TEST

START_TEST(staging_file_that_lost_bytes_is_gone)
{
    make_tokens(3, NULL, 0);
    ck_assert_uint_eq(staged(), 1);
    ck_assert_int_eq(truncate(staged_path, 2), 0);
    ck_status(finish(tokens[2], "x"), REGSTORE_GONE);
    ck_ok(finish(tokens[1], "x"));
    ck_assert_str_eq(get("key"), "01x");
}
END_TEST

START_TEST(any_token_aborts_the_upload)
{
    for (unsigned i = 0; i < 6; i++) {
        make_tokens(6, NULL, 0);
        struct regstore_upload *upload = resume(tokens[i]);
        ck_ok(plugin->upload_abort(upload, plain()));
        plugin->upload_close(upload);
        ck_assert_uint_eq(staged(), 0);
        ck_status(finish(tokens[5], "x"), REGSTORE_GONE);
    }
}
END_TEST

START_TEST(sole_abort_drops_all_unfinished_at_its_key_and_no_others)
{
    make_tokens(2, "a/key", 0);
    make_tokens(2, "another/key", 0);
    struct regstore_upload *upload = begin("a/key", REGSTORE_UPLOAD_SOLE);
    ck_assert_uint_eq(staged(), 2);
    ck_ok(plugin->upload_abort(upload, plain()));
    plugin->upload_close(upload);
    ck_assert_uint_eq(staged(), 1);
    upload = resume(tokens[1]);
    ck_ok(commit(upload, NULL, 0));
    plugin->upload_close(upload);
    ck_assert_str_eq(get("another/key"), "01");
}
END_TEST

START_TEST(sealed_upload_stays_sealed_through_its_token)
{
    char token[REGSTORE_TOKEN_MAX];
    ck_ok(put("taken/below", "x"));
    struct regstore_upload *upload = begin(NULL, 0);
    ck_ok(write_text(upload, "text"));
    ck_ok(put("key", "there"));
    ck_status(commit(upload, "key", REGSTORE_COMMIT_IF_ABSENT), REGSTORE_EXISTS);
    suspend(upload, token);
    upload = resume(token);
    ck_status(write_text(upload, "more"), REGSTORE_STATE);
    ck_ok(commit(upload, "other", 0));
    plugin->upload_close(upload);
    ck_assert_str_eq(get("other"), "text");
}
END_TEST

START_TEST(token_of_another_storage_path_is_invalid)
{
    make_tokens(1, NULL, 0);
    struct regstore_store *mine = store;
    store = open_store("/elsewhere", NULL);
    ck_assert_ptr_null(resume(tokens[0]));
    ck_assert_ptr_nonnull(strstr(error.message, "storage_path"));
    plugin->store_close(store);
    store = mine;
}
END_TEST

/* A token with one byte of its inside changed and a right checksum: forged, as far as that goes. */
static void forge(const struct plug_buf *body, size_t at, uint8_t mask,
                  char token[REGSTORE_TOKEN_MAX])
{
    struct plug_call call = {0};
    struct plug_buf forged = {0};
    plug_buf_add(&forged, body->data, body->len);
    forged.data[at] = (char)((uint8_t)forged.data[at] ^ mask);
    ck_ok(plug_token_seal(&call, "local1", &forged, token, REGSTORE_TOKEN_MAX));
    plug_buf_clear(&forged);
}

/* Commits what a forged token opens, if it opens anything. */
static bool is_accepted(const char *token)
{
    struct regstore_upload *upload = resume(token);
    if (upload == NULL)
        return false;
    const regstore_status status = commit(upload, NULL, 0);
    plugin->upload_abort(upload, plain());
    plugin->upload_close(upload);
    return status == REGSTORE_OK;
}

START_TEST(forged_token_changes_no_blob_but_its_own_key)
{
    struct plug_call call = {0};
    struct plug_buf body = {0};
    char token[REGSTORE_TOKEN_MAX];
    ck_ok(put("other", "untouched"));
    ck_ok(put("a/other", "untouched"));
    make_tokens(2, "a/key", REGSTORE_UPLOAD_SHA256);
    ck_ok(plug_token_open(&call, "local1", tokens[1], &body));
    for (size_t at = 0; at < body.len; at++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            forge(&body, at, (uint8_t)(1u << bit), token);
            (void)is_accepted(token); /* Either way is fine; what it does is looked at below. */
        }
    }
    plug_buf_clear(&body);
    ck_assert_str_eq(get("other"), "untouched");
    ck_assert_str_eq(get("a/other"), "untouched");
    ck_assert_int_ne(access(file_of("../key"), F_OK), 0);
}
END_TEST

START_TEST(forged_key_in_a_token_is_refused)
{
    static const char *const keys[] = {"../escaped", "/etc/escaped", "a/../b", "uploads/x", ""};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        struct plug_call call = {0};
        struct plug_buf body = {0}, forged = {0};
        char token[REGSTORE_TOKEN_MAX], honest[16];
        snprintf(honest, sizeof honest, "%.*s", (int)strlen(keys[i]), "kkkkkkkkkkkkkkk");
        make_tokens(1, honest[0] == '\0' ? "k" : honest, 0);
        ck_ok(plug_token_open(&call, "local1", tokens[0], &body));
        char *key = memmem(body.data, body.len, honest, strlen(honest));
        ck_assert_ptr_nonnull(key);
        plug_buf_add(&forged, body.data, body.len);
        memcpy(forged.data + (key - body.data), keys[i], strlen(keys[i]));
        if (keys[i][0] == '\0') { /* text "k": its length becomes zero */
            char *k = memrchr(body.data, 'k', body.len);
            ck_assert_ptr_nonnull(k);
            plug_buf_reset(&forged);
            plug_buf_add(&forged, body.data, (size_t)(k - body.data));
            forged.data[forged.len - 1]--;
            plug_buf_add(&forged, k + 1, body.len - (size_t)(k + 1 - body.data));
        }
        ck_ok(plug_token_seal(&call, "local1", &forged, token, sizeof token));
        ck_assert_msg(resume(token) == NULL, "'%s'", keys[i]);
        plug_buf_clear(&body);
        plug_buf_clear(&forged);
    }
}
END_TEST

START_TEST(only_the_one_spelling_is_a_staging_name)
{
    struct local_name name = {.upload = "01234567-89ab-4def-8123-456789abcdef",
                              .key = "00112233445566778899aabbccddeeff",
                              .epochs = {{UINT64_MAX, UINT64_MAX}, {1, 0}, {0, 0}}};
    struct local_name back;
    char text[LOCAL_NAME_MAX], changed[LOCAL_NAME_MAX + 8];
    local_name_text(&name, text);
    ck_assert(local_name_parse(text, &back));
    ck_assert_mem_eq(&name.epochs, &back.epochs, sizeof name.epochs);
    for (size_t at = 0; at < strlen(text); at++) {
        static const char wrong[] = "/ .-xX+";
        for (size_t i = 0; i < sizeof wrong - 1; i++) {
            snprintf(changed, sizeof changed, "%s", text);
            if (changed[at] == wrong[i] || (at < 36 && wrong[i] == '-'))
                continue;
            changed[at] = wrong[i];
            ck_assert_msg(!local_name_parse(changed, &back), "'%s'", changed);
        }
        snprintf(changed, sizeof changed, "%.*s", (int)at, text);
        ck_assert_msg(!local_name_parse(changed, &back), "'%s'", changed);
    }
    snprintf(changed, sizeof changed, "%s0", text);
    ck_assert(!local_name_parse(changed, &back));
}
END_TEST

/* A token at offset 0 has no trace in the store: only an empty blob can be its own. */
START_TEST(empty_upload_if_absent_is_ok_over_its_own_blob_and_exists_over_another)
{
    char token[REGSTORE_TOKEN_MAX];
    suspend(begin(NULL, 0), token);
    for (unsigned i = 0; i < 3; i++) {
        struct regstore_upload *upload = resume(token);
        ck_ok(commit(upload, "key", REGSTORE_COMMIT_IF_ABSENT));
        ck_ok(commit(upload, "key", 0));
        plugin->upload_close(upload);
        ck_assert_str_eq(get("key"), "");
        ck_assert_uint_eq(staged(), 0);
    }
    ck_ok(put("key", "x"));
    struct regstore_upload *upload = resume(token);
    ck_status(commit(upload, "key", REGSTORE_COMMIT_IF_ABSENT), REGSTORE_EXISTS);
    ck_ok(plugin->upload_abort(upload, plain()));
    plugin->upload_close(upload);
    ck_assert_str_eq(get("key"), "x");
    ck_ok(put("empty", ""));
    upload = begin(NULL, 0); /* has no token: the blob must be another's */
    ck_status(commit(upload, "empty", REGSTORE_COMMIT_IF_ABSENT), REGSTORE_EXISTS);
    ck_ok(plugin->upload_abort(upload, plain()));
    plugin->upload_close(upload);
    ck_assert_uint_eq(staged(), 0);
}
END_TEST

void add_token_tests(Suite *suite)
{
    add_claim(suite, empty_upload_if_absent_is_ok_over_its_own_blob_and_exists_over_another);
    add_claim(suite, newest_token_and_the_one_before_it_go_on);
    add_claim(suite, token_before_the_newest_goes_on_after_the_newest_was_written_after);
    add_claim(suite, one_token_goes_on_as_often_as_its_successors_are_dropped);
    add_claim(suite, token_of_overwritten_bytes_is_conflict);
    add_claim(suite, token_of_offset_0_takes_up_what_was_begun_and_leaves_nothing);
    add_claim(suite, tokens_of_bytes_overwritten_from_offset_0_are_conflict);
    add_claim(suite, commit_from_the_token_before_the_newest_cuts_what_came_after);
    add_claim(suite, staging_file_that_lost_bytes_is_gone);
    add_claim(suite, any_token_aborts_the_upload);
    add_claim(suite, sole_abort_drops_all_unfinished_at_its_key_and_no_others);
    add_claim(suite, sealed_upload_stays_sealed_through_its_token);
    add_claim(suite, token_of_another_storage_path_is_invalid);
    add_claim(suite, forged_token_changes_no_blob_but_its_own_key);
    add_claim(suite, forged_key_in_a_token_is_refused);
    add_claim(suite, only_the_one_spelling_is_a_staging_name);
}
